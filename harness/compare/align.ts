// SPDX-License-Identifier: MIT

/** The same thing in two lists. */
export interface Pair<T> {
  readonly base: T
  readonly head: T
  /** Its index in the first list. */
  readonly index: number
  /** Whether the lists have been the same up to here. */
  readonly isAfterSame: boolean
}

/** Cells of the table for a longest common subsequence: 16 MB. */
const MOST_CELLS = 4_000_000

/** Pairs what two lists have in common, in their order: a longest common subsequence. */
export function align<T>(base: readonly T[], head: readonly T[], keyOf: (item: T) => string): Pair<T>[] {
  const [a, b] = [base.map(keyOf), head.map(keyOf)]
  let same = 0
  while (same < a.length && same < b.length && a[same] === b[same]) same++
  let end = 0
  while (end < a.length - same && end < b.length - same && a[a.length - 1 - end] === b[b.length - 1 - end])
    end++
  const middle = common(a.slice(same, a.length - end), b.slice(same, b.length - end))
  const indexes: [number, number][] = [
    ...Array.from({ length: same }, (_, at): [number, number] => [at, at]),
    ...middle.map(([at, other]): [number, number] => [at + same, other + same]),
    ...Array.from({ length: end }, (_, at): [number, number] => [a.length - end + at, b.length - end + at]),
  ]
  const isSame = a.length === b.length && same === a.length
  return indexes.map(([at, other]) => ({
    base: base[at] as T,
    head: head[other] as T,
    index: at,
    isAfterSame: isSame || at < same,
  }))
}

/** The indexes of a longest common subsequence; of very long lists that of their beginnings. */
function common(a: readonly string[], b: readonly string[]): [number, number][] {
  const most = Math.floor(Math.sqrt(MOST_CELLS))
  if (a.length * b.length > MOST_CELLS) return common(a.slice(0, most), b.slice(0, most))
  const width = b.length + 1
  // By both lists' indexes: the length for what follows them.
  const lengths = new Uint32Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      lengths[i * width + j] =
        a[i] === b[j]
          ? (lengths[(i + 1) * width + j + 1] ?? 0) + 1
          : Math.max(lengths[(i + 1) * width + j] ?? 0, lengths[i * width + j + 1] ?? 0)
  const pairs: [number, number][] = []
  for (let i = 0, j = 0; i < a.length && j < b.length; )
    if (a[i] === b[j]) pairs.push([i++, j++])
    else if ((lengths[(i + 1) * width + j] ?? 0) >= (lengths[i * width + j + 1] ?? 0)) i++
    else j++
  return pairs
}
