// SPDX-License-Identifier: MIT
/** Several messages in a datagram, and datagrams longer or shorter than their messages. */
import { NLM_F_ACK, NLM_F_ECHO, type Socket } from 'netlink-vmtest/netlink'
import { acknowledgement, exchange, heard, loadModule, refusal, unloadModule } from 'netlink-vmtest/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { get, notification, openExample, reply, update } from '../support/nlexample.ts'

const ACK = NLM_F_ACK

let a: Socket
beforeAll(() => loadModule('nlexample'))
afterAll(() => unloadModule('nlexample'))
beforeEach(() => {
  a = openExample()
})
afterEach(() => a.close())

const datagram = (...messages: readonly Uint8Array[]) => Buffer.concat(messages)

/** The same bytes with another nlmsg_len. */
function withLength(message: Uint8Array, length: number): Buffer {
  const bytes = Buffer.from(message)
  bytes.writeUInt32LE(length, 0)
  return bytes
}

describe('several messages in a datagram', () => {
  it('all handled in order, each with its own reply or ack datagram', async () => {
    const messages = [
      update(1, { flags: ACK, sequence: 1 }),
      get({ sequence: 2 }),
      update(2, { sequence: 3 }),
      get({ flags: ACK, sequence: 4 }),
      update(3, { flags: ACK | NLM_F_ECHO, sequence: 5 }),
    ] as const
    expect(await exchange(a, datagram(...messages))).toEqual([
      acknowledgement(messages[0], a),
      reply(1, a, 2),
      reply(2, a, 4),
      acknowledgement(messages[3], a),
      notification(3, a, 5),
      acknowledgement(messages[4], a),
    ])
  })

  it('subscribers hear each update, a datagram each', async () => {
    using subscriber = openExample({ memberships: [1] })
    a.send(datagram(...[1, 0xffffffff, 0].map(value => update(value, { sequence: value }))))
    expect(await heard(subscriber)).toEqual([
      notification(1, a, 1),
      notification(0xffffffff, a, 0xffffffff),
      notification(0, a, 0),
    ])
  })

  it('an error does not stop the rest', async () => {
    const bad = update(Buffer.alloc(0), { sequence: 1 })
    const good = update(0x01020304, { flags: ACK, sequence: 2 })
    const worse = update(Buffer.from([1, 2, 3]), { flags: ACK, sequence: 3 })
    expect(await exchange(a, datagram(bad, good, worse, get({ sequence: 4 })))).toEqual([
      refusal(bad, a, 'EINVAL'),
      acknowledgement(good, a),
      refusal(worse, a, 'EINVAL'),
      reply(0x01020304, a, 4),
    ])
  })

  it('with the same sequence number: told apart by order alone', async () => {
    const set = (value: number) => update(value, { sequence: 7 })
    const ask = get({ sequence: 7 })
    expect(await exchange(a, datagram(set(1), ask, set(2), ask))).toEqual([reply(1, a, 7), reply(2, a, 7)])
  })

  it('64 of them', async () => {
    const messages = Array.from({ length: 64 }, (_, i) => update(i, { flags: ACK, sequence: i }))
    expect(await exchange(a, datagram(...messages))).toEqual(
      messages.map(message => acknowledgement(message, a)),
    )
    expect(await exchange(a, get())).toEqual([reply(63, a)])
  })
})

describe('the rest of the datagram is dropped silently, what came before is handled', () => {
  const earlier = () => update(0x01020304, { flags: ACK, sequence: 1 })
  const later = () => update(99, { flags: ACK, sequence: 3 })

  it.each([
    ['nlmsg_len past the end', 64],
    ['nlmsg_len far past the end', 0x7ffffff0],
    ['nlmsg_len 0xffffffff', 0xffffffff],
    ['nlmsg_len < 16: 15', 15],
    ['nlmsg_len < 16: 4', 4],
    ['nlmsg_len 0', 0],
  ])('%s, after a good message', async (_name, length) => {
    const good = earlier()
    const bad = withLength(update(98, { flags: ACK, sequence: 2 }), length)
    // the bad message is the last, except in one case: what follows it must not be found either
    const rest = length > 24 ? bad : datagram(bad, later())
    expect(await exchange(a, datagram(good, rest))).toEqual([acknowledgement(good, a)])
    expect(await exchange(a, get())).toEqual([reply(0x01020304, a)])
  })

  it.each([
    ['nlmsg_len past the end', 25],
    ['nlmsg_len 0', 0],
    ['nlmsg_len 15', 15],
  ])('%s, alone: nothing at all', async (_name, length) => {
    a.send(update(1))
    const request = withLength(update(2, { flags: ACK }), length)
    expect(await exchange(a, request)).toEqual([])
    expect(await exchange(a, get())).toEqual([reply(1, a)])
  })

  it.each([1, 3, 4, 8, 15])('%i stray bytes', async count => {
    const good = earlier()
    expect(await exchange(a, datagram(good, Buffer.alloc(count, 0x18)))).toEqual([acknowledgement(good, a)])
    expect(await exchange(a, get())).toEqual([reply(0x01020304, a)])
  })

  it.each([8, 15])('an %i-byte datagram: nothing', async count => {
    a.send(update(5))
    expect(await exchange(a, update(6, { flags: ACK }).subarray(0, count))).toEqual([])
    expect(await exchange(a, get())).toEqual([reply(5, a)])
  })
})
