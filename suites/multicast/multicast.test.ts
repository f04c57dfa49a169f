// SPDX-License-Identifier: MIT
/** Notifications of updates, to subscribers by membership and by bind mask. */
import {
  attr,
  encodeMessage,
  NLM_F_ACK,
  NLM_F_REQUEST,
  Socket,
  SystemCallError,
} from 'netlink-vmtest/netlink'
import {
  acknowledgement,
  asUser,
  exchange,
  heard,
  loadModule,
  nobody,
  refusal,
  unloadModule,
  wire,
} from 'netlink-vmtest/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { get, notification, openExample, reply, update } from '../support/nlexample.ts'

const ACK = NLM_F_ACK
const values = [0, 1, 0xffffffff, 65536, 0x01020304]

let a: Socket
beforeAll(() => loadModule('nlexample'))
afterAll(() => unloadModule('nlexample'))
beforeEach(() => {
  a = openExample()
})
afterEach(() => a.close())

describe.each([
  ['ADD_MEMBERSHIP', { memberships: [1] }],
  ['bind mask', { groups: 1 }],
])('notification of a UPD, subscribed by %s', (_name, subscription) => {
  let subscriber: Socket
  beforeEach(() => {
    subscriber = openExample(subscription)
  })
  afterEach(() => subscriber.close())

  it('source pid 0, nl_groups 1; type 16, sequence number of the request, pid A, flags 0, len 24, byte for byte', async () => {
    a.send(update(0x01020304, { sequence: 0x11223344 }))
    const { bytes, portId, groups } = await subscriber.receive()
    const pid = Buffer.alloc(4)
    pid.writeUInt32LE(a.portId)
    expect([portId, groups]).toEqual([0, 1])
    expect(bytes.toString('hex')).toBe(
      `18000000${'1000'}${'0000'}44332211${pid.toString('hex')}${'08000100'}${'04030201'}`,
    )
    expect(await heard(subscriber)).toEqual([])
  })

  it.each(values)('the value %i', async value => {
    a.send(update(value, { sequence: 1 }))
    expect(await heard(subscriber)).toEqual([notification(value, a, 1)])
  })

  it('with ACK: the ack to A alone, the notification to the subscriber alone', async () => {
    const request = update(2, { flags: ACK, sequence: 2 })
    expect(await exchange(a, request)).toEqual([acknowledgement(request, a)])
    expect(await heard(subscriber)).toEqual([notification(2, a, 2)])
  })

  it('also when the value did not change', async () => {
    a.send(update(3, { sequence: 1 }))
    a.send(update(3, { sequence: 2 }))
    expect(await heard(subscriber)).toEqual([notification(3, a, 1), notification(3, a, 2)])
  })

  it('seq 0 and 0xffffffff mirrored', async () => {
    a.send(update(4, { sequence: 0 }))
    a.send(update(5, { sequence: 0xffffffff }))
    expect(await heard(subscriber)).toEqual([notification(4, a, 0), notification(5, a, 0xffffffff)])
  })

  it('pid A also when nlmsg_pid is forged', async () => {
    a.send(update(6, { sequence: 1, portId: subscriber.portId }))
    a.send(update(7, { sequence: 2, portId: 0xffffffff }))
    expect(await heard(subscriber)).toEqual([notification(6, a, 1), notification(7, a, 2)])
  })

  it('each requester by its own port id, in the order of the updates', async () => {
    using b = openExample()
    a.send(update(1, { sequence: 1 }))
    b.send(update(2, { sequence: 1 }))
    a.send(update(3, { sequence: 2 }))
    expect(await heard(subscriber)).toEqual([
      notification(1, a, 1),
      notification(2, b, 1),
      notification(3, a, 2),
    ])
  })

  it('none for a GET', async () => {
    await exchange(a, get(), get({ flags: ACK }))
    expect(await heard(subscriber)).toEqual([])
  })

  it('none for a failed UPD', async () => {
    const without = update(Buffer.alloc(0), { sequence: 1 })
    const short = update(attr.u16(1, 1), { sequence: 2 })
    const unknown = update(Buffer.concat([attr.u32(1, 9), attr.u32(2, 1)]), { sequence: 3 })
    expect(await exchange(a, without, short, unknown)).toEqual(
      [without, short, unknown].map(request => refusal(request, a, 'EINVAL')),
    )
    expect(await heard(subscriber)).toEqual([])
  })

  it('a subscribed requester gets it too, before its ack', async () => {
    const request = update(8, { flags: ACK, sequence: 3 })
    expect(await exchange(subscriber, request)).toEqual([
      notification(8, subscriber, 3),
      acknowledgement(request, subscriber),
    ])
  })

  it('a subscribed requester without ACK: the notification alone', async () => {
    expect(await exchange(subscriber, update(9, { sequence: 4 }))).toEqual([notification(9, subscriber, 4)])
  })

  it('a subscriber still gets replies to its own GETs', async () => {
    a.send(update(10, { sequence: 5 }))
    expect(await exchange(subscriber, get({ sequence: 6 }))).toEqual([
      notification(10, a, 5),
      reply(10, subscriber, 6),
    ])
  })

  it('every subscriber gets one', async () => {
    using second = openExample({ groups: 1 })
    using third = openExample({ memberships: [1] })
    a.send(update(11, { sequence: 7 }))
    for (const socket of [subscriber, second, third])
      expect(await heard(socket)).toEqual([notification(11, a, 7)])
  })

  it('root sends to nl_groups=1 itself: subscribers get the raw request from A too; the kernel handles it as well', async () => {
    const request = update(12, { flags: ACK, sequence: 8 })
    a.send(request, { groups: 1 })
    expect(await heard(a)).toEqual([acknowledgement(request, a)])
    expect(await heard(subscriber)).toEqual([
      // from A's port id to the group, as A wrote it
      wire(request, { from: a.portId, groups: 1 }),
      notification(12, a, 8),
    ])
    expect(await exchange(a, get())).toEqual([reply(12, a)])
  })
})

describe('who is not subscribed', () => {
  it('hears nothing', async () => {
    using other = openExample()
    a.send(update(1))
    expect(await heard(other)).toEqual([])
    expect(await heard(a)).toEqual([])
  })

  it('by ADD_MEMBERSHIP of group 2 and 32: nothing of group 1', async () => {
    using second = openExample({ memberships: [2] })
    using last = openExample({ memberships: [32] })
    a.send(update(2))
    expect(await heard(second)).toEqual([])
    expect(await heard(last)).toEqual([])
  })

  it('by a bind mask of all groups but the first: nothing', async () => {
    using others = openExample({ groups: 0xfffffffe })
    a.send(update(3))
    expect(await heard(others)).toEqual([])
  })

  it('no more after DROP_MEMBERSHIP, or a bind mask of 0', async () => {
    using member = openExample({ memberships: [1] })
    using mask = openExample({ groups: 1 })
    a.send(update(4, { sequence: 1 }))
    member.leave(1)
    mask.bind({ groups: 0 })
    a.send(update(5, { sequence: 2 }))
    expect(await heard(member)).toEqual([notification(4, a, 1)])
    expect(await heard(mask)).toEqual([notification(4, a, 1)])
  })

  it('that nobody listens is no error of the UPD', async () => {
    const request = update(6, { flags: ACK, sequence: 3 })
    expect(await exchange(a, request)).toEqual([acknowledgement(request, a)])
  })
})

describe('groups', () => {
  const joining = (group: number) => () => {
    using socket = openExample({ memberships: [group] })
    return socket.portId
  }

  it.each([2, 32])('ADD_MEMBERSHIP %i: ok', group => {
    expect(joining(group)).not.toThrow()
  })

  it.each([0, 33])('ADD_MEMBERSHIP %i: EINVAL', group => {
    expect(joining(group)).toThrow(SystemCallError)
    expect(joining(group)).toThrow('setsockopt: EINVAL')
  })

  it('bind mask 0xffffffff: ok, and hears group 1', async () => {
    using all = openExample({ groups: 0xffffffff })
    a.send(update(7, { sequence: 4 }))
    expect(await heard(all)).toEqual([notification(7, a, 4)])
  })
})

describe('the helpers, as the README shows them', () => {
  it('a request is acknowledged and told; without privileges it is refused', async () => {
    using a = Socket.open(21)
    using subscriber = Socket.open(21, { memberships: [1] })
    const value = attr.u32(1, 42)
    const request = encodeMessage({ type: 16, flags: NLM_F_REQUEST | NLM_F_ACK, sequence: 1 }, value)

    // All that came for it, and nothing else: an expected silence is an empty list, and nobody sleeps.
    expect(await exchange(a, request)).toEqual([acknowledgement(request, a)])
    const told = encodeMessage({ type: 16, sequence: 1, portId: a.portId }, value)
    expect(await heard(subscriber)).toEqual([wire(told, { groups: 1 })])

    asUser(nobody, () => a.send(request))
    expect(await heard(a)).toEqual([refusal(request, a, 'EPERM')])
  })
})
