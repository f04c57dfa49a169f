// SPDX-License-Identifier: MIT
import * as v from 'valibot'
import { ExitStatus, type HarnessError } from '../base/errors.ts'
import { isPrepared, type KernelOfRun } from '../prepare/matrix.ts'

/** What a run knows of a kernel beside Vitest's results. As a schema, because blobs have it too. */
export const kernelFacts = v.object({
  /** The name of its project. */
  label: v.string(),
  /** `uname -r`; empty if there was no kernel. */
  release: v.string(),
  /** Packages and versions, or the tree that it was built in; empty if there was no kernel. */
  origin: v.string(),
  /** Milliseconds to a loaded worker, of each of its guests. */
  startTimes: v.array(v.number()),
  /** How many guests came to be in each way; blobs of earlier versions do not have it. */
  guests: v.optional(v.object({ forked: v.number(), restored: v.number(), booted: v.number() }), {
    forked: 0,
    restored: 0,
    booted: 0,
  }),
  /** Why guests were lost: {@link Loss.cause} of each. */
  losses: v.array(v.string()),
  /** The configuration's known reports, and how often each came. */
  knownReports: v.array(v.object({ report: v.string(), reason: v.string(), count: v.number() })),
  /** Whether it was ready for its files. */
  isReady: v.boolean(),
  /** Why it was not, with a compiler's output; of several shards, also while others had it ready. */
  obstacles: v.array(
    v.object({ message: v.string(), details: v.optional(v.string()), status: v.enum(ExitStatus) }),
  ),
  /** The shards that are not there: `2/3`. */
  missing: v.array(v.string()),
})
export type KernelFacts = v.InferOutput<typeof kernelFacts>

/** What is known of a kernel after its run. */
export function factsOf(kernel: KernelOfRun): KernelFacts {
  const { release, startTimes, origins, losses } = kernel.guests.statistics
  const isReady = isPrepared(kernel)
  const { packed } = isReady ? kernel.kernel : {}
  return {
    label: kernel.label,
    release: release || (isReady ? kernel.kernel.release : ''),
    origin: isReady ? (packed?.label === kernel.label ? packed.origin : kernel.kernel.origin) : '',
    startTimes: [...startTimes],
    guests: { ...origins },
    losses: losses.map(({ cause }) => cause),
    knownReports: isReady ? kernel.guests.knownReports.counts : [],
    isReady,
    obstacles: isReady ? [] : [obstacleOf(kernel.error)],
    missing: [],
  }
}

function obstacleOf({ message, details, status }: HarnessError): KernelFacts['obstacles'][number] {
  return { message, status, ...(details === undefined ? {} : { details }) }
}

/** A kernel of which nothing is known but why. */
export function absent(label: string, message: string): KernelFacts {
  const obstacles = [{ message, status: ExitStatus.machinery }]
  return {
    label,
    release: '',
    origin: '',
    startTimes: [],
    guests: { forked: 0, restored: 0, booted: 0 },
    losses: [],
    knownReports: [],
    isReady: false,
    obstacles,
    missing: [],
  }
}

/** What several runs know of one kernel: its shards are one row. */
export function united(
  facts: readonly [KernelFacts, ...KernelFacts[]],
  missing: readonly string[],
): KernelFacts {
  const texts = (of: (each: KernelFacts) => string) =>
    [...new Set(facts.map(of).filter(Boolean))].sort().join('; ')
  return {
    label: facts[0].label,
    // Shards that ran different versions of a kernel all show.
    release: texts(({ release }) => release),
    origin: texts(({ origin }) => origin),
    startTimes: facts.flatMap(({ startTimes }) => startTimes),
    guests: {
      forked: sum(facts.map(({ guests }) => guests.forked)),
      restored: sum(facts.map(({ guests }) => guests.restored)),
      booted: sum(facts.map(({ guests }) => guests.booted)),
    },
    losses: facts.flatMap(({ losses }) => losses),
    knownReports: sumOf(facts.flatMap(({ knownReports }) => knownReports)),
    isReady: facts.some(({ isReady }) => isReady),
    obstacles: facts.flatMap(({ obstacles }) => obstacles),
    missing: [...missing],
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0)
}

/** As from a run of a part of the suites, which does not tell what is not needed. */
export function ofPart(facts: KernelFacts): KernelFacts {
  return { ...facts, knownReports: facts.knownReports.filter(({ count }) => count > 0) }
}

/** Each known report once, with how often it came in all. */
export function sumOf(counts: KernelFacts['knownReports']): KernelFacts['knownReports'] {
  const sums = new Map<string, KernelFacts['knownReports'][number]>()
  for (const each of counts) {
    const key = JSON.stringify([each.report, each.reason])
    sums.set(key, { ...each, count: each.count + (sums.get(key)?.count ?? 0) })
  }
  return [...sums.values()]
}
