// SPDX-License-Identifier: MIT
/**
 * Many sockets, in threads of their own, update, read and listen at once: the order of each sender is kept,
 * nothing is lost below the buffer's limit, nobody reads an overwritten value, and the final value is the
 * last one of some sender.
 */
import * as netlink from 'netlink-vmtest/netlink'
import { OverflowError, type Socket } from 'netlink-vmtest/netlink'
import {
  drain,
  exchange,
  heard,
  inThread,
  loadModule,
  openGeneric,
  unloadModule,
  type WireDatagram,
} from 'netlink-vmtest/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GenericExample } from '../support/genlexample.ts'
import { get, NETLINK_EXAMPLE, NLEX_GRP_MYVAR, openExample, reply, update } from '../support/nlexample.ts'
import { impossible, type Update } from './history.ts'

const threads = 3
/** Updates or reads of each thread. */
const count = 100
/** Threads start slowly on a slow machine, and these tests do not measure time. */
const limit = 120_000

/** The module's numbers; threads make requests themselves, byte for byte. */
interface Target {
  readonly protocol: number
  /** Message types, and the bytes between header and attributes, as hex. */
  readonly update: number
  readonly get: number
  readonly updateHeader: string
  readonly getHeader: string
  /** The thread's number, and the number of its updates or reads. */
  readonly thread: number
  readonly count: number
  /** A shared counter: its values before and after each operation give the order of operations. */
  readonly clock: Int32Array
}

/** Value `i` of a thread: unique. */
const nthValue = (thread: number, i: number) => thread * 0x10000 + i

/** A thread that updates: its port id, and its updates in order. */
interface Updater {
  readonly portId: number
  readonly updates: readonly Update[]
}

/** Sends updates with the sequence numbers 1, 2, 3 ..., each acknowledged before the next. */
async function updateAll(
  { Socket, attr, encodeMessage, NLM_F_ACK, NLM_F_REQUEST, parseAnswer }: typeof netlink,
  { protocol, update, updateHeader, thread, count, clock }: Target,
): Promise<Updater> {
  const socket = Socket.open(protocol)
  try {
    const flags = NLM_F_REQUEST | NLM_F_ACK
    const updates: Update[] = []
    for (let sequence = 1; sequence <= count; sequence++) {
      const value = thread * 0x10000 + sequence
      const payload = [Buffer.from(updateHeader, 'hex'), attr.u32(1, value)]
      const begun = Atomics.add(clock, 0, 1)
      socket.send(encodeMessage({ type: update, flags, sequence }, ...payload))
      const [answer, ...others] = (await socket.receive()).messages()
      const ended = Atomics.add(clock, 0, 1)
      if (answer?.sequence !== sequence || parseAnswer(answer).errno !== 0 || others.length > 0)
        throw new Error(`update ${sequence} was not acknowledged alone: ${answer}`)
      updates.push({ value, begun, ended })
    }
    const more = socket.receiveNow()
    if (more) throw new Error(`after all acknowledgements came ${more.bytes.toString('hex')}`)
    return { portId: socket.portId, updates }
  } finally {
    socket.close()
  }
}

/** Reads the value again and again. */
async function readAll(
  { Socket }: typeof netlink,
  { protocol, get, getHeader, count, clock }: Target,
): Promise<Update[]> {
  const socket = Socket.open(protocol)
  try {
    const header = Buffer.from(getHeader, 'hex')
    const read: Update[] = []
    for (let i = 0; i < count; i++) {
      const begun = Atomics.add(clock, 0, 1)
      const replies = await socket.request({ type: get }, [header])
      const ended = Atomics.add(clock, 0, 1)
      const [attribute] = replies[0]?.attributes(header.length) ?? []
      if (replies.length !== 1 || !attribute) throw new Error(`GET ${i} got ${replies.length} replies`)
      read.push({ value: attribute.u32(), begun, ended })
    }
    return read
  } finally {
    socket.close()
  }
}

/**
 * All at once, from the value 0 on: what subscribers and readers get is checked against the updates. A
 * notification may have the value of a later update than its own: listing 5 reads the variable when it makes
 * the message.
 */
async function allAtOnce(
  target: Omit<Target, 'thread' | 'count' | 'clock'>,
  subscribers: readonly Socket[],
): Promise<void> {
  const clock = new Int32Array(new SharedArrayBuffer(4))
  Atomics.store(clock, 0, 1)
  const [here, ...others] = Array.from(
    { length: threads },
    (_, i): Target => ({ ...target, thread: i + 1, count, clock }),
  ) as [Target, ...Target[]]
  const [updaters, ...readers] = await Promise.all([
    Promise.all([updateAll(netlink, here), ...others.map(it => inThread(it, updateAll, { limit }))]),
    readAll(netlink, here),
    inThread(here, readAll, { limit }),
  ])
  const updates = [{ value: 0, begun: 0, ended: 0 }, ...updaters.flatMap(updater => updater.updates)]
  for (const reads of readers) {
    expect(reads).toHaveLength(count)
    expect(reads.map(read => impossible(updates, read.value, read)).filter(Boolean)).toEqual([])
    expectToGoUp(reads.map(read => read.value))
  }
  for (const subscriber of subscribers) {
    const notifications = drain(subscriber).map(event => {
      if (event instanceof OverflowError) throw event
      const { bytes } = event
      return {
        sequence: bytes.readUInt32LE(8),
        portId: bytes.readUInt32LE(12),
        value: bytes.readUInt32LE(bytes.length - 4),
      }
    })
    expect(await heard(subscriber)).toEqual([])
    expect(notifications).toHaveLength(threads * count)
    for (const updater of updaters) {
      const told = notifications.filter(({ portId }) => portId === updater.portId)
      expect(told.map(({ sequence }) => sequence)).toEqual(updater.updates.map((_, i) => i + 1))
      const wrong = updater.updates.map((own, i) => impossible(updates, told[i]?.value ?? -1, own, own))
      expect(wrong.filter(Boolean)).toEqual([])
      expectToGoUp(told.map(({ value }) => value))
    }
  }
}

/** A thread's values increase: after one was read, none of its earlier ones is read. */
function expectToGoUp(values: readonly number[]): void {
  for (let thread = 1; thread <= threads; thread++) {
    const own = values.filter(value => value >> 16 === thread)
    expect(own.join(' ')).toBe(own.toSorted((a, b) => a - b).join(' '))
  }
}

/** The value: the last four bytes of the message. */
function valueIn({ messages }: WireDatagram): number {
  const payload = Buffer.from(messages[0]?.payload.replaceAll(' ', '') ?? '', 'hex')
  return payload.readUInt32LE(payload.length - 4)
}

/** The final value is the last one of some thread, by chance of any. */
const lastValues = Array.from({ length: threads }, (_, i) => nthValue(i + 1, count))

describe('what can have been read', () => {
  const [first, second, meanwhile] = [
    { value: 1, begun: 1, ended: 2 },
    { value: 2, begun: 3, ended: 6 },
    { value: 3, begun: 4, ended: 9 },
  ] as const
  const updates = [{ value: 0, begun: 0, ended: 0 }, first, second, meanwhile]

  it.each([
    ['while nothing else was done', 1, { begun: 2, ended: 2 }, undefined],
    ['while others were at it: the old value', 1, { begun: 5, ended: 7 }, undefined],
    ['while others were at it: either new one', 3, { begun: 7, ended: 8 }, undefined],
    ['a value of nobody', 7, { begun: 5, ended: 7 }, '7 was set by nobody'],
    ['one that came afterwards', 2, { begun: 1, ended: 2 }, '2 was not set yet'],
    ['one that was overwritten', 1, { begun: 7, ended: 8 }, '1 was overwritten by 2 before'],
  ])('%s', (_what, value, read, why) => {
    expect(impossible(updates, value, read)).toBe(why)
  })

  it("a notification: its own update's value or a later one, none that it has overwritten", () => {
    expect(updates.slice(1).map(({ value }) => impossible(updates, value, second, second))).toEqual([
      '1 was overwritten by 2 before',
      undefined,
      undefined,
    ])
  })
})

describe('nlexample', { timeout: limit }, () => {
  beforeAll(() => loadModule('nlexample'))
  afterAll(() => unloadModule('nlexample'))

  it('order per sender kept, nothing lost below the limit of the buffer, last value consistent', async () => {
    using a = openExample()
    expect(await exchange(a, update(0))).toEqual([])
    using member = openExample({ memberships: [NLEX_GRP_MYVAR] })
    using mask = openExample({ groups: 1 })
    for (const socket of [member, mask]) socket.setReceiveBuffer(4 << 20, { force: true })
    const target = { protocol: NETLINK_EXAMPLE, update: 16, get: 17, updateHeader: '', getHeader: '' }
    await allAtOnce(target, [member, mask])

    const first = await exchange(a, get())
    expect(lastValues.map(value => [reply(value, a)])).toContainEqual(first)
    using b = openExample()
    expect((await exchange(b, get())).map(valueIn)).toEqual(first.map(valueIn))
  })

  it('100 sockets at once: each its own replies and no other', async () => {
    const sockets = Array.from({ length: 100 }, () => openExample())
    for (const [i, socket] of sockets.entries()) socket.send(get({ sequence: i }))
    const [value] = await Promise.all(sockets.map(socket => heard(socket)))
    const expected = value?.map(valueIn)[0] ?? Number.NaN
    for (const [i, socket] of sockets.entries())
      expect(await exchange(socket, get({ sequence: i }))).toEqual([reply(expected, socket, i)])
    for (const socket of sockets) socket.close()
  })
})

describe('genlexample', { timeout: limit }, () => {
  let nlex: GenericExample
  beforeAll(async () => {
    loadModule('genlexample')
    nlex = await GenericExample.resolve()
  })
  afterAll(() => unloadModule('genlexample'))

  it('order per sender kept, nothing lost below the limit of the buffer, last value consistent', async () => {
    using a = openGeneric()
    expect(await exchange(a, nlex.update(0))).toEqual([])
    using member = openGeneric(nlex.byMembership)
    using mask = openGeneric(nlex.byMask)
    for (const socket of [member, mask]) socket.setReceiveBuffer(4 << 20, { force: true })
    const target = {
      protocol: member.protocol,
      update: nlex.family,
      get: nlex.family,
      updateHeader: '00010000',
      getHeader: '01010000',
    }
    await allAtOnce(target, [member, mask])

    const first = await exchange(a, nlex.get())
    expect(lastValues.map(value => [nlex.reply(value, a)])).toContainEqual(first)
    using b = openGeneric()
    expect((await exchange(b, nlex.get())).map(valueIn)).toEqual(first.map(valueIn))
  })
})
