// SPDX-License-Identifier: MIT
/** Notifications of genlexample's updates, by membership and by bind mask, and full receive buffers. */
import { attr, NLM_F_ACK, OverflowError, type Socket } from 'netlink-vmtest/netlink'
import {
  acknowledgement,
  acknowledgementBytes,
  drain,
  exchange,
  heard,
  loadModule,
  openGeneric,
  refusal,
  transcript,
  unloadModule,
  wire,
} from 'netlink-vmtest/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { GenericExample } from '../support/genlexample.ts'
import { NLE_MYVAR } from '../support/nlexample.ts'

const ACK = NLM_F_ACK

let nlex: GenericExample
let a: Socket
beforeAll(async () => {
  loadModule('genlexample')
  nlex = await GenericExample.resolve()
})
afterAll(() => unloadModule('genlexample'))
beforeEach(() => {
  a = openGeneric()
})
afterEach(() => a.close())

describe.each(['byMembership', 'byMask'] as const)('notification of a UPD, subscribed %s', how => {
  let subscriber: Socket
  beforeEach(() => {
    subscriber = openGeneric(nlex[how])
  })
  afterEach(() => subscriber.close())

  it('source pid 0, nl_groups the bit of the group; type = family id, seq of the request, pid A, flags 0, len 28, byte for byte', async () => {
    a.send(nlex.update(0x01020304, { sequence: 0x11223344, portId: subscriber.portId }))
    const { bytes, portId, groups } = await subscriber.receive()
    const type = Buffer.alloc(2)
    type.writeUInt16LE(nlex.family)
    const pid = Buffer.alloc(4)
    pid.writeUInt32LE(a.portId)
    expect([portId, groups]).toEqual([0, (1 << (nlex.group - 1)) >>> 0])
    expect(bytes.toString('hex')).toBe(
      `1c000000${type.toString('hex')}000044332211${pid.toString('hex')}${'00010000'}${'08000100'}${'04030201'}`,
    )
    expect(await heard(subscriber)).toEqual([])
  })

  it.each([0, 1, 0xffffffff, 65536])('the value %i', async value => {
    a.send(nlex.update(value, { sequence: 1 }))
    expect(await heard(subscriber)).toEqual([nlex.notification(value, a, 1)])
  })

  it('also when the value did not change; none for a GET', async () => {
    const get = nlex.get({ sequence: 2 })
    expect(await exchange(a, nlex.update(3), get, nlex.update(3, { sequence: 3 }))).toEqual([
      nlex.reply(3, a, 2),
    ])
    expect(await heard(subscriber)).toEqual([nlex.notification(3, a), nlex.notification(3, a, 3)])
  })

  it('none for a failed UPD', async () => {
    const bad = [Buffer.alloc(0), attr.u16(NLE_MYVAR, 1), attr.u32(2, 1)].map(bytes => nlex.update(bytes))
    expect(await exchange(a, ...bad)).toEqual(bad.map(request => refusal(request, a, 'EINVAL')))
    expect(await heard(subscriber)).toEqual([])
  })

  it('a subscribed requester gets it too, before its ack', async () => {
    const request = nlex.update(4, { flags: ACK, sequence: 4 })
    expect(await exchange(subscriber, request)).toEqual([
      nlex.notification(4, subscriber, 4),
      acknowledgement(request, subscriber),
    ])
  })

  it('root sends to the group itself: subscribers get the raw request from A too; the kernel handles it as well', async () => {
    const request = nlex.update(5, { flags: ACK, sequence: 5 })
    const mask = (1 << (nlex.group - 1)) >>> 0
    a.send(request, { groups: mask })
    expect(await heard(a)).toEqual([acknowledgement(request, a)])
    expect(await heard(subscriber)).toEqual([
      wire(request, { from: a.portId, groups: mask }),
      nlex.notification(5, a, 5),
    ])
  })

  it('every subscriber gets one; who is not subscribed nothing; that nobody listens is no error', async () => {
    using second = openGeneric(nlex.byMembership)
    using other = openGeneric()
    a.send(nlex.update(6, { sequence: 6 }))
    for (const socket of [subscriber, second])
      expect(await heard(socket)).toEqual([nlex.notification(6, a, 6)])
    expect(await heard(other)).toEqual([])
    for (const socket of [subscriber, second]) socket.close()
    const request = nlex.update(7, { flags: ACK, sequence: 7 })
    expect(await exchange(a, request)).toEqual([acknowledgement(request, a)])
  })
})

describe('who has left, or is in other groups', () => {
  it('hears nothing', async () => {
    using member = openGeneric(nlex.byMembership)
    member.leave(nlex.group)
    using others = openGeneric({ groups: ~(1 << (nlex.group - 1)) >>> 0 })
    a.send(nlex.update(8))
    expect(await heard(member)).toEqual([])
    expect(await heard(others)).toEqual([])
  })
})

describe('receive buffers that are full', () => {
  const count = 400
  const receiveBuffer = 4096

  /** Requests in a datagram, whose answers fit into the receive buffer. */
  const batch = 50

  function updateAll(): void {
    for (let first = 0; first < count; first += batch) {
      const requests = Array.from({ length: batch }, (_, i) =>
        nlex.update(first + i, { flags: ACK, sequence: first + i }),
      )
      a.send(Buffer.concat(requests))
      expect(transcript(drain(a))).toBe(transcript(requests.map(request => acknowledgementBytes(request, a))))
    }
  }

  /** The notifications of the first of them. */
  const notifications = (howMany: number) =>
    transcript(
      Array.from({ length: howMany }, (_, i) => nlex.variableBytes(i, a, i)),
      { groups: nlex.mask },
    )

  it('subscriber with SO_RCVBUF 4096, 400 UPDs: the sender gets 400 acks; the subscriber one ENOBUFS, 9-10 messages, then hears new ones again', async () => {
    using subscriber = openGeneric({ ...nlex.byMembership, receiveBuffer })
    updateAll()
    const [first, ...rest] = drain(subscriber)
    expect(first).toBeInstanceOf(OverflowError)
    expect([9, 10]).toContain(rest.length)
    expect(transcript(rest)).toBe(notifications(rest.length))
    a.send(nlex.update(1, { sequence: 1 }))
    expect(await heard(subscriber)).toEqual([nlex.notification(1, a, 1)])
  })

  it('with NETLINK_NO_ENOBUFS no error, still lost', async () => {
    using subscriber = openGeneric({ ...nlex.byMembership, receiveBuffer, noEnobufs: true })
    updateAll()
    const messages = drain(subscriber)
    expect([9, 10]).toContain(messages.length)
    expect(transcript(messages)).toBe(notifications(messages.length))
  })

  it('requester with SO_RCVBUF 4096, 400 GETs unread: every sendto succeeds and none blocks; one ENOBUFS on recv, 9-10 replies', async () => {
    using requester = openGeneric({ receiveBuffer })
    a.send(nlex.update(0x01020304))
    for (let i = 0; i < count; i++) requester.send(nlex.get({ sequence: i }))
    const [first, ...rest] = drain(requester)
    expect(first).toBeInstanceOf(OverflowError)
    expect([9, 10]).toContain(rest.length)
    expect(transcript(rest)).toBe(
      transcript(rest.map((_, i) => nlex.variableBytes(0x01020304, requester, i))),
    )
    expect(await exchange(requester, nlex.get({ sequence: 1 }))).toEqual([
      nlex.reply(0x01020304, requester, 1),
    ])
  })
})
