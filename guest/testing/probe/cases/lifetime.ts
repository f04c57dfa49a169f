// SPDX-License-Identifier: MIT
/** Modules that go, sockets that close, and memory that must be given back. */
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, expect, it } from 'vitest'
import { NLM_F_ACK, type Socket, SystemCallError } from '../../../netlink/index.ts'
import { drain } from '../../exchange.ts'
import { kernel } from '../../kernel.ts'
import { slabGrowth } from '../../memory.ts'
import { NetworkNamespace } from '../../namespaces.ts'
import { discardReceived } from '../../system-call.ts'
import { isTimeShort } from '../allowance.ts'
import { outcomeOf } from '../core-rules.ts'
import { creations, tryCreation } from '../creation.ts'
import { askFamily, type Operation } from '../family.ts'
import { Faults } from '../faults.ts'
import { tryFitting } from '../fitting.ts'
import { tryLearned } from '../learning.ts'
import { variations } from '../nests.ts'
import { Shape } from '../shape.ts'
import type { Requester, Subject } from '../subject.ts'
import { askUntold } from '../untold.ts'

/** Repetitions of each request: what leaks by one of them must be more than slabGrowth() takes for noise. */
const REPETITIONS = 40
/** Other commands of which each in turn comes before a request, so often that each comes {@link REPETITIONS} times. */
const OTHERS = 6
/** Milliseconds for thousands of requests. */
const LONG = 60_000
/** Milliseconds after which no more commands are tried with values that were told. */
const LEARNING = 8000
/** Milliseconds of a round: commands may take their time, and then fewer requests are repeated. */
const ROUND = 7000
/** Requests in a datagram. With kmemleak one object that is lost is enough. */
const AT_ONCE = kernel.hasKmemleak ? 8 : 20
/** Requests of one operation that are repeated, and of these such of good attributes. */
const KINDS = 18
const WHOLE = 6
/** Dumps that are started and left. */
const LEFT = 100
/** Namespaces of a round: more than slabGrowth() takes for noise. kmemleak sees each object. */
const NAMESPACES = kernel.hasKmemleak ? 10 : 40
/** By which caches fill up. */
const FEW_NAMESPACES = 4
/** Times that the module is loaded in a round: more than slabGrowth() takes for noise, and a few for caches to fill up. */
const LOADED = 40
const LOADED_FIRST = 3
/** How often it is looked whether they are gone, and the milliseconds between. */
const LOOKS = 200
const UNTIL_NEXT_LOOK = 25
/** Looks after which no more of them go. */
const SAME_LOOKS = 30

export function lifetime(subject: Subject): void {
  beforeAll(() => learnValues(subject), LONG)

  it('sockets that close in the midst of a dump', async () => {
    for (const operation of subject.dumps)
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
    for (const operation of subject.dumps) {
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
    for (const operation of subject.commands) {
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
    'memory: network namespaces that go leave nothing behind',
    async () => {
      await subject.load()
      using elsewhere = new NetworkNamespace()
      const isThere = await askFamily(subject.name, { namespace: elsewhere.fd }).then(
        () => true,
        () => false,
      )
      if (!isThere) return
      const usual = namespaces()
      // What one command makes, another one may remove: what is last stays until the namespace goes.
      await comeAndGo(subject, subject.commands, usual, FEW_NAMESPACES)
      for (const commands of [subject.commands, subject.commands.toReversed()]) {
        if (isTimeShort()) break
        const before = namespaces()
        const growth = await slabGrowth(() => comeAndGo(subject, commands, usual))
        // To kmemleak a namespace that stays is none that is lost.
        if (kernel.hasKmemleak)
          expect(namespaces() - before, `of ${NAMESPACES} namespaces that are gone`).toBeLessThan(NAMESPACES)
        expect(growth, `objects of slab caches that are left by ${NAMESPACES} namespaces`).toEqual({})
      }
    },
    LONG,
  )

  it(
    'memory: loading and unloading, with nothing asked between, leaves nothing behind',
    async () => {
      const round = async (times: number) => {
        for (let time = 0; time < times; time++) {
          await subject.unload()
          await subject.load()
        }
        freeDelayed()
      }
      await round(LOADED_FIRST)
      // With kmemleak one object is enough.
      if (kernel.hasKmemleak || isTimeShort()) return
      const growth = await slabGrowth(() => round(LOADED))
      expect(growth, `objects of slab caches that are left by ${LOADED} times`).toEqual({})
    },
    LONG,
  )

  it(
    'memory: requests, dumps and the module itself leave nothing behind',
    async () => {
      const operations = subject.commands
      const requests = operations.flatMap(operation => leakTrials(subject, operation))
      const others = operations.flatMap(operation =>
        leakTrials(subject, operation)
          .slice(0, 1)
          .map(each => each.make),
      )
      let count = requests.length
      const round = async () => {
        count = await live(subject, requests.slice(0, count), others)
        freeDelayed()
      }
      // Caches fill up at first, and most of that needs no repetitions.
      await live(subject, requests, others, AT_ONCE)
      freeDelayed()
      // With kmemleak one object is enough.
      const growth = kernel.hasKmemleak ? {} : await slabGrowth(round)
      await subject.load()
      expect(growth, 'objects of slab caches that are left in each round').toEqual({})
    },
    LONG,
  )
}

/** Finds out with which values commands succeed, as far as there is time for it. */
async function learnValues(subject: Subject): Promise<void> {
  const { commands, family } = subject
  subject.tryAnew()
  for (const operation of family.all) subject.noteUntold(operation, await askUntold(subject, operation))
  using requester = subject.open().withRoom()
  const end = performance.now() + LEARNING
  for (const operation of commands) {
    await tryCreation(subject, requester, operation)
    const [whole] = Shape.all(subject, operation)
    if (whole && (await requester.ask(operation, whole.attributes(0))).code === 'EINVAL')
      await tryFitting(subject, requester, operation)
  }
  for (const operation of commands) {
    if (performance.now() > end) break
    if (await succeeds(subject, requester, operation)) continue
    // What was asked so far may be why it is refused.
    await subject.reload()
    for (const other of [...commands, ...commands])
      if (other !== operation) await succeeds(subject, requester, other)
    if (!(await succeeds(subject, requester, operation))) await tryLearned(subject, requester, operation)
  }
  await subject.reload()
}

/** Whether a command takes one of its good requests. */
async function succeeds(subject: Subject, requester: Requester, operation: Operation): Promise<boolean> {
  for (const shape of Shape.all(subject, operation))
    if ((await requester.ask(operation, shape.attributes(0))).code === undefined) return true
  return false
}

/**
 * The life of a module: loaded, asked, left in the midst of dumps, unloaded.
 * @param most repetitions of a request at most
 * @returns how many of the requests there was time for
 */
async function live(
  subject: Subject,
  requests: readonly LeakTrial[],
  others: readonly Maker[],
  most = Infinity,
): Promise<number> {
  await subject.reload()
  const end = performance.now() + ROUND
  using requester = subject.open().withRoom()
  using listener = subject.open({ memberships: [...subject.family.groups.values()] }).withRoom()
  const earlier = others.map(other => other(0))
  let done = 0
  for (const { make, varies, isWhole } of requests) {
    if (performance.now() > end) break
    done++
    const count = Math.min(most, REPETITIONS * (isWhole ? Math.min(OTHERS, others.length) : 1))
    const same = varies ? undefined : make(0)
    for (let sent = 0; sent < count; sent += AT_ONCE) {
      // Other commands in turn make, change and remove what this one is about.
      const datagram = Array.from({ length: AT_ONCE }, (_, at) => sent + at).flatMap(number => {
        const other = (number + done) % others.length
        return [...earlier.slice(other, other + 1), same ?? make(number)]
      })
      requester.socket.send(Buffer.concat(datagram))
      discard(requester.socket, listener.socket)
    }
  }
  leaveDumps(subject)
  await subject.unload()
  const makers = requests.filter(({ varies }) => varies === 'all').map(({ make }) => make)
  // In one of both orders entries are made after those that others remove.
  for (const inOrder of [makers, makers.toReversed()]) await leaveEntries(subject, inOrder, most)
  return done
}

/** Unloads the module where entries are left in it. @param most of a kind at most */
async function leaveEntries(subject: Subject, makers: readonly Maker[], most: number): Promise<void> {
  await subject.load()
  using requester = subject.open().withRoom()
  for (const make of makers)
    for (let sent = 0; sent < Math.min(most, REPETITIONS); sent += AT_ONCE) {
      const datagram = Array.from({ length: AT_ONCE }, (_, at) => make(sent + at))
      requester.socket.send(Buffer.concat(datagram))
      discard(requester.socket)
    }
  await subject.unload()
}

/** Complete requests with one attribute at its greatest value, and with none. */
function extremes(subject: Subject, shape: Shape | undefined): Buffer[] {
  if (shape === undefined) return []
  const making = subject.making(0)
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

interface LeakTrial {
  readonly make: Maker
  /** Whether the requests differ in their values: in all, or in one of them. */
  readonly varies: 'all' | 'one' | undefined
  /** Whether all its attributes are good: what it does depends on what others have done. */
  readonly isWhole: boolean
}

function leakTrials(subject: Subject, operation: Operation): LeakTrial[] {
  const shapes = Shape.all(subject, operation)
  const [whole] = shapes
  const encode = (attributes: Buffer, count: number, creation = subject.creation(operation)) =>
    subject.encode(operation, attributes, { sequence: 1 + count, flags: NLM_F_ACK, creation })
  const { policies } = subject.family
  const making = subject.making(0)
  const maximum = subject.family.maximumAttribute || undefined
  const reachesModule = (attributes: Buffer) =>
    operation.policy === undefined ||
    outcomeOf(encode(attributes, 0), subject.start, operation.policy, { policies, strict: true, maximum }) ===
      'open'
  const all = (whole?.types ?? []).flatMap(type =>
    variations(type, whole?.policyOf(type), making)
      .filter(({ payload }) => payload.length < 512)
      .map(({ what, payload }) => ({
        isIncomplete: /^(empty|inside (without|only) \d+)$/.test(what),
        attributes: whole?.attributes(0, new Map([[type, payload]])) ?? payload,
      })),
  )
  const those = (isIncomplete: boolean) =>
    distinct(all.filter(each => each.isIncomplete === isIncomplete).map(each => each.attributes)).filter(
      reachesModule,
    )
  const trial = (attributes: Buffer, isWhole: boolean, creation?: number): LeakTrial => ({
    make: count => encode(attributes, count, creation),
    varies: undefined,
    isWhole,
  })
  // All, each left out, and none: of more than two, one alone is mostly refused as none is.
  const isOfFew = (whole?.types.length ?? 0) <= 2
  const telling = shapes.filter(({ types }) => isOfFew || types.length !== 1)
  const good = some(distinct(telling.map(shape => shape.attributes(0)).filter(reachesModule)), WHOLE)
  // Who looks into a nest has most to give back when something is missing there.
  const incomplete = some(those(true), WHOLE)
  const bad = [...incomplete, ...some(those(false), KINDS - good.length - incomplete.length)]
  return [
    // Other entries first, for what is to be got and removed.
    ...shapes.slice(0, 1).map(shape => ({
      make: (count: number) => encode(shape.attributes(count), count),
      varies: 'all' as const,
      isWhole: false,
    })),
    // One entry after the other for the same place, or the same one for each place.
    ...shapes.slice(0, 1).flatMap(shape =>
      (shape.types.length > 1 ? shape.types : []).map(varied => ({
        make: (count: number) =>
          encode(
            shape.attributes(type => (type === varied ? count : 0)),
            count,
          ),
        varies: 'one' as const,
        isWhole: false,
      })),
    ),
    ...creations(subject, operation).flatMap(creation =>
      good.map(attributes => trial(attributes, true, creation)),
    ),
    ...[...bad, ...nearlyKnown(subject, whole).filter(reachesModule)].map(attributes =>
      trial(attributes, false),
    ),
  ]
}

/** Requests with names that begin as those with which the command succeeds, as a path below one that is there. */
function nearlyKnown(subject: Subject, whole: Shape | undefined): Buffer[] {
  if (whole === undefined) return []
  return whole.types.flatMap(type => {
    const known = subject.learned(whole.operation, type)
    if (known === undefined || !/STRING$/.test(whole.policyOf(type)?.type ?? '')) return []
    const name = known.at(-1) === 0 ? known.subarray(0, -1) : known
    return [whole.attributes(0, new Map([[type, Buffer.concat([name, Buffer.from('x\0')])]]))]
  })
}

function distinct(all: readonly Buffer[]): Buffer[] {
  return [...new Map(all.map(each => [each.toString('latin1'), each])).values()]
}

/** At most so many of them, from all places. */
function some<T>(all: readonly T[], most: number): T[] {
  const every = Math.max(1, all.length / most)
  return all.filter((_, index) => Math.floor(index / every) !== Math.floor((index - 1) / every))
}

/**
 * Namespaces that come, are used, and go. A work queue takes them down, which is waited for: it frees their
 * objects.
 * @param commands that are used, in this order
 * @param usual how many there are without them
 */
async function comeAndGo(
  subject: Subject,
  commands: readonly Operation[],
  usual: number,
  most = NAMESPACES,
): Promise<void> {
  for (let count = 0; count < most; count++) {
    using elsewhere = new NetworkNamespace()
    using requester = subject.open({ namespace: elsewhere.fd })
    // What is refused may keep the namespace, or its devices; the whole request comes last.
    for (const operation of commands)
      for (const shape of Shape.all(subject, operation).slice(0, WHOLE).reverse())
        requester.socket.send(subject.encode(operation, shape.attributes(count)))
    drain(requester.socket)
  }
  // State that all namespaces share is given back with the module, and that of a namespace which is gone is not.
  await subject.reload()
  // Some may stay: closed sockets and the like still hold them.
  for (let look = 0, least = Infinity, same = 0; look < LOOKS && same < SAME_LOOKS; look++) {
    const now = namespaces()
    if (now <= usual) break
    same = now < least ? 0 : same + 1
    least = Math.min(least, now)
    await setTimeout(UNTIL_NEXT_LOOK)
  }
  freeDelayed()
}

/** kfree_rcu() may keep memory for seconds (KFREE_DRAIN_JIFFIES of kernel/rcu/tree.c); its shrinker does not. */
function freeDelayed(): void {
  writeFileSync('/proc/sys/vm/drop_caches', '2')
}

/** How many network namespaces the kernel has, those that are being taken down among them. */
function namespaces(): number {
  writeFileSync('/sys/kernel/slab/net_namespace/shrink', '1')
  const [, count] = /^net_namespace +(\d+)/m.exec(readFileSync('/proc/slabinfo', 'utf8')) ?? []
  return Number(count)
}

function leaveDumps(subject: Subject): void {
  for (const operation of subject.dumps)
    for (let count = 0; count < LEFT; count++) {
      using requester = subject.open()
      requester.socket.send(subject.encode(operation))
      // Some are read for a while.
      if (count % 2 === 1) requester.socket.receiveReady()
    }
}

/** Nothing of what came is looked at. */
function discard(...sockets: readonly Socket[]): void {
  for (const { fd } of sockets)
    for (let isLost = true; isLost; )
      try {
        discardReceived(fd)
        isLost = false
      } catch (error) {
        if (!(error instanceof SystemCallError && error.code === 'ENOBUFS')) throw error
      }
}
