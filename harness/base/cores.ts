import { availableParallelism } from 'node:os'
import { Semaphore } from 'async-mutex'

/** How many there are. */
const ALL = availableParallelism()
const free = new Semaphore(ALL)

/**
 * Does work that keeps one of this machine's cores busy, as soon as one is free: booting a guest, of which nothing else may take
 * the time. Two templates that were booted beside a kernel's build had a clock that could not be measured, five boots in a row.
 */
export function withCore<T>(work: () => Promise<T>): Promise<T> {
  return free.runExclusive(work)
}

/**
 * Does work that keeps all cores busy, when whatever has some of them is done, and before anything that asks later: building a
 * kernel. Two at a time took 380 and 414 s, one after the other 192 and 213 s; how long one takes is said for all cores.
 */
export function withAllCores<T>(work: () => Promise<T>): Promise<T> {
  return free.runExclusive(work, ALL)
}
