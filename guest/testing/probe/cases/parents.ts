// SPDX-License-Identifier: MIT
/** What others belong to: it can be removed when nothing belongs to it any more, and not as long as something does. */
import { isTimeShort } from '../allowance.ts'
import type { Remover } from '../found.ts'
import type { Life } from '../life.ts'
import { entryOf, namesOf } from '../names.ts'
import { nextVariant } from '../variants.ts'

/** Times that it must be so. */
const TIMES = 2

/** Entries of one kind belong to those of another one, if they are made only where such a one is. */
export async function removeParents(life: Life): Promise<void> {
  const { removers } = life.explored
  for (const child of removers)
    for (const parent of removers) {
      const { key } = child.adder
      if (key === undefined || parent === child || !parent.adder.stored.includes(key)) continue
      const seen: string[] = []
      for (let time = 0; seen.length === time && time < TIMES && !isTimeShort(); time++)
        seen.push(...(await faultOf(life, key, child, parent)))
      if (seen.length === TIMES) life.faults.add(parent.shape.words, seen.slice(-1))
    }
}

/** At most one. */
async function faultOf(life: Life, key: number, child: Remover, parent: Remover): Promise<string[]> {
  const { requester, state, explored } = life
  // That of the child's remover has one parent in all variants.
  const adder = explored.writers.find(({ shape }) => shape.operation === child.adder.shape.operation)
  if (adder === undefined) return []
  const ask = async (remover: Remover, variant: number) => {
    const own = await namesOf(state, remover, variant)
    return (await requester.ask(remover.shape.operation, remover.shape.attributes(variant, own))).code
  }
  const makeParent = async (variant: number) =>
    (await requester.ask(parent.adder.shape.operation, parent.adder.shape.attributes(variant))).code
  const makeChild = async (variant: number, of: number) =>
    (
      await requester.ask(
        adder.shape.operation,
        adder.shape.attributes(type => (type === key ? of : variant)),
      )
    ).code
  const childOf = async (variant: number) => entryOf(child.adder, await state.dumped(adder.dump), variant)

  const [alone, left, held, nobody] = [nextVariant(), nextVariant(), nextVariant(), nextVariant()]
  const isNeeded = (await makeChild(nobody, nobody)) !== undefined
  const isRemovable = (await makeParent(alone)) === undefined && (await ask(parent, alone)) === undefined
  if (!isNeeded || !isRemovable) return []

  if ((await makeParent(left)) !== undefined || (await makeChild(left, left)) !== undefined) return []
  if ((await childOf(left)) === undefined || (await ask(child, left)) !== undefined) return []
  if ((await childOf(left)) !== undefined) return []
  const afterwards = await ask(parent, left)
  if (afterwards !== undefined)
    return [`${afterwards}, though what belonged to it is removed: does ${child.shape.words} let it go?`]

  if ((await makeParent(held)) !== undefined || (await makeChild(held, held)) !== undefined) return []
  const payload = adder.shape.payload(key, held)
  const belongs = async () => (await childOf(held))?.get(key)?.equals(payload) === true
  if (!(await belongs()) || (await ask(parent, held)) !== undefined || !(await belongs())) return []
  return [
    `success, though something belongs to it, which is still told so, and ${adder.shape.words} is refused where it is not there`,
  ]
}
