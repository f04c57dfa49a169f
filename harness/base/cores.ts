// SPDX-License-Identifier: MIT
import { availableParallelism } from 'node:os'
import { Semaphore } from 'async-mutex'

const ALL = availableParallelism()
const free = new Semaphore(ALL)

/**
 * Does work that keeps one core busy, as soon as one is free: booting a guest, which needs a core to itself
 * to measure its clock (harness/template/clock.ts).
 */
export function withCore<T>(work: () => Promise<T>): Promise<T> {
  return free.runExclusive(work)
}

/**
 * Does work that keeps all cores busy, such as building a kernel, when they are free and before any later
 * request. Two builds at the same time are no quicker than one after the other (docs/measurements.md,
 * Building kernels), and the announced time is for all cores.
 */
export function withAllCores<T>(work: () => Promise<T>): Promise<T> {
  return free.runExclusive(work, ALL)
}
