// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import {
  attr,
  encodeGenericHeader,
  encodeMessage,
  GENL_ID_CTRL,
  KernelError,
  Message,
  NETLINK_USERSOCK,
  Socket,
} from '../netlink/index.ts'
import {
  CTRL_CMD_GETPOLICY,
  CTRL_CMD_NEWFAMILY,
  heardUntilMarker,
  openGeneric,
  parseControl,
  resolveFamily,
  wire,
} from './index.ts'

describe('parseControl', () => {
  const control = (command: number, ...attributes: Buffer[]) =>
    parseControl(
      new Message(encodeMessage({ type: GENL_ID_CTRL }, encodeGenericHeader({ command }), ...attributes)),
    )

  it('a family: operations in the order of their numbers, groups by name', () => {
    const operation = (index: number, id: number) => attr.nested(index, attr.u32(1, id), attr.u32(2, 0xa))
    expect(
      control(
        CTRL_CMD_NEWFAMILY,
        ...[attr.string(2, 'nlex'), attr.u16(1, 32), attr.u32(3, 1), attr.u32(4, 0), attr.u32(5, 1)],
        attr.nested(6, operation(1, 1), operation(2, 0)),
        attr.nested(7, attr.nested(1, attr.u32(2, 9), attr.string(1, 'example'))),
      ),
    ).toEqual({
      command: CTRL_CMD_NEWFAMILY,
      name: 'nlex',
      id: 32,
      version: 1,
      headerSize: 0,
      maxAttribute: 1,
      operations: [
        { id: 0, flags: 0xa },
        { id: 1, flags: 0xa },
      ],
      groups: { example: 9 },
    })
  })

  it('the rows of a policy dump, and nothing that is not there', () => {
    expect(control(CTRL_CMD_GETPOLICY, attr.nested(9, attr.nested(1, attr.u32(1, 0))))).toEqual({
      command: CTRL_CMD_GETPOLICY,
      commandPolicies: { 1: { 1: 0 } },
    })
    expect(
      control(CTRL_CMD_GETPOLICY, attr.nested(8, attr.nested(0, attr.nested(1, attr.u32(1, 4))))),
    ).toEqual({ command: CTRL_CMD_GETPOLICY, policies: { 0: { 1: { type: 'U32' } } } })
  })
})

describe('resolveFamily', () => {
  it('nlctrl itself, which every kernel has', async () => {
    using socket = openGeneric()
    expect(await resolveFamily(socket, 'nlctrl')).toMatchObject({ id: GENL_ID_CTRL, name: 'nlctrl' })
    const failure = await resolveFamily(socket, 'nosuch').catch(error => error)
    expect(failure).toBeInstanceOf(KernelError)
    expect(failure).toMatchObject({ code: 'ENOENT', name: 'UnknownFamilyError' })
    expect(failure.message).toMatch(/^ENOENT: there is no generic netlink family 'nosuch', but .*\bnlctrl\b/)
  })
})

describe('heardUntilMarker', () => {
  it('gives all that came, and no more than that, where nobody acknowledges', async () => {
    using socket = Socket.open(NETLINK_USERSOCK)
    using other = Socket.open(NETLINK_USERSOCK)
    expect(await heardUntilMarker(socket)).toEqual([])
    const message = encodeMessage({ type: 16 })
    other.send(message, { portId: socket.portId })
    expect(await heardUntilMarker(socket)).toEqual([wire(message, { from: other.portId })])
  })
})
