// SPDX-License-Identifier: MIT
/** Which commands leave memory behind, and how much by each request. */
import { type SlabGrowth, slabGrowth } from '../memory.ts'
import type { Operation } from './family.ts'
import type { LeakTrial } from './leak-trials.ts'
import { freeDelayed, live, repeat } from './module-life.ts'
import type { Subject } from './subject.ts'

/** Milliseconds for all that is tried. */
const LIMIT = 20_000
/** Repetitions of a request: much more than slabGrowth() takes for noise. */
const TIMES = 160
/** Rounds in which a cache must grow. */
const ROUNDS = 3
/** Repetitions of each request where many are asked. */
const MOST = 40

/** A command with the requests that are repeated. */
export interface Asked {
  readonly operation: Operation
  readonly trials: readonly LeakTrial[]
}

/**
 * Leaves out one command after the other, then asks what is needed alone.
 * @returns in words, without colons; what was not found out in time is left out
 */
export async function leakersOf(subject: Subject, asked: readonly Asked[]): Promise<string[]> {
  const end = performance.now() + LIMIT
  const isOver = () => performance.now() > end
  if (await grows(subject, [])) return ['what is left of dumps, or of loading and unloading']
  const needed: Asked[] = []
  for (const each of asked) {
    if (isOver()) return []
    const others = asked.filter(other => other !== each)
    if (!(await grows(subject, others))) needed.push(each)
  }
  if (needed.length > 0) return [await amountOf(subject, needed, asked, isOver)]
  // Each of several does it by itself.
  const told: string[] = []
  for (const each of asked) {
    if (isOver()) break
    if (await grows(subject, [each])) told.push(await amountOf(subject, [each], asked, isOver))
  }
  return told
}

async function grows(subject: Subject, asked: readonly Asked[]): Promise<boolean> {
  const requests = asked.flatMap(({ trials }) => trials)
  const others = asked.flatMap(({ trials }) => trials.slice(0, 1).map(({ make }) => make))
  const growth = await slabGrowth(async () => {
    await live(subject, requests, others, MOST)
    freeDelayed()
  }, ROUNDS)
  return Object.keys(growth).length > 0
}

/** The first request that leaves something behind: where the others that are needed come before each, or all do. */
async function amountOf(
  subject: Subject,
  needed: readonly Asked[],
  all: readonly Asked[],
  isOver: () => boolean,
): Promise<string> {
  const words = ({ operation }: Asked) => subject.commandWords(operation.command)
  const ways = needed.length === all.length ? [needed] : [needed, all]
  for (const each of needed)
    for (const others of ways.map(some => some.filter(other => other !== each))) {
      const earlier = others.flatMap(({ trials }) => trials.slice(0, 1).map(({ make }) => make(0)))
      for (const trial of each.trials) {
        if (isOver()) break
        const growth = await slabGrowth(() => repeat(subject, earlier, trial, TIMES), ROUNDS)
        const amounts = amountsOf(growth)
        if (amounts.length === 0) continue
        const after = others.length === 0 ? '' : `, after ${others.map(words).join(' and ')},`
        const request = `${words(each)} with ${trial.about}`.replaceAll(':', '')
        return `each request of ${request}${after} leaves ${amounts.join(', ')}`
      }
    }
  return `it takes ${needed.map(words).join(' and ')}`
}

/** Objects by request; `pages` where nothing else grows, for they grow with each cache. */
function amountsOf(growth: SlabGrowth): string[] {
  const caches = Object.entries(growth).filter(([cache]) => cache !== 'pages')
  return (caches.length > 0 ? caches : Object.entries(growth)).map(
    ([cache, grown]) => `${Math.round((10 * grown) / TIMES) / 10} of ${cache}`,
  )
}
