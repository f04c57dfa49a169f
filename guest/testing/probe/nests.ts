// SPDX-License-Identifier: MIT
/** Payloads of nests: each attribute inside left out, at its limits, many elements, and very deep ones. */
import { type AttributePolicy, attr, NLA_F_NESTED, parseAttributes } from '../../netlink/index.ts'
import type { Policy } from './family.ts'
import {
  addressTrials,
  goodAttribute,
  lengthTrials,
  type Making,
  rangeTrials,
  type Trial,
  textTrials,
} from './values.ts'

/** Attributes of a nest, and nests in nests, that are varied. */
const INSIDE = 8
const DEPTH = 2
/** Elements of an array, or of one kind in a nest: more than a fixed array is likely to have, and as many as fit. */
const MANY = [2, 17, 200]
/** Those of which some are one more than a fixed array has. */
export const EACH_LIMIT = [2, 3, 5, 9, 11, 13, 17, 33, 200]
/** Nests in a request of 64 KiB. */
const VERY_DEEP = 10_000

/** A payload to try, with the attribute inside that is varied. */
export interface NestTrial extends Trial {
  readonly inside?: {
    readonly type: number
    readonly payload: Buffer
    readonly policy: AttributePolicy | undefined
    /** How many of it there are, all the same; one if not given. */
    readonly count?: number
  }
}

/** Payloads at and beyond all limits of a policy. */
export function variations(
  type: number,
  policy: AttributePolicy | undefined,
  making: Making,
  depth = 0,
): NestTrial[] {
  if (policy?.type !== 'NESTED' && policy?.type !== 'NESTED_ARRAY')
    return [
      ...lengthTrials(policy, making),
      ...addressTrials(policy, making),
      ...(policy ? [...rangeTrials(policy), ...textTrials(policy)] : []),
    ]
  const inner = policy.policyIndex === undefined ? undefined : making.policies.get(policy.policyIndex)
  if (inner === undefined) return [{ what: 'empty', payload: Buffer.alloc(0) }, veryDeep(type)]
  const inside = insideVariations(inner, making, depth)
  if (policy.type === 'NESTED') return inside.filter(({ payload }) => payload.length < 60_000)
  const element = attr.nested(
    1,
    ...[...inner]
      .filter(([, own]) => making.left?.has(own) !== true)
      .map(([type, own]) => goodAttribute(type, own, making, depth + 1)),
  )
  const many = (making.counts ?? MANY).map(count => ({
    what: `${count} elements`,
    payload: Buffer.concat(Array.from({ length: count }, () => element)).subarray(0, 60_000),
  }))
  return [...many, ...inside.map(trial => ({ ...trial, payload: attr.nested(1, trial.payload) }))]
}

function insideVariations(inner: Policy, making: Making, depth: number): NestTrial[] {
  const chosen = [...inner].sort(([a], [b]) => a - b).slice(0, INSIDE)
  const good = new Map(chosen.map(([type, policy]) => [type, goodAttribute(type, policy, making, depth + 1)]))
  const isLeft = (policy: AttributePolicy) => making.left?.has(policy) === true
  const all = (replaced: number, by: Buffer) =>
    Buffer.concat(
      chosen.flatMap(([type, policy]) =>
        type === replaced ? [by] : isLeft(policy) ? [] : [good.get(type) ?? by],
      ),
    )
  const none = Buffer.alloc(0)
  return [
    { what: 'empty', payload: none },
    ...chosen.flatMap(([type, policy]) => [
      { what: `inside without ${type}`, payload: all(type, none) },
      { what: `inside only ${type}`, payload: good.get(type) ?? none },
      ...(depth === 0 ? (making.counts ?? MANY) : []).map(count => ({
        what: `inside ${count} times ${type}`,
        payload: Buffer.concat([
          all(0, none),
          ...Array<Buffer>(count - (isLeft(policy) ? 0 : 1)).fill(good.get(type) ?? none),
        ]),
        inside: { type, payload: parseAttributes(good.get(type) ?? none)[0]?.payload ?? none, policy, count },
      })),
      ...(depth < DEPTH ? variations(type, policy, making, depth + 1) : [])
        .filter(({ payload }) => payload.length < 60_000)
        .map(({ what, payload }) => ({
          what: `inside ${type}: ${what}`,
          payload: all(type, dirty(type | flagOf(policy), payload)),
          inside: { type, payload, policy },
        })),
    ]),
  ]
}

/** The bits of nla_type that an attribute of this policy has. */
export function flagOf(policy: AttributePolicy | undefined): number {
  return policy?.type === 'NESTED' || policy?.type === 'NESTED_ARRAY' ? NLA_F_NESTED : 0
}

/** An attribute whose padding is not zero: who reads past its end is seen. */
export function dirty(type: number, payload: Uint8Array): Buffer {
  const bytes = attr.binary(type, payload)
  return bytes.fill(0xa5, 4 + payload.length)
}

/** Where the kernel is told no policy of the inside, nobody limits the depth. */
function veryDeep(type: number): Trial {
  const bytes = Buffer.alloc(4 * VERY_DEEP)
  for (let level = 0; level < VERY_DEEP; level++) {
    bytes.writeUInt16LE(4 * (VERY_DEEP - level), 4 * level)
    bytes.writeUInt16LE(type | NLA_F_NESTED, 4 * level + 2)
  }
  return { what: `${VERY_DEEP} nests`, payload: bytes }
}
