// SPDX-License-Identifier: MIT
/** Requests by the attributes that they have, whose values can be varied. */
import { type AttributePolicy, attr, GENL_HDRLEN, type Message } from '../../netlink/index.ts'
import type { Operation, Policy } from './family.ts'
import { isListTold, isNestTold } from './nest-told.ts'
import { dirty, flagOf } from './nests.ts'
import type { Subject } from './subject.ts'
import { goodPayload } from './values.ts'
import { FIRST } from './variants.ts'

/** Attributes of an operation that shapes are made of. */
const MOST = 24

/** The attributes that an operation takes, as far as the kernel tells, or a specification does. */
export function knownAttributes(
  subject: Subject,
  operation: Operation,
): [number, AttributePolicy | undefined][] {
  const { family, meaning } = subject
  const { command, policy } = operation
  const hidden = subject.untold(operation)
  const told: [number, AttributePolicy | undefined][] =
    policy === undefined
      ? Array.from({ length: family.maximumAttribute }, (_, index) => [index + 1, undefined])
      : [...policy, ...hidden]
  const types = new Set(told.map(([type]) => type))
  const said = (meaning?.requestTypes(operation) ?? []).filter(type => !types.has(type))
  const known = [...told, ...said.map((type): [number, undefined] => [type, undefined])]
  return known
    .map(([type, own]): [number, AttributePolicy | undefined] => [
      type,
      own ?? meaning?.policyOf(command, type),
    ])
    .sort(([a], [b]) => a - b)
}

/** The attributes of good requests: those that a specification says, or all. */
function goodAttributesOf(subject: Subject, operation: Operation): [number, AttributePolicy | undefined][] {
  const said = subject.meaning?.requestTypes(operation)
  const known = knownAttributes(subject, operation)
  return said === undefined ? known : known.filter(([type]) => said.includes(type))
}

/** An operation with some of its attributes. */
export class Shape {
  readonly operation: Operation
  readonly types: readonly number[]
  readonly #policies: ReadonlyMap<number, AttributePolicy | undefined>
  readonly #subject: Subject
  readonly #pinned: number | undefined

  private constructor(
    subject: Subject,
    operation: Operation,
    types: readonly number[],
    policies: ReadonlyMap<number, AttributePolicy | undefined>,
    pinned?: number,
  ) {
    this.#pinned = pinned
    this.#subject = subject
    this.operation = operation
    this.types = types
    this.#policies = policies
  }

  /** With all attributes, without each, with each alone, and with none. */
  static all(subject: Subject, operation: Operation): Shape[] {
    const known = new Map(goodAttributesOf(subject, operation).slice(0, MOST))
    const types = [...known.keys()]
    const sets = [
      types,
      ...types.map(left => types.filter(type => type !== left)),
      ...types.map(type => [type]),
      [],
    ]
    const distinct = new Map(sets.map(set => [set.join(' '), set]))
    return [...distinct.values()].map(set => new Shape(subject, operation, set, known))
  }

  /** The same without one of the attributes. */
  without(type: number): Shape {
    const types = this.types.filter(each => each !== type)
    return new Shape(this.#subject, this.operation, types, this.#policies, this.#pinned)
  }

  /** The same with the first value of one of the attributes in all variants, as of what all belong to. */
  pinned(type: number): Shape {
    return new Shape(this.#subject, this.operation, this.types, this.#policies, type)
  }

  /** The same with one of the attributes alone. */
  only(type: number): Shape {
    return new Shape(this.#subject, this.operation, [type], this.#policies, this.#pinned)
  }

  /** What is particular about it, in words. */
  get words(): string {
    const { command, kind } = this.operation
    return `${this.#subject.commandWords(command)}${kind === 'dump' ? ' (dump)' : ''} with ${this.attributeWords}`
  }

  /** Its attributes: `attributes key, value`. */
  get attributeWords(): string {
    const { meaning } = this.#subject
    const names = this.types.map(type => meaning?.attributeName(this.operation.command, type) ?? type)
    return names.length === 0 ? 'no attributes' : `attributes ${names.join(', ')}`
  }

  policyOf(type: number): AttributePolicy | undefined {
    return this.#policies.get(type)
  }

  /** The attribute's payload in a variant. */
  payload(type: number, wanted: number): Buffer {
    const variant = type === this.#pinned ? FIRST : wanted
    const { meaning } = this.#subject
    const { command, policy } = this.operation
    return (
      this.#subject.given(type, variant) ??
      this.#subject.learned(this.operation, type) ??
      this.#subject.fitting(type, this.policyOf(type)) ??
      meaning?.payload(command, type, variant, policy?.has(type) ?? false) ??
      goodPayload(this.policyOf(type), this.#subject.making(variant))
    )
  }

  /** The attributes' bytes; those in `others` have that payload, and padding that shows if it is read. */
  attributes(
    variant: number | ((type: number) => number),
    others: ReadonlyMap<number, Uint8Array> = new Map(),
  ): Buffer {
    const variantOf = typeof variant === 'number' ? () => variant : variant
    return Buffer.concat(
      this.types.map(type => {
        const other = others.get(type)
        const full = type | flagOf(this.policyOf(type))
        return other === undefined
          ? attr.binary(full, this.payload(type, variantOf(type)))
          : dirty(full, other)
      }),
    )
  }

  /** Whether something tells the attribute with that payload; a text may have its NUL or not. */
  isTold(told: readonly Told[], type: number, payload: Uint8Array): boolean {
    const wanted = this.#plain(type, Buffer.from(payload))
    const inner = this.#inside(type)
    const { policies } = this.#subject.family
    return told.some(each => {
      const own = each.get(type)
      if (own === undefined) return false
      if (inner !== undefined)
        return (isList(this.policyOf(type)) ? isListTold : isNestTold)(inner, policies, wanted, own)
      return this.#plain(type, own).equals(wanted)
    })
  }

  /** What the policy says of the inside of a nest, or of each of a list. */
  #inside(type: number): Policy | undefined {
    const { type: kind = '', policyIndex } = this.policyOf(type) ?? {}
    if (!kind.startsWith('NESTED') || policyIndex === undefined) return undefined
    return this.#subject.family.policies.get(policyIndex)
  }

  #plain(type: number, payload: Buffer): Buffer {
    const isText = /STRING$/.test(this.policyOf(type)?.type ?? '')
    return isText && payload.at(-1) === 0 ? payload.subarray(0, -1) : payload
  }

  /** Of some types those that differ between two variants; of few values only if there are no others. */
  telling(types: readonly number[], a: number, b: number): number[] {
    const differing = this.distinct(a, b).filter(type => types.includes(type))
    const ofMany = differing.filter(type => isOfMany(this.policyOf(type)))
    return ofMany.length > 0 ? ofMany : differing
  }

  /** The types whose payload differs between two variants: by them an answer shows which it is about. */
  distinct(a: number, b: number): number[] {
    return this.types.filter(type => !this.payload(type, a).equals(this.payload(type, b)))
  }
}

/** Values of a limited range, of which several entries have the same. */
const FEW = 256n

/** Whether entries are likely to have different ones. */
export function isOfMany({ minimum, maximum }: AttributePolicy = {}): boolean {
  return minimum === undefined || maximum === undefined || maximum - minimum >= FEW
}

/** Whether it is a list of nests (NLA_NESTED_ARRAY, include/net/netlink.h). */
export function isList(policy: AttributePolicy | undefined): boolean {
  return policy?.type === 'NESTED_ARRAY'
}

/** What a message tells: payloads by type, the last of each. */
export type Told = ReadonlyMap<number, Buffer>

/** What was told in one line, by which it is compared. */
export function lineOf(told: Told): string {
  return [...told].map(([type, payload]) => `${type} ${payload.toString('hex')}`).join()
}

export function toldBy(message: Message, headerSize: number): Told {
  return new Map(message.attributes(GENL_HDRLEN + headerSize).map(({ type, payload }) => [type, payload]))
}
