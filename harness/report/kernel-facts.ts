// SPDX-License-Identifier: MIT
import * as v from 'valibot'
import { ExitStatus } from '../base/errors.ts'
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
  /** Why guests were lost: {@link Loss.cause} of each. */
  losses: v.array(v.string()),
  /** Whether it was ready for its files. */
  isReady: v.boolean(),
  /** Why it was not; of several shards, also while others had it ready. */
  obstacles: v.array(v.object({ message: v.string(), status: v.enum(ExitStatus) })),
  /** The shards that are not there: `2/3`. */
  missing: v.array(v.string()),
})
export type KernelFacts = v.InferOutput<typeof kernelFacts>

/** What is known of a kernel after its run. */
export function factsOf(kernel: KernelOfRun): KernelFacts {
  const { release, startTimes, losses } = kernel.guests.statistics
  const isReady = isPrepared(kernel)
  const { packed } = isReady ? kernel.kernel : {}
  return {
    label: kernel.label,
    release: release || (isReady ? kernel.kernel.release : ''),
    origin: isReady ? (packed?.label === kernel.label ? packed.origin : kernel.kernel.origin) : '',
    startTimes: [...startTimes],
    losses: losses.map(({ cause }) => cause),
    isReady,
    obstacles: isReady ? [] : [{ message: kernel.error.message, status: kernel.error.status }],
    missing: [],
  }
}

/** A kernel of which nothing is known but why. */
export function absent(label: string, message: string): KernelFacts {
  const obstacles = [{ message, status: ExitStatus.machinery }]
  return {
    label,
    release: '',
    origin: '',
    startTimes: [],
    losses: [],
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
    losses: facts.flatMap(({ losses }) => losses),
    isReady: facts.some(({ isReady }) => isReady),
    obstacles: facts.flatMap(({ obstacles }) => obstacles),
    missing: [...missing],
  }
}
