// SPDX-License-Identifier: MIT
/** NLM_F_ECHO: the requester gets a copy of the notification that its update causes. */
import { NLM_F_ACK, NLM_F_ECHO, type Socket } from 'netlink-vmtest/netlink'
import { acknowledgement, exchange, heard, loadModule, refusal, unloadModule } from 'netlink-vmtest/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  get,
  NLE_MYVAR,
  NLEX_MSG_UPD,
  notification,
  openExample,
  reply,
  update,
} from '../support/nlexample.ts'

const ECHO = NLM_F_ECHO
const ACK = NLM_F_ACK

let a: Socket
beforeAll(() => loadModule('nlexample'))
afterAll(() => unloadModule('nlexample'))
beforeEach(() => {
  a = openExample()
})
afterEach(() => a.close())

describe('UPD+ECHO, A not subscribed', () => {
  it('A gets one unicast copy (its nl_groups says 1), then the ack', async () => {
    const request = update(0x01020304, { flags: ECHO | ACK, sequence: 1 })
    expect(await exchange(a, request)).toEqual([notification(0x01020304, a, 1), acknowledgement(request, a)])
  })

  it.each([0, 1, 0xffffffff, 65536])('without ACK the copy alone: %i', async value => {
    expect(await exchange(a, update(value, { flags: ECHO, sequence: 2 }))).toEqual([
      notification(value, a, 2),
    ])
  })

  it('seq 0 and 0xffffffff mirrored', async () => {
    for (const sequence of [0, 0xffffffff])
      expect(await exchange(a, update(3, { flags: ECHO, sequence }))).toEqual([notification(3, a, sequence)])
  })

  it('nlmsg_pid forged: the copy comes to A, with pid A, and not to the other', async () => {
    using other = openExample()
    expect(await exchange(a, update(4, { flags: ECHO, sequence: 3, portId: other.portId }))).toEqual([
      notification(4, a, 3),
    ])
    expect(await heard(other)).toEqual([])
  })

  it('subscribers as usual: one each', async () => {
    using member = openExample({ memberships: [1] })
    using mask = openExample({ groups: 1 })
    const request = update(5, { flags: ECHO | ACK, sequence: 4 })
    expect(await exchange(a, request)).toEqual([notification(5, a, 4), acknowledgement(request, a)])
    expect(await heard(member)).toEqual([notification(5, a, 4)])
    expect(await heard(mask)).toEqual([notification(5, a, 4)])
  })

  it('sets the value, and is over with the request', async () => {
    expect(await exchange(a, update(6, { flags: ECHO, sequence: 5 }))).toEqual([notification(6, a, 5)])
    expect(await exchange(a, update(7, { sequence: 6 }))).toEqual([])
    expect(await exchange(a, get({ sequence: 7 }))).toEqual([reply(7, a, 7)])
  })

  it('a failed one: the error alone, without a copy', async () => {
    const request = update(Buffer.alloc(0), { flags: ECHO | ACK, sequence: 8 })
    expect(await exchange(a, request)).toEqual([refusal(request, a, 'EINVAL')])
  })

  it('by request() of the client library: the copy is the reply', async () => {
    const replies = await a.request({ type: NLEX_MSG_UPD, flags: ECHO }, [update(8).subarray(16)])
    expect(replies.map(m => m.attributes().map(attribute => [attribute.type, attribute.u32()]))).toEqual([
      [[NLE_MYVAR, 8]],
    ])
  })
})

describe.each([
  ['ADD_MEMBERSHIP', { memberships: [1] }],
  ['bind mask', { groups: 1 }],
])('UPD+ECHO, A subscribed by %s', (_name, subscription) => {
  it('exactly one copy', async () => {
    using subscriber = openExample(subscription)
    expect(await exchange(subscriber, update(1, { flags: ECHO, sequence: 1 }))).toEqual([
      notification(1, subscriber, 1),
    ])
  })

  it('exactly one copy, then the ack; others as usual', async () => {
    using subscriber = openExample(subscription)
    using other = openExample({ memberships: [1] })
    const request = update(2, { flags: ECHO | ACK, sequence: 2 })
    expect(await exchange(subscriber, request)).toEqual([
      notification(2, subscriber, 2),
      acknowledgement(request, subscriber),
    ])
    expect(await heard(other)).toEqual([notification(2, subscriber, 2)])
  })
})

describe('GET+ECHO', () => {
  it('as GET: one reply, to no group', async () => {
    a.send(update(9))
    expect(await exchange(a, get({ flags: ECHO, sequence: 9 }))).toEqual([reply(9, a, 9)])
  })

  it('with ACK: the reply, then the ack; subscribers hear nothing', async () => {
    using subscriber = openExample({ memberships: [1] })
    a.send(update(10, { sequence: 10 }))
    const request = get({ flags: ECHO | ACK, sequence: 11 })
    expect(await exchange(a, request)).toEqual([reply(10, a, 11), acknowledgement(request, a)])
    expect(await heard(subscriber)).toEqual([notification(10, a, 10)])
  })
})
