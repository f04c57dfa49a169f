// SPDX-License-Identifier: MIT
/** Modules that go, sockets that close, and memory that must be given back. */
import { writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { NLM_F_ACK, type Socket } from '../../../netlink/index.ts'
import { drain } from '../../exchange.ts'
import { slabGrowth } from '../../memory.ts'
import { outcomeOf } from '../core-rules.ts'
import type { Operation } from '../family.ts'
import { Faults } from '../faults.ts'
import { variations } from '../nests.ts'
import { Shape } from '../shape.ts'
import type { Subject } from '../subject.ts'

/** Repetitions of each request: what leaks by one of them must be more than slabGrowth() takes for noise. */
const REPETITIONS = 40
/** Milliseconds for thousands of requests. */
const LONG = 60_000
/** Rounds that confirm a growth. */
const ROUNDS = 2
/** Requests in a datagram. */
const AT_ONCE = 20
/** Requests of one operation that are repeated. */
const KINDS = 24
/** Dumps that are started and left. */
const LEFT = 100

export function lifetime(subject: Subject): void {
  it('sockets that close in the midst of a dump', async () => {
    for (const operation of dumpsOf(subject))
      for (let count = 0; count < 3; count++) {
        using requester = subject.open()
        requester.socket.send(subject.encode(operation))
      }
    expect(subject.references()).toEqual([])
  })

  if (subject.modules.length === 0) return

  it('unloading while a dump is underway is refused, and works afterwards', async () => {
    await subject.reload()
    const faults = new Faults('unloading', subject.told)
    for (const operation of dumpsOf(subject)) {
      using requester = subject.open()
      requester.socket.send(subject.encode(operation))
      const isHeld = subject.references().length > 0
      // The kernel goes on with a dump as it is read: it was underway if more than one datagram comes.
      const came = requester.socket.receiveReady().length
      // A dump holds the module of its family (netlink_dump_start() of net/netlink/af_netlink.c).
      if (!isHeld && came > 1)
        faults.add(`command ${operation.command} (dump)`, [
          'the module can be unloaded while it dumps: its family lacks .module = THIS_MODULE',
        ])
    }
    faults.end()
    await subject.reload()
  })

  it('unloading with sockets in its groups, and right after each command', async () => {
    using listener = subject.open({ memberships: [...subject.family.groups.values()] })
    for (const operation of commandsOf(subject)) {
      const [shape] = Shape.all(subject, operation)
      for (const request of extremes(subject, shape)) {
        using requester = subject.open()
        await requester.ask(operation, request)
        drain(listener.socket)
        await subject.reload()
      }
    }
    expect(subject.references()).toEqual([])
  })

  it(
    'memory: requests, dumps and the module itself leave nothing behind',
    async () => {
      const operations = commandsOf(subject)
      const requests = operations.flatMap(operation => leakTrials(subject, operation))
      const others = operations.flatMap(operation => leakTrials(subject, operation).slice(0, 1))
      const round = () => live(subject, requests, others)
      // kfree_rcu() may keep memory for seconds (KFREE_DRAIN_JIFFIES of kernel/rcu/tree.c); its shrinker does not.
      const drained = async () => {
        await round()
        writeFileSync('/proc/sys/vm/drop_caches', '2')
      }
      const suspicious = Object.keys(await slabGrowth(round)).length > 0
      const growth = suspicious ? await slabGrowth(drained, ROUNDS) : {}
      await subject.load()
      expect(growth, 'objects of slab caches that are left in each round').toEqual({})
    },
    LONG,
  )
}

/** The life of a module: loaded, asked, left in the midst of dumps, unloaded. */
async function live(subject: Subject, requests: readonly Maker[], others: readonly Maker[]): Promise<void> {
  await subject.reload()
  using requester = subject.open().withRoom()
  using listener = subject.open({ memberships: [...subject.family.groups.values()] }).withRoom()
  for (const make of requests)
    for (let count = 0; count < REPETITIONS; count += AT_ONCE) {
      // Other commands in turn make, change and remove what this one is about.
      const datagram = Array.from({ length: AT_ONCE }, (_, at) => count + at).flatMap(number => [
        ...others.slice(number % others.length, (number % others.length) + 1).map(other => other(0)),
        make(number),
      ])
      requester.socket.send(Buffer.concat(datagram))
      discard(requester.socket, listener.socket)
    }
  leaveDumps(subject)
  await subject.unload()
}

function commandsOf({ family }: Subject): Operation[] {
  return family.all.filter(({ kind }) => kind === 'do')
}

function dumpsOf({ family, endless }: Subject): Operation[] {
  return family.all.filter(({ kind, command }) => kind === 'dump' && !endless.has(command))
}

/** Complete requests with one attribute at its greatest value, and with none. */
function extremes({ family }: Subject, shape: Shape | undefined): Buffer[] {
  if (shape === undefined) return []
  const making = { policies: family.policies, variant: 0 }
  return [
    shape.attributes(0),
    ...shape.types.flatMap(type => {
      const { maximum } = shape.policyOf(type) ?? {}
      if (maximum === undefined) return []
      const payloads = variations(type, shape.policyOf(type), making)
      const greatest = payloads.find(({ what }) => what === `the value ${maximum}`)
      return greatest ? [shape.attributes(0, new Map([[type, greatest.payload]]))] : []
    }),
  ]
}

/** Makes the n-th of equal requests, or of such that only differ in their values. */
type Maker = (count: number) => Buffer

function leakTrials(subject: Subject, operation: Operation): Maker[] {
  const shapes = Shape.all(subject, operation)
  const [whole] = shapes
  const encode = (attributes: Buffer, count: number) =>
    subject.encode(operation, attributes, { sequence: 1 + count, flags: NLM_F_ACK })
  const { policies } = subject.family
  const making = { policies, variant: 0 }
  const maximum = subject.family.maximumAttribute || undefined
  const reachesModule = (attributes: Buffer) =>
    operation.policy === undefined ||
    outcomeOf(encode(attributes, 0), subject.start, operation.policy, { policies, strict: true, maximum }) ===
      'open'
  const wrong = (whole?.types ?? []).flatMap(type =>
    variations(type, whole?.policyOf(type), making)
      .filter(({ payload }) => payload.length < 512)
      .map(({ payload }) => whole?.attributes(0, new Map([[type, payload]])) ?? payload),
  )
  const kinds = [...shapes.map(shape => shape.attributes(0)), ...wrong].filter(reachesModule)
  const distinct = [...new Map(kinds.map(kind => [kind.toString('latin1'), kind])).values()]
  const every = Math.max(1, distinct.length / KINDS)
  return [
    // Other entries first, for what is to be got and removed.
    ...shapes.slice(0, 1).map(
      (shape): Maker =>
        count =>
          encode(shape.attributes(count), count),
    ),
    ...distinct
      .filter((_, index) => Math.floor(index / every) !== Math.floor((index - 1) / every))
      .map(
        (attributes): Maker =>
          count =>
            encode(attributes, count),
      ),
  ]
}

function leaveDumps(subject: Subject): void {
  for (const operation of dumpsOf(subject))
    for (let count = 0; count < LEFT; count++) {
      using requester = subject.open()
      requester.socket.send(subject.encode(operation))
      // Some are read for a while.
      if (count % 2 === 1) requester.socket.receiveReady()
    }
}

function discard(...sockets: readonly Socket[]): void {
  for (const socket of sockets) drain(socket)
}
