// SPDX-License-Identifier: MIT
import type { Exchange } from './recorded.ts'

type Asked = readonly Pick<Exchange, 'key'>[]

/**
 * Pairs sockets of two sides by what they ask. Names are in the order in which sockets are heard of, and of those
 * in threads that is the order in which these end: such sockets are paired by what they ask first.
 */
export function pairedSockets(
  base: ReadonlyMap<string, Asked>,
  head: ReadonlyMap<string, Asked>,
): [base: string, head: string][] {
  const left = new Map(head)
  const found = new Map<string, string>()
  const pair = (name: string, other: string) => {
    if (left.delete(other)) found.set(name, other)
  }
  for (const [name, said] of base) {
    const other = left.get(name)
    if (other && sameAtFirst(said, other) === Math.min(said.length, other.length)) pair(name, name)
  }
  for (const [name, said] of base) {
    if (found.has(name)) continue
    let [best, most] = [name, 0]
    for (const [other, its] of left) {
      const same = sameAtFirst(said, its)
      if (same > most || (same === most && other === name)) [best, most] = [other, same]
    }
    pair(name, best)
  }
  return [...base.keys()].flatMap(name => {
    const other = found.get(name)
    return other === undefined ? [] : [[name, other]]
  })
}

/** How many requests are the same from the first one on. */
function sameAtFirst(base: Asked, head: Asked): number {
  let same = 0
  while (same < base.length && same < head.length && base[same]?.key === head[same]?.key) same++
  return same
}
