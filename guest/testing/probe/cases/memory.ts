// SPDX-License-Identifier: MIT
/** Memory that must be given back: by requests, by namespaces that go, by the module itself. */
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { drain } from '../../exchange.ts'
import { kernel } from '../../kernel.ts'
import { slabGrowth } from '../../memory.ts'
import { NetworkNamespace } from '../../namespaces.ts'
import { isTimeShort } from '../allowance.ts'
import { askFamily, type Operation } from '../family.ts'
import { leakTrials } from '../leak-trials.ts'
import { leakersOf } from '../leakers.ts'
import { AT_ONCE, freeDelayed, live } from '../module-life.ts'
import { Shape } from '../shape.ts'
import type { Subject } from '../subject.ts'

/** Milliseconds for thousands of requests. */
const LONG = 60_000
/** Milliseconds more to find out who it is: its limit, and what it has begun then. */
const LOOKING_FOR_LEAKERS = 60_000
/** Kinds of good requests of a command in a namespace. */
const WHOLE = 6
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

export function memory(subject: Subject): void {
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
      const asked = subject.commands.map(operation => ({ operation, trials: leakTrials(subject, operation) }))
      const requests = asked.flatMap(({ trials }) => trials)
      const others = asked.flatMap(({ trials }) => trials.slice(0, 1).map(({ make }) => make))
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
      const leakers = Object.keys(growth).length === 0 ? [] : await leakersOf(subject, asked)
      await subject.load()
      const words = ['objects of slab caches that are left in each round', ...leakers].join('; ')
      expect(growth, words).toEqual({})
    },
    LONG + LOOKING_FOR_LEAKERS,
  )
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

/** How many network namespaces the kernel has, those that are being taken down among them. */
function namespaces(): number {
  writeFileSync('/sys/kernel/slab/net_namespace/shrink', '1')
  const [, count] = /^net_namespace +(\d+)/m.exec(readFileSync('/proc/slabinfo', 'utf8')) ?? []
  return Number(count)
}
