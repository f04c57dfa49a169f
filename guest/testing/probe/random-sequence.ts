// SPDX-License-Identifier: MIT
/** Random sequences of valid and nearly valid requests to a family, by fast-check. */
import fc from 'fast-check'
import { type AttributePolicy, NLA_F_NESTED } from '../../netlink/index.ts'
import type { Family, Operation, Policy } from './family.ts'
import type { Step, StepAttribute } from './sequence.ts'
import { goodAttribute, lengthTrials, rangeTrials, textTrials } from './values.ts'

/** Steps of the longest sequence. */
const LONGEST = 24
/** Different good values of an attribute: few, so that later requests meet what earlier ones have made. */
const VARIANTS = 3
/** Sockets beside that of the requests. */
const SOCKETS = 2
/** Attributes of a request, and bytes of a nearly valid value: the report is to be read. */
const MOST_ATTRIBUTES = 16
const MOST_BYTES = 512

/**
 * The sequences of a seed, always the same for a family.
 * @param count how many
 */
export function randomSequences(family: Family, seed: number, count: number): Step[][] {
  return fc.sample(sequenceOf(family), { seed, numRuns: count }) as Step[][]
}

function sequenceOf(family: Family): fc.Arbitrary<Step[]> {
  const requests = family.all.map(operation => requestOf(family, operation))
  const socket = fc.nat({ max: SOCKETS - 1 })
  const dumps = family.all.filter(({ kind }) => kind === 'dump')
  const groups = [...family.groups.keys()]
  const step = fc.oneof(
    ...requests.map(arbitrary => ({ arbitrary, weight: 6 })),
    ...dumps.map(operation => ({
      arbitrary: fc.record({
        begin: fc.constant(operation.command),
        attributes: attributesOf(family, operation),
        socket,
      }),
      weight: 2,
    })),
    ...groups.map(name => ({ arbitrary: fc.record({ join: fc.constant(name), socket }), weight: 1 })),
    { arbitrary: fc.record({ read: socket }), weight: dumps.length + groups.length > 0 ? 3 : 1 },
    { arbitrary: fc.record({ close: socket }), weight: 1 },
    { arbitrary: fc.constant({ reload: true as const }), weight: 1 },
  )
  return fc.array(step as fc.Arbitrary<Step>, { minLength: 1, maxLength: LONGEST, size: 'max' })
}

function requestOf(family: Family, operation: Operation): fc.Arbitrary<Step> {
  const { command, kind } = operation
  return attributesOf(family, operation).map(attributes =>
    kind === 'do' ? { do: command, attributes } : { dump: command, attributes },
  )
}

/** Mostly all attributes with good values, or some; now and then one is odd, twice there or not in its place. */
function attributesOf(family: Family, { policy }: Operation): fc.Arbitrary<StepAttribute[]> {
  const known: [number, AttributePolicy | undefined][] = policy
    ? [...policy].sort(([a], [b]) => a - b).slice(0, MOST_ATTRIBUTES)
    : Array.from({ length: Math.min(family.maximumAttribute, MOST_ATTRIBUTES) }, (_, at) => [
        at + 1,
        undefined,
      ])
  const each = known.map(([type, own]) => {
    const good = goodValue(family, type, own)
    return fc.oneof(
      { arbitrary: good.map(value => [value]), weight: 16 },
      { arbitrary: fc.constant<StepAttribute[]>([]), weight: 4 },
      { arbitrary: oddValue(family, type, own).map(value => [value]), weight: 2 },
      { arbitrary: fc.tuple(good, good), weight: 1 },
    )
  })
  return fc.tuple(...each).map(all => all.flat())
}

function goodValue(
  family: Family,
  type: number,
  policy: AttributePolicy | undefined,
): fc.Arbitrary<StepAttribute> {
  return fc.nat({ max: VARIANTS - 1 }).map(variant => {
    const bytes = goodAttribute(type, policy, { policies: family.policies, variant })
    return [bytes.readUInt16LE(2), bytes.subarray(4, bytes.readUInt16LE(0)).toString('hex')]
  })
}

/** At the limits, and any bytes. */
function oddValue(
  family: Family,
  type: number,
  policy: AttributePolicy | undefined,
): fc.Arbitrary<StepAttribute> {
  const trials = [
    ...lengthTrials(policy, { policies: family.policies, variant: 0 }),
    ...(policy === undefined ? [] : [...rangeTrials(policy), ...textTrials(policy)]),
  ].filter(({ payload }) => payload.length <= MOST_BYTES)
  const flag = isNest(policy) ? NLA_F_NESTED : 0
  const inside = nestOf(family, policy)
  return fc
    .oneof(
      fc.constantFrom(...trials.map(({ payload }) => payload.toString('hex'))),
      fc.uint8Array({ maxLength: 16 }).map(bytes => Buffer.from(bytes).toString('hex')),
      ...(inside === undefined ? [] : [oddNest(family, inside)]),
    )
    .map(payload => [type | flag, payload])
}

/** A nest without some of its attributes. */
function oddNest({ policies }: Family, policy: Policy): fc.Arbitrary<string> {
  const inside = [...policy].slice(0, MOST_ATTRIBUTES)
  return fc
    .tuple(...inside.map(() => fc.option(fc.nat({ max: VARIANTS - 1 }), { nil: undefined })))
    .map(variants =>
      Buffer.concat(
        inside.map(([type, own], at) => {
          const variant = variants[at]
          return variant === undefined ? Buffer.alloc(0) : goodAttribute(type, own, { policies, variant })
        }),
      ).toString('hex'),
    )
}

function isNest(policy: AttributePolicy | undefined): boolean {
  return policy?.type === 'NESTED' || policy?.type === 'NESTED_ARRAY'
}

function nestOf({ policies }: Family, policy: AttributePolicy | undefined): Policy | undefined {
  return policy?.type === 'NESTED' && policy.policyIndex !== undefined
    ? policies.get(policy.policyIndex)
    : undefined
}
