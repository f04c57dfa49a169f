// SPDX-License-Identifier: MIT
/** Attributes that have the number of another one, as their lengths tell. */
import type { Attribute } from '../../netlink/index.ts'
import { widths } from './core-rules.ts'
import type { Operation } from './family.ts'

/** Bytes of the attributes that are integers, and as long in all policies that have them. */
export function widthsOf(operations: readonly Operation[]): ReadonlyMap<number, number> {
  const found = new Map<number, number | undefined>()
  for (const { policy } of operations)
    for (const [type, { type: kind = '' }] of policy ?? []) {
      const width = widths[kind]
      found.set(type, found.has(type) && found.get(type) !== width ? undefined : width)
    }
  return new Map([...found].flatMap(([type, width]) => (width === undefined ? [] : [[type, width] as const])))
}

/** An integer that a message tells twice, of which one is as long as its policy says, and the other is not. */
export function twins(attributes: readonly Attribute[], bytesOf: ReadonlyMap<number, number>): string[] {
  return [...bytesOf].flatMap(([type, width]) => {
    const lengths = attributes.filter(each => each.type === type).map(({ payload }) => payload.length)
    const other = lengths.find(length => length !== width)
    if (other === undefined || !lengths.includes(width)) return []
    return [
      `attribute ${type} is told twice, with ${width} bytes as its policy says, and with ${other}: that is another attribute`,
    ]
  })
}
