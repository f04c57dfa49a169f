// SPDX-License-Identifier: MIT
/** What two lists have in common, and findings about what they have not. */
import type { Finding, FindingKind } from '../finding.ts'

/** A finding before it is known which kernels have it. */
export type Change = Omit<Finding, 'kernel'>

/** What is on one side only, and what is on both. */
export interface Paired<T> {
  readonly gone: readonly T[]
  readonly fresh: readonly T[]
  readonly both: readonly (readonly [was: T, is: T])[]
}

/** Pairs by a key, which no two of a list have in common. */
export function paired<T>(base: readonly T[], head: readonly T[], keyOf: (each: T) => string): Paired<T> {
  const before = new Map(base.map(each => [keyOf(each), each]))
  const after = new Map(head.map(each => [keyOf(each), each]))
  return {
    gone: base.filter(each => !after.has(keyOf(each))),
    fresh: head.filter(each => !before.has(keyOf(each))),
    both: [...before].flatMap(([key, was]) => {
      const is = after.get(key)
      return is === undefined ? [] : [[was, is] as const]
    }),
  }
}

/**
 * What has another name now: the only one that is gone, and the only new one. Neither is among `gone` and `fresh` then.
 */
export function withRenamed<T>(all: Pick<Paired<T>, 'gone' | 'fresh'>): Pick<Paired<T>, 'gone' | 'fresh'> & {
  readonly renamed: readonly (readonly [was: T, is: T])[]
} {
  const [was, ...moreGone] = all.gone
  const [is, ...moreFresh] = all.fresh
  if (was === undefined || is === undefined || moreGone.length + moreFresh.length > 0)
    return { gone: all.gone, fresh: all.fresh, renamed: [] }
  return { gone: [], fresh: [], renamed: [[was, is]] }
}

/** What is more often on one side than on the other, once for each that is too many. */
export function unequal<T>(
  base: readonly T[],
  head: readonly T[],
  keyOf: (each: T) => string,
): Pick<Paired<T>, 'gone' | 'fresh'> {
  const without = (list: readonly T[], taken: readonly T[]) => {
    const counts = new Map<string, number>()
    for (const each of taken) counts.set(keyOf(each), (counts.get(keyOf(each)) ?? 0) + 1)
    return list.filter(each => {
      const left = counts.get(keyOf(each)) ?? 0
      counts.set(keyOf(each), left - 1)
      return left <= 0
    })
  }
  return { gone: without(base, head), fresh: without(head, base) }
}

/** What a thing was and is, if that differs. */
export function changed(
  kind: FindingKind,
  where: string,
  was: string | undefined,
  is: string | undefined,
  more: Partial<Pick<Change, 'text' | 'matters' | 'show'>> = {},
): Change[] {
  return was === is ? [] : [{ kind, where, was, is, matters: true, ...more }]
}

/** Text without addresses and the hashes in their place, which differ in each guest. */
export function withoutAddresses(text: string): string {
  return text.replace(/\b(0x)?[\da-f]{8,16}\b/gi, '…')
}
