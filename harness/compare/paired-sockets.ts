// SPDX-License-Identifier: MIT
import type { Exchange } from './recorded.ts'

type Asked = readonly Pick<Exchange, 'key'>[]

/**
 * Pairs what sockets have said on two sides. Names are in the order in which sockets are heard of, and of those
 * in threads that is the order in which these end: such sockets are paired by what they ask first.
 */
export function pairedSockets<T extends Asked>(
  base: ReadonlyMap<string, T>,
  head: ReadonlyMap<string, T>,
): [base: T, head: T][] {
  const left = new Map(head)
  const found = new Map<string, T>()
  const pair = (name: string, other: string) => {
    const said = left.get(other)
    if (said) found.set(name, said)
    left.delete(other)
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
  return [...base].flatMap(([name, said]) => {
    const other = found.get(name)
    return other ? [[said, other]] : []
  })
}

/** How many requests are the same from the first one on. */
function sameAtFirst(base: Asked, head: Asked): number {
  let same = 0
  while (same < base.length && same < head.length && base[same]?.key === head[same]?.key) same++
  return same
}
