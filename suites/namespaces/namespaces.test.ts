// SPDX-License-Identifier: MIT
/** The module's protocol exists in the initial network namespace only. */
import { type Datagram, NLM_F_ACK, type Socket } from 'netlink-vmtest/netlink'
import {
  acknowledgement,
  exchange,
  heard,
  loadModule,
  NetworkNamespace,
  unloadModule,
} from 'netlink-vmtest/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { get, notification, openExample, reply, update } from '../support/nlexample.ts'

let elsewhere: NetworkNamespace
let a: Socket
beforeAll(() => {
  loadModule('nlexample')
  elsewhere = new NetworkNamespace()
})
afterAll(() => {
  elsewhere[Symbol.dispose]()
  unloadModule('nlexample')
})
beforeEach(() => {
  a = openExample()
})
afterEach(() => a.close())

describe('another network namespace', () => {
  it.each([
    ['UPD', update(5)],
    ['GET', get()],
  ])('%s: sendto ECONNREFUSED', async (_name, request) => {
    a.send(update(0x01020304))
    using subscriber = openExample({ memberships: [1] })
    using socket = elsewhere.run(() => openExample())
    expect(() => socket.send(request)).toThrow('sendto: ECONNREFUSED')
    // the socket's namespace counts, not the sender's
    expect(() => elsewhere.run(() => socket.send(request))).toThrow('sendto: ECONNREFUSED')
    expect(await exchange(a, get())).toEqual([reply(0x01020304, a)])
    expect(await heard(subscriber)).toEqual([])
  })

  it('a socket opened here works from there', async () => {
    using subscriber = openExample({ memberships: [1] })
    const request = update(6, { flags: NLM_F_ACK, sequence: 1 })
    elsewhere.run(() => a.send(request))
    expect(await heard(a)).toEqual([acknowledgement(request, a)])
    expect(await heard(subscriber)).toEqual([notification(6, a, 1)])
  })

  it.each([
    ['ADD_MEMBERSHIP', { memberships: [1] }],
    ['bind mask', { groups: 1 }],
  ])('a subscriber there, by %s, hears nothing', async (_name, subscription) => {
    using subscriber = elsewhere.run(() => openExample(subscription))
    using neighbour = elsewhere.run(() => openExample())
    a.send(update(7))
    // nobody acknowledges there: a neighbour's message has to mark the end
    neighbour.send(Buffer.from('first'), { portId: subscriber.portId })
    const first: Datagram = await subscriber.receive()
    expect([first.portId, first.bytes.toString()]).toEqual([neighbour.portId, 'first'])
  })
})
