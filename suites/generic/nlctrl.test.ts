// SPDX-License-Identifier: MIT
/** nlctrl's messages about genlexample's family: numbers, policy, registration and its end. */
import {
  attr,
  encodeGenericHeader,
  encodeMessage,
  GENL_ID_CTRL,
  Message,
  NLM_F_DUMP,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_DONE,
  type Socket,
} from 'netlink-vmtest/netlink'
import {
  type ControlMessage,
  CTRL_CMD_DELFAMILY,
  CTRL_CMD_DELMCAST_GRP,
  CTRL_CMD_GETFAMILY,
  CTRL_CMD_GETPOLICY,
  CTRL_CMD_NEWFAMILY,
  CTRL_CMD_NEWMCAST_GRP,
  heard,
  loadModule,
  moduleReferences,
  openGeneric,
  parseControl,
  resolveFamily,
  unloadModule,
} from 'netlink-vmtest/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME } from '../../guest/programs/nlctrl.ts'
import { NLEX_FAMILY_NAME } from '../support/genlexample.ts'

let a: Socket
beforeEach(() => {
  a = openGeneric()
})
afterEach(() => {
  a.close()
  if (moduleReferences('genlexample') !== undefined) unloadModule('genlexample')
})

const described = {
  name: NLEX_FAMILY_NAME,
  id: expect.any(Number),
  version: 1,
  headerSize: 0,
  maxAttribute: 1,
  // GENL_CMD_CAP_DO and GENL_CMD_CAP_HASPOL
  operations: [
    { id: 0, flags: 0xa },
    { id: 1, flags: 0xa },
  ],
  groups: { example: expect.any(Number) },
}

describe('GETFAMILY nlex', () => {
  it('name, id, version 1, hdrsize 0, maxattr 1, ops 1 and 0 with flags 0xa, group example', async () => {
    loadModule('genlexample')
    const family = await resolveFamily(a, NLEX_FAMILY_NAME)
    expect(family).toEqual({ command: CTRL_CMD_NEWFAMILY, ...described })
    expect(family.id).toBeGreaterThan(GENL_ID_CTRL)
  })

  it('by its id: the same', async () => {
    loadModule('genlexample')
    const family = await resolveFamily(a, NLEX_FAMILY_NAME)
    const [reply] = await a.request({ type: GENL_ID_CTRL }, [
      encodeGenericHeader({ command: CTRL_CMD_GETFAMILY }),
      attr.u16(CTRL_ATTR_FAMILY_ID, family.id),
    ])
    expect(reply && parseControl(reply)).toEqual(family)
  })

  it.each(['nosuch', 'nle', 'nlexx', 'NLEX'])('%s: ENOENT', async name => {
    loadModule('genlexample')
    await expect(resolveFamily(a, name)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('before the module is loaded and after rmmod: ENOENT', async () => {
    await expect(resolveFamily(a, NLEX_FAMILY_NAME)).rejects.toMatchObject({ code: 'ENOENT' })
    loadModule('genlexample')
    await resolveFamily(a, NLEX_FAMILY_NAME)
    unloadModule('genlexample')
    await expect(resolveFamily(a, NLEX_FAMILY_NAME)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('GETPOLICY dump', () => {
  it('two op rows, policy 0 attribute 1: U32 0..4294967295, DONE', async () => {
    loadModule('genlexample')
    a.send(
      encodeMessage(
        { type: GENL_ID_CTRL, flags: NLM_F_REQUEST | NLM_F_DUMP, sequence: 1 },
        encodeGenericHeader({ command: CTRL_CMD_GETPOLICY }),
        attr.string(CTRL_ATTR_FAMILY_NAME, NLEX_FAMILY_NAME),
      ),
    )
    const rows: ControlMessage[] = []
    for (let done = false; !done; ) {
      const datagram = await a.receive()
      for (const message of datagram.messages()) {
        expect([message.sequence, message.portId, message.flags & NLM_F_MULTI]).toEqual([
          1,
          a.portId,
          NLM_F_MULTI,
        ])
        if (message.type === NLMSG_DONE) done = true
        else rows.push(parseControl(message))
      }
    }
    const { id } = await resolveFamily(a, NLEX_FAMILY_NAME)
    const row = (content: Partial<ControlMessage>) => ({ command: CTRL_CMD_GETPOLICY, id, ...content })
    // the commands in the module's own order
    expect(rows.slice(0, 2)).toEqual(
      expect.arrayContaining([
        row({ commandPolicies: { 0: { 1: 0 } } }),
        row({ commandPolicies: { 1: { 1: 0 } } }),
      ]),
    )
    expect(rows.slice(2)).toEqual([
      row({ policies: { 0: { 1: { type: 'U32', minimum: 0n, maximum: 0xffffffffn } } } }),
    ])
  })
})

describe("load and unload, heard on nlctrl's notify group", () => {
  /** The messages since the last look. */
  async function said(socket: Socket): Promise<ControlMessage[]> {
    const datagrams = await heard(socket)
    return datagrams.map(({ from, messages }) => {
      const [message] = messages
      if (message === undefined || messages.length > 1) throw new Error('not one message a datagram')
      const { type, flags, sequence, portId, payload } = message
      expect({ from, type, flags, sequence, portId }).toEqual({
        from: 0,
        type: GENL_ID_CTRL,
        flags: '0x0',
        sequence: 0,
        portId: 0,
      })
      return parseControl(
        new Message(encodeMessage({ type }, Buffer.from(payload.replaceAll(' ', ''), 'hex'))),
      )
    })
  }

  it('NEWFAMILY, NEWMCAST_GRP; DELMCAST_GRP, DELFAMILY', async () => {
    const { groups } = await resolveFamily(a, 'nlctrl')
    using listener = openGeneric({ memberships: [groups?.notify ?? 0] })

    loadModule('genlexample')
    const { id, groups: own } = await resolveFamily(a, NLEX_FAMILY_NAME)
    const group = { name: NLEX_FAMILY_NAME, id, groups: own }
    expect(await said(listener)).toEqual([
      { command: CTRL_CMD_NEWFAMILY, ...described, id, groups: own },
      { command: CTRL_CMD_NEWMCAST_GRP, ...group },
    ])

    unloadModule('genlexample')
    expect(await said(listener)).toEqual([
      { command: CTRL_CMD_DELMCAST_GRP, ...group },
      // the group no longer exists then
      expect.objectContaining({ command: CTRL_CMD_DELFAMILY, name: NLEX_FAMILY_NAME, id }),
    ])
  })
})
