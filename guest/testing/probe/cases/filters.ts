// SPDX-License-Identifier: MIT
/** A dump that takes an attribute of its own for a filter does not tell all, whatever value is asked for. */
import { isTimeShort } from '../allowance.ts'
import type { Operation } from '../family.ts'
import type { Life } from '../life.ts'
import { hasOwnPolicy } from '../own-policy.ts'
import { isOfMany, Shape } from '../shape.ts'
import { FIRST, nextVariant } from '../variants.ts'

/** Values that are asked for and that nothing has: one may be no limit for anything. */
const VALUES = 4

export async function filterDumps(life: Life): Promise<void> {
  const { subject, explored, requester, faults } = life
  for (const { shape, key } of explored.writers.filter(({ adds }) => adds))
    for (const variant of [nextVariant(), nextVariant()])
      await requester.ask(
        shape.operation,
        shape.attributes(type => (type === key ? FIRST : variant)),
      )
  for (const dump of explored.dumps) {
    if (!hasOwnPolicy(subject.family, dump)) continue
    for (const shape of Shape.all(subject, dump).filter(({ types }) => types.length === 1))
      for (const type of shape.types)
        if (
          isWritten(life, shape, type) &&
          !(await isForLookups(life, dump, type)) &&
          (await isIgnored(life, shape))
        )
          faults.add(shape.words, [
            `attribute ${type} is accepted, and all is told, whatever value is asked for`,
          ])
  }
}

/** Whether the attribute may be for the command that gets one entry, and not for its dump: it needs it, or takes it alone. */
async function isForLookups(
  { subject, explored, requester }: Life,
  dump: Operation,
  type: number,
): Promise<boolean> {
  const lookup = explored.working.get(dump.command)
  if (lookup === undefined) return subject.commands.some(({ command }) => command === dump.command)
  if (!lookup.types.includes(type)) return false
  const [without, only] = [lookup.without(type), lookup.only(type)]
  const isTaken = async (shape: Shape) =>
    (await requester.ask(shape.operation, shape.attributes(FIRST))).code === undefined
  return !(await isTaken(lookup)) || !(await isTaken(without)) || (await isTaken(only))
}

/** Whether entries are made with values of it, which can be many. */
function isWritten({ explored }: Life, shape: Shape, type: number): boolean {
  const isKept = explored.writers.some(({ adds, stored }) => adds && stored.includes(type))
  return isKept && isOfMany(shape.policyOf(type))
}

async function isIgnored({ requester }: Life, shape: Shape): Promise<boolean> {
  const linesOf = async (attributes: Buffer) => {
    const { code, replies } = await requester.ask(shape.operation, attributes)
    return code === undefined ? replies.map(({ payload }) => payload.toString('hex')) : undefined
  }
  const all = await linesOf(Buffer.alloc(0))
  if (all === undefined || all.length < 2) return false
  for (let count = 0; count < VALUES; count++) {
    if (isTimeShort()) return false
    const some = await linesOf(shape.attributes(nextVariant()))
    if (some?.join() !== all.join()) return false
  }
  return true
}
