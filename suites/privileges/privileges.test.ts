// SPDX-License-Identifier: MIT
/** Who may do what. Root is the test itself; nobody is uid 65534 without capabilities. */
import { NLM_F_ACK, type Socket } from 'netlink-vmtest/netlink'
import {
  acknowledgement,
  asUser,
  CAP_NET_ADMIN,
  exchange,
  hasUserNamespaces,
  heard,
  loadModule,
  nobody,
  refusal,
  sendFromUserNamespace,
  unloadModule,
  withoutCapability,
} from 'netlink-vmtest/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { get, openExample, reply, update } from '../support/nlexample.ts'

const ACK = NLM_F_ACK
/** The value, which must not change. */
const kept = 0x01020304

/** Opened by root. */
let a: Socket
let subscriber: Socket
/** Opened by nobody. */
let b: Socket

beforeAll(() => loadModule('nlexample'))
afterAll(() => unloadModule('nlexample'))
beforeEach(() => {
  a = openExample()
  a.send(update(kept))
  subscriber = openExample({ memberships: [1] })
  b = asUser(nobody, () => openExample())
})
afterEach(() => {
  for (const socket of [a, b, subscriber]) socket.close()
})

/** The value has not changed, and nobody was notified. */
async function nothingHappened(): Promise<void> {
  expect(await exchange(a, get()), 'value kept').toEqual([reply(kept, a)])
  expect(await heard(subscriber), 'no notification').toEqual([])
}

describe('unprivileged (uid 65534)', () => {
  it.each([
    ['UPD', update(5, { sequence: 1 })],
    ['UPD+ACK', update(5, { flags: ACK, sequence: 2 })],
    ['UPD without the attribute', update(Buffer.alloc(0), { sequence: 3 })],
    ['GET', get({ sequence: 4 })],
    ['GET+ACK', get({ flags: ACK, sequence: 5 })],
  ])('%s: ERROR EPERM, value kept', async (_name, request) => {
    asUser(nobody, () => b.send(request))
    expect(await heard(b)).toEqual([refusal(request, b, 'EPERM')])
    await nothingHappened()
  })

  it('by send() without an address: the same', async () => {
    const request = update(6, { sequence: 6 })
    asUser(nobody, () => b.send(request, null))
    expect(await heard(b)).toEqual([refusal(request, b, 'EPERM')])
    await nothingHappened()
  })

  it('ADD_MEMBERSHIP: EPERM', () => {
    expect(() => asUser(nobody, () => b.join(1))).toThrow('setsockopt: EPERM')
  })

  it('bind mask: EPERM', () => {
    expect(() => asUser(nobody, () => openExample({ groups: 1 }))).toThrow('bind: EPERM')
  })

  it('sendto a group: EPERM', async () => {
    expect(() => asUser(nobody, () => b.send(update(7), { groups: 1 }))).toThrow('sendto: EPERM')
    await nothingHappened()
  })

  it('sendto another port id: EPERM', async () => {
    expect(() => asUser(nobody, () => b.send(update(8), { portId: a.portId }))).toThrow('sendto: EPERM')
    expect(await heard(a)).toEqual([])
    await nothingHappened()
  })
})

describe('socket opened by root, used by 65534', () => {
  it.each([
    ['with an address', undefined],
    ['by send() without one', null],
  ])('EPERM: %s', async (_name, to) => {
    for (const request of [update(9, { flags: ACK, sequence: 1 }), get({ sequence: 2 })]) {
      asUser(nobody, () => a.send(request, to))
      expect(await heard(a)).toEqual([refusal(request, a, 'EPERM')])
    }
    await nothingHappened()
  })
})

describe('socket opened by 65534, used by root', () => {
  it('ok with an address', async () => {
    const request = update(kept, { flags: ACK, sequence: 1 })
    expect(await exchange(b, request)).toEqual([acknowledgement(request, b)])
    expect(await exchange(b, get({ sequence: 2 }))).toEqual([reply(kept, b, 2)])
  })

  it('EPERM by send() without one', async () => {
    for (const request of [update(10, { flags: ACK, sequence: 3 }), get({ sequence: 4 })]) {
      b.send(request, null)
      expect(await heard(b)).toEqual([refusal(request, b, 'EPERM')])
    }
    await nothingHappened()
  })
})

describe.runIf(hasUserNamespaces)('CAP_NET_ADMIN only in an own user namespace', () => {
  it.each([
    ['UPD', update(11, { flags: ACK, sequence: 1 })],
    ['GET', get({ sequence: 2 })],
  ])('%s: EPERM', async (_name, request) => {
    sendFromUserNamespace(a, request)
    expect(await heard(a)).toEqual([refusal(request, a, 'EPERM')])
    await nothingHappened()
  })
})

describe('what counts is CAP_NET_ADMIN, not the uid', () => {
  const request = update(kept, { flags: ACK, sequence: 1 })

  it('root without CAP_NET_ADMIN: EPERM', async () => {
    const other = update(13, { flags: ACK, sequence: 2 })
    withoutCapability(CAP_NET_ADMIN, () => a.send(other))
    expect(await heard(a)).toEqual([refusal(other, a, 'EPERM')])
    await nothingHappened()
  })

  it('uid 65534 with CAP_NET_ADMIN alone: ok', async () => {
    asUser(nobody, () => b.send(request), { capabilities: [CAP_NET_ADMIN] })
    expect(await heard(b)).toEqual([acknowledgement(request, b)])
  })
})

describe('root', () => {
  it('is allowed again after each of these', async () => {
    const request = update(12, { flags: ACK, sequence: 1 })
    asUser(nobody, () => a.send(request))
    a.send(request)
    expect(await heard(a)).toEqual([refusal(request, a, 'EPERM'), acknowledgement(request, a)])
  })
})
