// SPDX-License-Identifier: MIT
/** Attributes alone: each type at its limits, with wrong flags, and unknown ones. */
import { it } from 'vitest'
import { type AttributePolicy, attr, NLA_F_NESTED, NLA_F_NET_BYTEORDER } from '../../../netlink/index.ts'
import { deepest } from '../core-rules.ts'
import type { Operation, Policy } from '../family.ts'
import { knownAttributes } from '../shape.ts'
import type { Subject } from '../subject.ts'
import { type RequestTrial, tryAll } from '../trial.ts'
import { askUntold, untoldTypes } from '../untold.ts'
import { goodAttribute, lengthTrials, type Making, rangeTrials, type Trial, textTrials } from '../values.ts'

/** Attributes of one operation that are tried. */
export const MOST = 64

export function attributes(subject: Subject, operation: Operation): void {
  if (untoldTypes(subject, operation).length > 0) untold(subject, operation)
  const known = knownAttributes(subject, operation)
  for (const [type, policy] of known.slice(0, MOST)) attribute(subject, operation, type, policy)
  if (known.length > MOST)
    it.skip(`attributes ${known[MOST]?.[0]} to ${known.at(-1)?.[0]}: of one command only ${MOST} are tried`)
  unknown(subject, operation)
}

function attribute(
  subject: Subject,
  operation: Operation,
  type: number,
  policy: AttributePolicy | undefined,
): void {
  const making: Making = { policies: subject.family.policies, variant: 0 }
  const isNest = policy?.type === 'NESTED' || policy?.type === 'NESTED_ARRAY'
  const flag = isNest ? NLA_F_NESTED : 0
  const called = subject.meaning?.attributeName(operation.command, type)
  const said = [called, policy?.type].filter(it => it !== undefined).join(', ')
  const name = `attribute ${type}${said === '' ? '' : ` (${said})`}`
  const alone = ({ what, payload, flags = flag }: Trial): RequestTrial => ({
    what,
    attributes: attr.binary(type | flags, payload),
  })
  const run = (trials: readonly RequestTrial[]) => tryAll(subject, operation, trials)
  const good =
    subject.meaning?.payload(operation.command, type, 0, operation.policy?.has(type) ?? false) ??
    goodAttribute(type, policy, making).subarray(4)

  it(`${name}: lengths`, async () => {
    await run(lengthTrials(policy, making).map(alone))
  })

  const limits = policy === undefined ? [] : [...rangeTrials(policy), ...textTrials(policy)]
  if (limits.length > 0)
    it(`${name}: values at its limits and beyond`, async () => {
      await run(limits.map(alone))
    })

  it(`${name}: wrong flags, twice, cut off`, async () => {
    const overrun = attr.binary(type | flag, good)
    overrun.writeUInt16LE(overrun.length + 1, 0)
    const short = Buffer.from(attr.binary(type | flag, good))
    short.writeUInt16LE(3, 0)
    await run([
      ...[NLA_F_NESTED, NLA_F_NET_BYTEORDER, 0, NLA_F_NESTED | NLA_F_NET_BYTEORDER].map(flags =>
        alone({ what: `flags 0x${flags.toString(16)}`, payload: good, flags }),
      ),
      { what: 'twice', attributes: Buffer.concat(Array(2).fill(attr.binary(type | flag, good))) },
      { what: 'longer than the message', attributes: overrun },
      { what: 'nla_len 3', attributes: short },
    ])
  })

  if (isNest)
    it(`${name}: what is inside`, async () => {
      await run(nestTrials(subject, type, policy))
    })
}

/** Unknown, malformed and too deep attributes in a nest, and those of its own at their limits. */
function nestTrials(subject: Subject, type: number, policy: AttributePolicy): RequestTrial[] {
  const { policies } = subject.family
  const making: Making = { policies, variant: 0 }
  const inner = policy.policyIndex === undefined ? undefined : policies.get(policy.policyIndex)
  const isArray = policy.type === 'NESTED_ARRAY'
  const nest = (content: Uint8Array) =>
    attr.nested(type, ...(isArray ? [attr.nested(1, content)] : [content]))
  const around = (what: string, content: Uint8Array): RequestTrial => ({ what, attributes: nest(content) })
  return [
    around('an unknown attribute inside', attr.u32(0x3fff, 1)),
    around('the type 0 inside', attr.u32(0, 1)),
    around('stray bytes inside', Buffer.alloc(3, 0xa5)),
    around('a length of 3 inside', Buffer.from([3, 0, 1, 0])),
    { what: 'one byte', attributes: attr.binary(type | NLA_F_NESTED, Buffer.alloc(1)) },
    ...(isArray
      ? [
          { what: 'an element too short', attributes: attr.nested(type, attr.binary(1, Buffer.alloc(2))) },
          { what: 'an empty element', attributes: attr.nested(type, attr.binary(1, Buffer.alloc(0))) },
        ]
      : []),
    ...insideTrials(inner, making).map(({ what, attributes }) => around(what, attributes)),
    ...deepTrials(subject, type, policy),
  ]
}

function insideTrials(inner: Policy | undefined, making: Making): RequestTrial[] {
  return [...(inner ?? [])].slice(0, MOST).flatMap(([type, policy]) => {
    const flag = policy.type === 'NESTED' || policy.type === 'NESTED_ARRAY' ? NLA_F_NESTED : 0
    const trials = [...lengthTrials(policy, making), ...rangeTrials(policy), ...textTrials(policy)]
    return trials
      .filter(({ payload }) => payload.length < 0xff00)
      .map(({ what, payload }) => ({
        what: `inside ${type} (${policy.type}): ${what}`,
        attributes: attr.binary(type | flag, payload),
      }))
  })
}

/** A policy that refers to itself may be nested without end. */
function deepTrials(subject: Subject, type: number, policy: AttributePolicy): RequestTrial[] {
  const { policies } = subject.family
  const way = wayBack(policies, policy)
  if (way === undefined) return []
  return [deepest - 1, deepest, deepest + 1].map(depth => {
    let content: Buffer = Buffer.alloc(0)
    for (let level = depth - 1; level > 0; level--)
      content = attr.nested(way[(level - 1) % way.length] ?? 0, content)
    return { what: `${depth} nests`, attributes: attr.nested(type, content) }
  })
}

/** The types by which nests lead from a policy to itself. */
function wayBack(
  policies: Subject['family']['policies'],
  { policyIndex }: AttributePolicy,
): number[] | undefined {
  const ways: { index: number; types: number[] }[] =
    policyIndex === undefined ? [] : [{ index: policyIndex, types: [] }]
  const seen = new Set<number>()
  for (const { index, types } of ways) {
    for (const [type, inner] of policies.get(index) ?? []) {
      if (inner.type !== 'NESTED' || inner.policyIndex === undefined) continue
      const way = [...types, type]
      if (inner.policyIndex === policyIndex) return way
      if (!seen.has(inner.policyIndex)) ways.push({ index: inner.policyIndex, types: way })
      seen.add(inner.policyIndex)
    }
  }
  return undefined
}

/** From here on, they are known. */
function untold(subject: Subject, operation: Operation): void {
  it('attributes that the kernel does not tell of', async () => {
    const found = await askUntold(subject, operation)
    subject.noteUntold(operation, found)
    const { policies } = subject.family
    const trials = [...found].flatMap(([type, policy]) =>
      [...lengthTrials(policy, { policies, variant: 0 }), ...rangeTrials(policy)].map(
        ({ what, payload }) => ({
          what: `attribute ${type}${policy.type === undefined ? '' : ` (${policy.type})`}: ${what}`,
          attributes: attr.binary(type, payload),
        }),
      ),
    )
    await tryAll(subject, operation, trials)
  })
}

function unknown(subject: Subject, operation: Operation): void {
  it('unknown attributes, and the type 0', async () => {
    const { maximumAttribute } = subject.family
    const types = new Set([0, 0x3fff, ...(maximumAttribute > 0 ? [maximumAttribute + 1] : [])])
    const trials = [...types].flatMap(type => [
      { what: `type ${type}`, attributes: attr.u32(type, 1) },
      { what: `type ${type}, empty`, attributes: attr.flag(type) },
    ])
    await tryAll(subject, operation, trials)
  })
}
