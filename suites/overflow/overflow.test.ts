// SPDX-License-Identifier: MIT
/** Full receive buffers: which socket gets ENOBUFS, what is lost, and that it goes on. */
import { NLM_F_ACK, OverflowError, type Socket } from 'netlink-vmtest/netlink'
import {
  acknowledgementBytes,
  drain,
  exchange,
  heard,
  loadModule,
  transcript,
  unloadModule,
} from 'netlink-vmtest/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { get, notification, openExample, reply, update, variableBytes } from '../support/nlexample.ts'

const count = 400
const receiveBuffer = 4096

let a: Socket
beforeAll(() => loadModule('nlexample'))
afterAll(() => unloadModule('nlexample'))
beforeEach(() => {
  a = openExample()
})
afterEach(() => a.close())

/** Requests in a datagram, whose answers fit into the receive buffer. */
const batch = 50
const requests = Array.from({ length: count }, (_, i) => update(i, { flags: NLM_F_ACK, sequence: i }))

/** Sends the updates, and checks that each is acknowledged. */
function updateAll(): void {
  for (let first = 0; first < count; first += batch) {
    const some = requests.slice(first, first + batch)
    a.send(Buffer.concat(some))
    expect(transcript(drain(a))).toBe(transcript(some.map(request => acknowledgementBytes(request, a))))
  }
}

/** The notifications of the first of them. */
const notifications = (howMany: number) =>
  transcript(
    Array.from({ length: howMany }, (_, i) => variableBytes(i, a, i)),
    { groups: 1 },
  )

describe.each([
  ['ADD_MEMBERSHIP', { memberships: [1] }],
  ['bind mask', { groups: 1 }],
])('subscriber by %s with SO_RCVBUF 4096, 400 UPDs', (_name, subscription) => {
  it('the sender gets 400 acks; the subscriber one ENOBUFS, 9-10 messages, then hears new ones again', async () => {
    using subscriber = openExample({ ...subscription, receiveBuffer })
    updateAll()
    const [first, ...rest] = drain(subscriber)
    expect(first).toBeInstanceOf(OverflowError)
    expect([9, 10]).toContain(rest.length)
    expect(transcript(rest)).toBe(notifications(rest.length))

    a.send(update(0xffffffff, { sequence: 1 }))
    expect(await heard(subscriber)).toEqual([notification(0xffffffff, a, 1)])
  })

  it('with NETLINK_NO_ENOBUFS no error, still lost', async () => {
    using subscriber = openExample({ ...subscription, receiveBuffer, noEnobufs: true })
    updateAll()
    const messages = drain(subscriber)
    expect([9, 10]).toContain(messages.length)
    expect(transcript(messages)).toBe(notifications(messages.length))

    a.send(update(1, { sequence: 2 }))
    expect(await heard(subscriber)).toEqual([notification(1, a, 2)])
  })

  it('others lose nothing', async () => {
    using slow = openExample({ ...subscription, receiveBuffer })
    using other = openExample({ memberships: [1], receiveBuffer: 1 << 20 })
    other.setReceiveBuffer(4 << 20, { force: true })
    updateAll()
    expect(transcript(drain(other))).toBe(notifications(count))
    expect(await heard(other)).toEqual([])
    expect(drain(slow)[0]).toBeInstanceOf(OverflowError)
  })
})

describe('requester with SO_RCVBUF 4096, 400 GETs unread', () => {
  it('every sendto succeeds and none blocks; one ENOBUFS on recv, 9-10 replies', async () => {
    using requester = openExample({ receiveBuffer })
    a.send(update(0x01020304))
    for (let i = 0; i < count; i++) requester.send(get({ sequence: i }))
    const [first, ...rest] = drain(requester)
    expect(first).toBeInstanceOf(OverflowError)
    expect([9, 10]).toContain(rest.length)
    expect(transcript(rest)).toBe(transcript(rest.map((_, i) => variableBytes(0x01020304, requester, i))))

    expect(await exchange(requester, get({ sequence: 1 }))).toEqual([reply(0x01020304, requester, 1)])
  })
})
