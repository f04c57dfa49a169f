/**
 * Many sockets, in threads of their own, updating, reading and listening at once: the order of each sender is kept,
 * nothing is lost below the buffer's limit, and the last value is one that somebody set last.
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
import { get, NETLINK_EXAMPLE, NLEX_GRP_MYVAR, openExample, reply } from '../support/nlexample.ts'

const threads = 3
const updates = 100
/** Starting threads takes seconds on a slow machine: no limit of these tests is meant to be met. */
const limit = 120_000

/** What a thread needs to know of the module; requests are made there, byte for byte. */
interface Target {
  readonly protocol: number
  /** Message types, and what is between header and attributes, as hex. */
  readonly update: number
  readonly get: number
  readonly updateHeader: string
  readonly getHeader: string
  /** Which of the threads it is, and how often it is to do it. */
  readonly thread: number
  readonly count: number
}

/** Value `i` of a thread: no two are the same. */
const nthValue = (thread: number, i: number) => thread * 0x10000 + i

/** Sends updates, each acknowledged before the next; returns the port id that it had. */
async function updateAll(
  { Socket, attr }: typeof import('netlink-vmtest/netlink'),
  target: Target,
): Promise<number> {
  const socket = Socket.open(target.protocol)
  const header = Buffer.from(target.updateHeader, 'hex')
  for (let i = 1; i <= target.count; i++) {
    const replies = await socket.request({ type: target.update }, [
      header,
      attr.u32(1, target.thread * 0x10000 + i),
    ])
    if (replies.length > 0) throw new Error(`update ${i} got ${replies.length} replies beside its ack`)
  }
  const { portId } = socket
  socket.close()
  return portId
}

/** Reads the value again and again; returns what it read. */
async function readAll(
  { Socket }: typeof import('netlink-vmtest/netlink'),
  target: Target,
): Promise<number[]> {
  const socket = Socket.open(target.protocol)
  const header = Buffer.from(target.getHeader, 'hex')
  const values: number[] = []
  for (let i = 0; i < target.count; i++) {
    const replies = await socket.request({ type: target.get }, [header])
    const [attribute] = replies[0]?.attributes(header.length) ?? []
    if (replies.length !== 1 || !attribute) throw new Error(`GET ${i} got ${replies.length} replies`)
    values.push(attribute.u32())
  }
  socket.close()
  return values
}

/** All at once: what the subscribers hear and the readers read is checked against what the updaters did. */
async function allAtOnce(
  target: Omit<Target, 'thread' | 'count'>,
  subscribers: readonly Socket[],
): Promise<void> {
  const [here, ...others] = Array.from(
    { length: threads },
    (_, i): Target => ({ ...target, thread: i + 1, count: updates }),
  ) as [Target, ...Target[]]
  const [portIds, ...reads] = await Promise.all([
    Promise.all([updateAll(netlink, here), ...others.map(it => inThread(it, updateAll, { limit }))]),
    readAll(netlink, here),
    inThread(here, readAll, { limit }),
  ])
  const set = new Set([0, ...[here, ...others].flatMap(it => valuesOf(it.thread))])
  for (const values of reads) {
    expect(values).toHaveLength(updates)
    expect(values.filter(value => !set.has(value))).toEqual([])
    // a sender's values go up: once one was read, none that it had set before comes again
    for (let thread = 1; thread <= threads; thread++) {
      const own = values.filter(value => value >> 16 === thread)
      expect(own.join(' ')).toBe(own.toSorted((a, b) => a - b).join(' '))
    }
  }
  for (const subscriber of subscribers) {
    const notifications = drain(subscriber).map(event => {
      if (event instanceof OverflowError) throw event
      const { bytes } = event
      return { portId: bytes.readUInt32LE(12), value: bytes.readUInt32LE(bytes.length - 4) }
    })
    expect(await heard(subscriber)).toEqual([])
    expect(notifications).toHaveLength(threads * updates)
    for (const [i, by] of portIds.entries()) {
      const own = notifications.filter(({ portId }) => portId === by)
      expect(own.map(({ value }) => value).join(' ')).toBe(valuesOf(i + 1).join(' '))
    }
  }
}

const valuesOf = (thread: number) => Array.from({ length: updates }, (_, i) => nthValue(thread, i + 1))

/** The attribute is the last four bytes of the message. */
function valueIn({ messages }: WireDatagram): number {
  const payload = Buffer.from(messages[0]?.payload.replaceAll(' ', '') ?? '', 'hex')
  return payload.readUInt32LE(payload.length - 4)
}

/** Whose last update was the last of all is chance; that it is somebody's is not. */
const lastValues = Array.from({ length: threads }, (_, i) => nthValue(i + 1, updates))

describe('nlexample', { timeout: limit }, () => {
  beforeAll(() => loadModule('nlexample'))
  afterAll(() => unloadModule('nlexample'))

  it('order per sender kept, nothing lost below the limit of the buffer, last value consistent', async () => {
    using member = openExample({ memberships: [NLEX_GRP_MYVAR] })
    using mask = openExample({ groups: 1 })
    for (const socket of [member, mask]) socket.setReceiveBuffer(4 << 20, { force: true })
    const target = { protocol: NETLINK_EXAMPLE, update: 16, get: 17, updateHeader: '', getHeader: '' }
    await allAtOnce(target, [member, mask])

    using a = openExample()
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

    using a = openGeneric()
    const first = await exchange(a, nlex.get())
    expect(lastValues.map(value => [nlex.reply(value, a)])).toContainEqual(first)
    using b = openGeneric()
    expect((await exchange(b, nlex.get())).map(valueIn)).toEqual(first.map(valueIn))
  })
})
