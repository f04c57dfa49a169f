// SPDX-License-Identifier: MIT
/** A dump that takes an attribute of its own for a filter does not tell all, whatever value is asked for. */
import { isTimeShort } from '../allowance.ts'
import type { Life } from '../life.ts'
import { hasOwnPolicy, isAlike } from '../own-policy.ts'
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
  const tried: Filter[] = []
  for (const dump of explored.dumps)
    for (const shape of Shape.all(subject, dump).filter(({ types }) => types.length === 1))
      for (const type of shape.types)
        if (isWritten(life, shape, type)) tried.push({ shape, type, isIgnored: await isIgnored(life, shape) })
  for (const filter of tried.filter(({ isIgnored }) => isIgnored === true))
    if (isMeant(life, filter, tried) && !(await isForLookups(life, filter)))
      faults.add(filter.shape.words, [
        `attribute ${filter.type} is accepted, and all is told, whatever value is asked for`,
      ])
}

/** A dump that accepts an attribute. */
interface Filter {
  readonly shape: Shape
  readonly type: number
  /** Whether all is told, whatever is asked for; undefined if that is not known. */
  readonly isIgnored: boolean | undefined
}

/** Whether the attribute is for the dump: no other command takes the same ones, or another dump of these does as it says. */
function isMeant({ subject }: Life, { shape, type }: Filter, tried: readonly Filter[]): boolean {
  const { operation } = shape
  const alike = subject.family.all.filter(
    each => each.command !== operation.command && isAlike(each, operation),
  )
  const isObeyed = ({ shape: other, type: own, isIgnored }: Filter) =>
    own === type && isIgnored === false && isAlike(other.operation, operation)
  return (alike.length === 0 && hasOwnPolicy(subject.family, operation)) || tried.some(isObeyed)
}

/** Whether the attribute may be for the command that gets one entry, and not for its dump: it needs it, or takes it alone. */
async function isForLookups(
  { subject, explored, requester }: Life,
  { shape: { operation }, type }: Filter,
): Promise<boolean> {
  const lookup = explored.working.get(operation.command)
  if (lookup === undefined) return subject.commands.some(({ command }) => command === operation.command)
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

async function isIgnored({ requester }: Life, shape: Shape): Promise<boolean | undefined> {
  const linesOf = async (attributes: Buffer) => {
    const { code, replies } = await requester.ask(shape.operation, attributes)
    return code === undefined ? replies.map(({ payload }) => payload.toString('hex')) : undefined
  }
  const all = await linesOf(Buffer.alloc(0))
  if (all === undefined || all.length < 2) return undefined
  let none = 0
  for (let count = 0; count < VALUES; count++) {
    const some = isTimeShort() ? undefined : await linesOf(shape.attributes(nextVariant()))
    if (some === undefined) return undefined
    if (some.length === 0) none++
    else if (some.join() !== all.join()) return undefined
  }
  return none === 0 ? true : none === VALUES ? false : undefined
}
