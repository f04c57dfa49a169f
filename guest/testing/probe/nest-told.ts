// SPDX-License-Identifier: MIT
/** Whether a nest is told again: a module may tell more inside than was written, and one value of it wrongly. */
import { type Attribute, type AttributePolicy, parseAttributes } from '../../netlink/index.ts'
import type { Policy } from './family.ts'
import { goodPayload, type Making } from './values.ts'

/** Variants by which it is seen which attributes of a nest vary. */
const [ONE, OTHER] = [0, 7]

/** Whether at least half of what is inside, of that which tells entries from each other, is there. */
export function isNestTold(
  inner: Policy,
  policies: Making['policies'],
  wanted: Buffer,
  told: Buffer,
): boolean {
  if (told.equals(wanted)) return true
  const there = inside(told)
  const tells = tellingOf(inner, policies)
  const compared = inside(wanted).filter(({ type }) => tells.has(type))
  const same = compared.filter(each =>
    there.some(other => other.type === each.type && plain(inner, other).equals(plain(inner, each))),
  )
  return same.length > 0 && same.length * 2 >= compared.length
}

const known = new WeakMap<Policy, ReadonlySet<number>>()

/** The types that tell entries from each other: those with many values, or where there are none, with some. */
function tellingOf(inner: Policy, policies: Making['policies']): ReadonlySet<number> {
  const earlier = known.get(inner)
  if (earlier !== undefined) return earlier
  const varying = [...inner].filter(([, policy]) => varies(policy, policies))
  const telling = varying.filter(([, policy]) => isOfMany(policy))
  const types = new Set((telling.length > 0 ? telling : varying).map(([type]) => type))
  known.set(inner, types)
  return types
}

const MANY = 4096n

/** Of values in few limits several entries have the same. */
function isOfMany({ type = '', minimum = 0n, maximum = MANY }: AttributePolicy): boolean {
  return !type.startsWith('NESTED') && maximum - minimum >= MANY
}

/** The nests of a list of them, as NLA_POLICY_NESTED_ARRAY() has it; none if it cannot be read. */
export function elementsOf(list: Buffer): Buffer[] {
  return inside(list).map(({ payload }) => payload)
}

/** Whether each nest of a list is told again in one. */
export const isListTold: typeof isNestTold = (inner, policies, wanted, told) => {
  const [elements, there] = [elementsOf(wanted), elementsOf(told)]
  if (elements.length === 0) return told.equals(wanted)
  return elements.every(each => there.some(other => isNestTold(inner, policies, each, other)))
}

function varies(policy: AttributePolicy, policies: Making['policies']): boolean {
  const payload = (variant: number) => goodPayload(policy, { policies, variant })
  return !payload(ONE).equals(payload(OTHER))
}

function plain(inner: Policy, { type, payload }: Attribute): Buffer {
  const isText = /STRING$/.test(inner.get(type)?.type ?? '')
  return isText && payload.at(-1) === 0 ? payload.subarray(0, -1) : payload
}

function inside(nest: Buffer): Attribute[] {
  try {
    return parseAttributes(nest)
  } catch {
    return []
  }
}
