// SPDX-License-Identifier: MIT
/** Memory that is used again: what has been changed in an entry that is removed is not in those that come after it. */
import { isTimeShort } from '../allowance.ts'
import type { Remover, Writer } from '../found.ts'
import type { Life } from '../life.ts'
import { entryOf, payloadsOf } from '../names.ts'
import type { Told } from '../shape.ts'
import { FIRST, nextVariant } from '../variants.ts'

/** Entries that must all have it: values may be equal by chance. */
const TIMES = 3
/** The first variant of what is set: great values may be refused. */
const SMALL = 80

export async function startEmpty(life: Life): Promise<void> {
  const { removers, writers } = life.explored
  for (const remover of removers)
    for (const changer of writers) {
      const types = changer.stored.filter(type => !remover.adder.stored.includes(type))
      if (changer.adds || types.length === 0) continue
      await compare(life, remover, changer, types)
    }
}

async function compare(
  life: Life,
  remover: Remover,
  changer: Writer,
  types: readonly number[],
): Promise<void> {
  let remains = types
  for (let time = 0; time < TIMES; time++) {
    if (isTimeShort()) return
    const left = await remainsOf(life, remover, changer, SMALL + time)
    remains = remains.filter(type => left.includes(type))
    if (remains.length === 0) return
  }
  const { words } = remover.adder.shape
  for (const type of remains)
    life.faults.add(words, [
      `the new entry tells attribute ${type} as ${changer.shape.words} has set it in one that is removed`,
    ])
}

/** The types that a new entry tells as they were set in the one before it, which is gone; other entries do not. */
async function remainsOf(life: Life, remover: Remover, changer: Writer, value: number): Promise<number[]> {
  const { adder, shape, learned } = remover
  const { requester, state } = life
  const add = async (variant: number): Promise<Told | undefined> => {
    await requester.ask(adder.shape.operation, adder.shape.attributes(variant))
    return entryOf(adder, await state.dumped(adder.dump), variant)
  }
  const remove = async (variant: number, entry: Told) =>
    (await requester.ask(shape.operation, shape.attributes(variant, payloadsOf(entry, learned)))).code

  const [old, next] = [nextVariant(), nextVariant()]
  const first = await add(old)
  if (first === undefined) return []
  const names = changer.shape.types.filter(type => !changer.stored.includes(type))
  const attributes = changer.shape.attributes(
    type => (names.includes(type) ? old : value),
    payloadsOf(first, names),
  )
  await requester.ask(changer.shape.operation, attributes)
  const entries = await state.dumped(adder.dump)
  const changed = entryOf(adder, entries, old)
  const other = entryOf(adder, entries, FIRST)
  if (changed === undefined || other === undefined || (await remove(old, changed)) !== undefined) return []
  const fresh = await add(next)
  if (fresh === undefined) return []
  await remove(next, fresh)
  return changer.stored.filter(type => {
    const own = changed.get(type)
    const isSame = (entry: Told) => own !== undefined && entry.get(type)?.equals(own)
    return isSame(fresh) && !isSame(first) && !isSame(other)
  })
}
