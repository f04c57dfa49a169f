// SPDX-License-Identifier: MIT
/**
 * Values that fit to each other by rules that nobody tells, as a burst that is a multiple of something: those that are
 * there together do. A command that is refused is tried with these, and then each is set free that needs not be so.
 */
import { isTimeShort } from './allowance.ts'
import type { Operation } from './family.ts'
import { isUnfit } from './fitting.ts'
import { Shape, type Told } from './shape.ts'
import type { Requester, Subject } from './subject.ts'
import { FIRST } from './variants.ts'

/** Entries whose values are tried. */
const ENTRIES = 4
/** The share of the attributes that it must take. */
const MOST = 0.5
/** Variants that must succeed where a value is set free: some twice, for there are values that lock what they change. */
const VARIANTS = [FIRST, FIRST, FIRST + 1, FIRST + 1, 40, 2001, 2999]

/** Payloads by the attributes' types. */
type Payloads = ReadonlyMap<number, Buffer>

/**
 * Tries a command that nobody got to succeed with most of its attributes, and notes the values that have to be those
 * that are there.
 * @returns whether it succeeds with most of them
 */
export async function tryTogether(
  subject: Subject,
  requester: Requester,
  operation: Operation,
  entries: readonly Told[],
): Promise<boolean> {
  const [whole, ...others] = Shape.all(subject, operation)
  const shapes = [whole, ...others].filter(
    (shape): shape is Shape => shape !== undefined && shape.types.length >= MOST * (whole?.types.length ?? 0),
  )
  for (const entry of entries.slice(0, ENTRIES))
    for (const shape of shapes) {
      const base = basisOf(shape, entry)
      if (base.size < 2 || isTimeShort()) continue
      const succeeds = async (own: Payloads, variant: number) =>
        (await requester.ask(operation, shape.attributes(variant, own))).code === undefined
      // What is not there is no matter of values.
      if (!isUnfit((await requester.ask(operation, shape.attributes(FIRST))).code)) continue
      if (!(await succeeds(base, FIRST))) continue
      const isTaken = async (own: Payloads) => {
        for (const variant of VARIANTS) if (isTimeShort() || !(await succeeds(own, variant))) return false
        return true
      }
      const needed = await release(base, isTaken)
      // It may succeed only once with each.
      if (needed.size === base.size) continue
      for (const [type, payload] of needed) subject.noteFitting(type, shape.policyOf(type), payload)
      return true
    }
  return false
}

/** The values of an entry that a request may have. */
function basisOf({ types }: Pick<Shape, 'types'>, entry: Told): Payloads {
  return new Map(
    types.flatMap(type => {
      const payload = entry.get(type)
      return payload === undefined ? [] : [[type, payload] as const]
    }),
  )
}

/** The values that cannot be left out of a request, one after the other. */
export async function release(
  base: Payloads,
  isTaken: (own: Payloads) => Promise<boolean>,
): Promise<Payloads> {
  let needed = base
  for (const type of base.keys()) {
    const fewer = new Map([...needed].filter(([each]) => each !== type))
    if (await isTaken(fewer)) needed = fewer
  }
  return needed
}
