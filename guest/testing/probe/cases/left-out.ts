// SPDX-License-Identifier: MIT
/** What a new entry was not given is not told as it was given to another one. */
import { isTimeShort } from '../allowance.ts'
import type { Writer } from '../found.ts'
import type { Life } from '../life.ts'
import { isOfMany, type Told } from '../shape.ts'
import { nextVariant } from '../variants.ts'

/** Times that it must be so, with other values each. */
const TIMES = 2

export async function leaveOut(life: Life): Promise<void> {
  for (const writer of life.explored.writers.filter(({ adds, key }) => adds && key === undefined)) {
    const telling = writer.stored.filter(type => isOfMany(writer.shape.policyOf(type)))
    for (const type of telling) {
      let isHandedDown = telling.length > 1
      for (let time = 0; isHandedDown && time < TIMES; time++)
        isHandedDown = await isOfTheOther(life, writer, type, telling)
      if (!isHandedDown) continue
      life.faults.add(writer.shape.words, [
        `attribute ${type} of a new entry that was not given one is told as it was given to another entry`,
      ])
      return
    }
  }
}

/** Whether an entry without the attribute tells that of the entry before it, and each entry had its own. */
async function isOfTheOther(
  life: Life,
  { shape, dump }: Writer,
  type: number,
  telling: readonly number[],
): Promise<boolean> {
  const { requester, state } = life
  if (isTimeShort()) return false
  const without = shape.without(type)
  const [earlier, given, bare] = [nextVariant(), nextVariant(), nextVariant()]
  for (const [each, variant] of [
    [shape, earlier],
    [shape, given],
    [without, bare],
  ] as const)
    if ((await requester.ask(each.operation, each.attributes(variant))).code !== undefined) return false
  const entries = await state.dumped(dump)
  const of = (variant: number, types: readonly number[]) =>
    entries.filter(entry => types.every(each => shape.isTold([entry], each, shape.payload(each, variant))))
  const named = telling.filter(each => each !== type)
  const tells = (all: readonly Told[], variant: number) =>
    all.length === 1 && shape.isTold(all, type, shape.payload(type, variant))
  return tells(of(bare, named), given) && tells(of(given, named), given) && tells(of(earlier, named), earlier)
}
