// SPDX-License-Identifier: MIT
/** Who may use genlexample's family, and from where. Root is the test itself; nobody is uid 65534. */
import { NLM_F_ACK, type Socket } from 'netlink-vmtest/netlink'
import {
  acknowledgement,
  asUser,
  CAP_NET_ADMIN,
  exchange,
  hasUserNamespaces,
  heard,
  loadModule,
  NetworkNamespace,
  nobody,
  openGeneric,
  refusal,
  resolveFamily,
  sendFromUserNamespace,
  unloadModule,
  withoutCapability,
} from 'netlink-vmtest/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { GenericExample, NLEX_FAMILY_NAME } from '../support/genlexample.ts'

const ACK = NLM_F_ACK

let nlex: GenericExample
/** Opened by root. */
let a: Socket
/** Opened by nobody. */
let b: Socket
let subscriber: Socket
beforeAll(async () => {
  loadModule('genlexample')
  nlex = await GenericExample.resolve()
})
afterAll(() => unloadModule('genlexample'))
beforeEach(() => {
  a = openGeneric()
  b = asUser(nobody, () => openGeneric())
  subscriber = openGeneric(nlex.byMembership)
})
afterEach(() => {
  for (const socket of [a, b, subscriber]) socket.close()
})

describe('allowed', () => {
  const request = () => nlex.update(5, { flags: ACK, sequence: 1 })
  const get = () => nlex.get({ sequence: 2 })

  /** Both requests were handled, for that socket. */
  async function handled(by: Socket): Promise<void> {
    expect(await heard(by)).toEqual([acknowledgement(request(), by), nlex.reply(5, by, 2)])
    expect(await heard(subscriber)).toEqual([nlex.notification(5, by, 1)])
  }

  it('unprivileged (uid 65534) UPD, GET', async () => {
    asUser(nobody, () => {
      b.send(request())
      b.send(get())
    })
    await handled(b)
  })

  it('root without CAP_NET_ADMIN', async () => {
    withoutCapability(CAP_NET_ADMIN, () => {
      a.send(request())
      a.send(get())
    })
    await handled(a)
  })

  it.each([
    ['with an address', undefined],
    ['by send() without one', null],
  ])('socket opened by root, used by 65534, %s', async (_name, to) => {
    asUser(nobody, () => {
      a.send(request(), to)
      a.send(get(), to)
    })
    await handled(a)
  })

  it.each([
    ['with an address', undefined],
    ['by send() without one', null],
  ])('socket opened by 65534, used by root, %s', async (_name, to) => {
    b.send(request(), to)
    b.send(get(), to)
    await handled(b)
  })

  it.runIf(hasUserNamespaces)('CAP_NET_ADMIN only in an own user namespace', async () => {
    sendFromUserNamespace(a, request())
    sendFromUserNamespace(a, get())
    await handled(a)
  })

  it('unprivileged ADD_MEMBERSHIP / bind mask', async () => {
    using member = asUser(nobody, () => openGeneric(nlex.byMembership))
    using mask = asUser(nobody, () => openGeneric(nlex.byMask))
    a.send(nlex.update(6, { sequence: 3 }))
    for (const socket of [member, mask]) expect(await heard(socket)).toEqual([nlex.notification(6, a, 3)])
  })
})

describe('unprivileged sendto a group or another port id', () => {
  it('EPERM, and nothing is handled', async () => {
    a.send(nlex.update(7))
    await heard(subscriber)
    const mask = (1 << (nlex.group - 1)) >>> 0
    expect(() => asUser(nobody, () => b.send(nlex.update(8), { groups: mask }))).toThrow('sendto: EPERM')
    expect(() => asUser(nobody, () => b.send(nlex.update(8), { portId: a.portId }))).toThrow('sendto: EPERM')
    expect(await heard(subscriber)).toEqual([])
    expect(await exchange(a, nlex.get())).toEqual([nlex.reply(7, a)])
  })
})

describe('another network namespace', () => {
  let elsewhere: NetworkNamespace
  beforeAll(() => {
    elsewhere = new NetworkNamespace()
  })
  afterAll(() => elsewhere[Symbol.dispose]())

  it('ERROR ENOENT, value kept; GETFAMILY ENOENT', async () => {
    a.send(nlex.update(9))
    await heard(subscriber)
    using socket = elsewhere.run(() => openGeneric())
    const request = nlex.update(10, { flags: ACK, sequence: 1 })
    const get = nlex.get({ sequence: 2 })
    expect(await exchange(socket, request, get)).toEqual([
      refusal(request, socket, 'ENOENT'),
      refusal(get, socket, 'ENOENT'),
    ])
    await expect(resolveFamily(socket, NLEX_FAMILY_NAME)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await heard(subscriber)).toEqual([])
    expect(await exchange(a, nlex.get())).toEqual([nlex.reply(9, a)])
  })

  it('a socket opened here works from there', async () => {
    const request = nlex.update(11, { flags: ACK, sequence: 3 })
    elsewhere.run(() => a.send(request))
    expect(await heard(a)).toEqual([acknowledgement(request, a)])
    expect(await heard(subscriber)).toEqual([nlex.notification(11, a, 3)])
  })
})
