// SPDX-License-Identifier: MIT
/** Unusual attributes that are accepted; refused ones are in suites/errors. */
import { attr, NLA_F_NET_BYTEORDER, NLM_F_ACK, type Socket } from 'netlink-vmtest/netlink'
import { acknowledgement, exchange, heard, loadModule, refusal, unloadModule } from 'netlink-vmtest/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { get, NLE_MYVAR, notification, openExample, reply, update } from '../support/nlexample.ts'

const ACK = NLM_F_ACK

let a: Socket
let subscriber: Socket
beforeAll(() => loadModule('nlexample'))
afterAll(() => unloadModule('nlexample'))
beforeEach(() => {
  a = openExample()
  subscriber = openExample({ memberships: [1] })
})
afterEach(() => {
  a.close()
  subscriber.close()
})

/** The request is acknowledged, and every socket reads this value afterwards. */
async function sets(attributes: Uint8Array, value: number): Promise<void> {
  const request = update(attributes, { flags: ACK, sequence: 1 })
  expect(await exchange(a, request)).toEqual([acknowledgement(request, a)])
  expect(await heard(subscriber)).toEqual([notification(value, a, 1)])
  expect(await exchange(a, get({ sequence: 2 }))).toEqual([reply(value, a, 2)])
}

describe('NLA_F_NET_BYTEORDER set', () => {
  it.each([0x01020304, 1, 65536, 0xffffffff])('accepted, not swapped: %i', value =>
    sets(attr.u32(NLE_MYVAR | NLA_F_NET_BYTEORDER, value), value),
  )

  it('accepted, not swapped: big-endian bytes are taken as they are', () =>
    sets(attr.be32(NLE_MYVAR | NLA_F_NET_BYTEORDER, 0x01020304), 0x04030201))
})

describe('NLE_MYVAR twice', () => {
  it('the last wins', () => sets(Buffer.concat([attr.u32(NLE_MYVAR, 1), attr.u32(NLE_MYVAR, 2)]), 2))

  it('the last wins, of three', () =>
    sets(Buffer.concat([5, 0xffffffff, 0].map(value => attr.u32(NLE_MYVAR, value))), 0))

  it('one of them bad: EINVAL', async () => {
    a.send(update(3))
    const request = update(Buffer.concat([attr.u32(NLE_MYVAR, 4), attr.u16(NLE_MYVAR, 4)]), { flags: ACK })
    expect(await exchange(a, request)).toEqual([refusal(request, a, 'EINVAL')])
    expect(await exchange(a, get())).toEqual([reply(3, a)])
  })
})
