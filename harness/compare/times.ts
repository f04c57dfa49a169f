// SPDX-License-Identifier: MIT
/** How long requests take, and whether two versions differ in it for certain. */

/** Milliseconds from a request to its first answer, by operation and answer: the least of many, which load does not lengthen. */
export type Times = Readonly<Record<string, number>>

/** Requests of an operation in a file, below which their least time says nothing. */
const LEAST_SAMPLES = 8

/**
 * Runs of each side. That all of one side are longer than all of the other one by chance, after the first pair
 * was, is one in 252 (ten runs, five of them the longest): less than 1 %.
 */
export const TIMED_RUNS = 6

/** What must lie between the sides, beside that: the factor, and milliseconds. */
const FACTOR = 2
const GAP = 1

/** @param samples operations, and milliseconds that a request took */
export function leastTimes(samples: Iterable<readonly [operation: string, took: number]>): Times {
  const all = Map.groupBy(samples, ([operation]) => operation)
  const enough = [...all].filter(([, { length }]) => length >= LEAST_SAMPLES)
  return Object.fromEntries(
    enough.map(([operation, its]) => [operation, Math.min(...its.map(([, took]) => took))]),
  )
}

/** An operation that takes longer on one side. */
export interface TimeChange {
  readonly operation: string
  readonly isSlower: boolean
  /** Milliseconds: the shortest and the longest of the runs. */
  readonly base: readonly [number, number]
  readonly head: readonly [number, number]
}

/** Operations whose runs all lie apart. Of fewer than {@link TIMED_RUNS} it is a suspicion. */
export function timeChanges(base: readonly Times[], head: readonly Times[]): TimeChange[] {
  const [first] = base
  if (!first || head.length === 0) return []
  return Object.keys(first).flatMap((operation): TimeChange[] => {
    const all = [base, head].map(runs => runs.flatMap(times => times[operation] ?? []))
    const [before = [], after = []] = all
    if (before.length < base.length || after.length < head.length) return []
    const [was, is] = [rangeOf(before), rangeOf(after)]
    const isSlower = isApart(was, is)
    return isSlower || isApart(is, was) ? [{ operation, isSlower, base: was, head: is }] : []
  })
}

function rangeOf(values: readonly number[]): readonly [number, number] {
  return [Math.min(...values), Math.max(...values)]
}

function isApart([, longest]: readonly [number, number], [shortest]: readonly [number, number]): boolean {
  return shortest >= FACTOR * longest && shortest - longest >= GAP
}
