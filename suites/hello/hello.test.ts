// SPDX-License-Identifier: MIT
/** nlhello: one line in the log for each datagram, and never an answer. */
import { encodeMessage, NLM_F_ACK, NLM_F_REQUEST, Socket, TimeoutError } from 'netlink-vmtest/netlink'
import {
  asUser,
  heardUntilMarker,
  KernelLog,
  loadModule,
  moduleReferences,
  NetworkNamespace,
  nobody,
  slabGrowthBy,
  unloadModule,
} from 'netlink-vmtest/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { NETLINK_EXAMPLE } from '../support/nlexample.ts'

const open = () => Socket.open(NETLINK_EXAMPLE)
/** A message with all flags that ask for answers. */
const request = (sequence = 1, payload = Buffer.alloc(0)) =>
  encodeMessage({ type: 16, flags: NLM_F_REQUEST | NLM_F_ACK, sequence }, payload)
const hello = { level: 6, text: 'Hello world' }

let a: Socket
let log: KernelLog
beforeAll(() => loadModule('nlhello'))
afterAll(() => unloadModule('nlhello'))
beforeEach(() => {
  a = open()
  log = KernelLog.fromNow()
})
afterEach(() => {
  a.close()
  log[Symbol.dispose]()
})

describe('one "Hello world" (KERN_INFO) a datagram whatever is in it, never an ack or a reply', () => {
  it.each([
    ['a request with ACK', request()],
    ['three messages in one', Buffer.concat([request(1), request(2), request(3)])],
    ['1 byte', Buffer.from([1])],
    ['15 bytes', request().subarray(0, 15)],
    ['a wrong nlmsg_len', Buffer.alloc(24, 0xff)],
    ['an error message', encodeMessage({ type: 2, flags: NLM_F_REQUEST | NLM_F_ACK })],
    ['130000 bytes', Buffer.alloc(130_000, 0x25)],
  ])('%s: one', async (_name, bytes) => {
    a.send(bytes)
    expect(log.read()).toEqual([hello])
    expect(await heardUntilMarker(a)).toEqual([])
  })

  it('by send() without an address: the same', async () => {
    a.send(request(), null)
    expect(log.read()).toEqual([hello])
    expect(await heardUntilMarker(a)).toEqual([])
  })

  it('unprivileged too', async () => {
    using b = asUser(nobody, open)
    asUser(nobody, () => b.send(request()))
    expect(log.read()).toEqual([hello])
    expect(await heardUntilMarker(b)).toEqual([])
  })

  it('500 sends, 500 lines', async () => {
    for (let i = 0; i < 500; i++) a.send(request(i))
    expect(log.read()).toEqual(Array.from({ length: 500 }, () => hello))
    expect(await heardUntilMarker(a)).toEqual([])
  })
})

describe('what it does not get', () => {
  it('larger than the send buffer: EMSGSIZE, no line', () => {
    expect(() => a.send(Buffer.alloc(a.sendBuffer + 1))).toThrow('sendto: EMSGSIZE')
    expect(log.read()).toEqual([])
  })

  it('0 bytes: ENODATA, no line', () => {
    expect(() => a.send(Buffer.alloc(0))).toThrow('sendto: ENODATA')
    expect(log.read()).toEqual([])
  })

  it('another network namespace: ECONNREFUSED, no line', () => {
    using elsewhere = new NetworkNamespace()
    using socket = elsewhere.run(open)
    expect(() => socket.send(request())).toThrow('sendto: ECONNREFUSED')
    expect(log.read()).toEqual([])
  })
})

describe('groups', () => {
  it('unprivileged join: EPERM', () => {
    expect(() => asUser(nobody, () => Socket.open(NETLINK_EXAMPLE, { memberships: [1] }))).toThrow(
      'setsockopt: EPERM',
    )
    expect(() => asUser(nobody, () => Socket.open(NETLINK_EXAMPLE, { groups: 1 }))).toThrow('bind: EPERM')
  })

  it('root may join; nothing ever comes', async () => {
    using member = Socket.open(NETLINK_EXAMPLE, { groups: 0xffffffff })
    member.send(request())
    expect(log.read()).toEqual([hello])
    expect(await heardUntilMarker(member)).toEqual([])
  })
})

describe('a client that waits for an ack', () => {
  it('would wait for ever: the library has a timeout', async () => {
    await expect(a.request({ type: 16 }, [], { timeout: 20 })).rejects.toThrow(TimeoutError)
    expect(log.read()).toEqual([hello])
  })
})

describe('a log', () => {
  it.each([1, 100])('begins now, after %i lines that nobody read, and takes nothing from another', lines => {
    KernelLog.fromNow()[Symbol.dispose]() // the next log may go on from its position
    for (let i = 0; i < lines; i++) a.send(request())
    using fresh = KernelLog.fromNow()
    a.send(request())
    expect(fresh.read()).toEqual([hello])
    expect(log.read()).toHaveLength(lines + 1)
  })

  it('that was disposed of reads no more', () => {
    const old = KernelLog.fromNow()
    old[Symbol.dispose]()
    expect(() => old.read()).toThrow('disposed of')
  })
})

describe('a thousand datagrams', () => {
  it('slab caches do not grow, and no reference to the module is left', async () => {
    expect(await slabGrowthBy(request(), { sockets: [a], batch: 1 })).toEqual({})
    expect(moduleReferences('nlhello')).toBe(1) // a's
    a.close()
    expect(moduleReferences('nlhello')).toBe(0)
  })
})
