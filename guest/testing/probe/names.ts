// SPDX-License-Identifier: MIT
/** How an entry is named that the kernel has given a number, or another value: as dumps tell it. */
import type { Remover, Writer } from './found.ts'
import type { Told } from './shape.ts'
import type { State } from './state.ts'

/** The entry of a variant, as a dump tells it. */
export function entryOf(
  { shape, stored }: Writer,
  entries: readonly Told[],
  variant: number,
): Told | undefined {
  return entries.find(each => stored.every(type => shape.isTold([each], type, shape.payload(type, variant))))
}

/** The payloads that an entry tells of these types. */
export function payloadsOf(entry: Told | undefined, types: readonly number[]): Map<number, Buffer> {
  return new Map(
    types.flatMap(type => {
      const payload = entry?.get(type)
      return payload === undefined ? [] : [[type, payload] as const]
    }),
  )
}

/** What a remover names the entry of a variant by, beside the values of that. */
export async function namesOf(
  state: State,
  { adder, learned }: Remover,
  variant: number,
): Promise<Map<number, Buffer>> {
  return learned.length === 0 ? new Map() : payloadsOf(entryOf(adder, await state.dumped(), variant), learned)
}
