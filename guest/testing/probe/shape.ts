// SPDX-License-Identifier: MIT
/** Requests by the attributes that they have, whose values can be varied. */
import { type AttributePolicy, attr, GENL_HDRLEN, type Message } from '../../netlink/index.ts'
import type { Operation } from './family.ts'
import { dirty, flagOf } from './nests.ts'
import type { Subject } from './subject.ts'
import { goodPayload } from './values.ts'

/** Attributes of an operation that shapes are made of. */
const MOST = 16

/** The attributes that an operation takes, as far as the kernel tells. */
export function knownAttributes(
  { family }: Subject,
  { policy }: Operation,
): [number, AttributePolicy | undefined][] {
  if (policy !== undefined) return [...policy].sort(([a], [b]) => a - b)
  return Array.from({ length: family.maximumAttribute }, (_, index) => [index + 1, undefined])
}

/** An operation with some of its attributes. */
export class Shape {
  readonly operation: Operation
  readonly types: readonly number[]
  readonly #policies: ReadonlyMap<number, AttributePolicy | undefined>
  readonly #subject: Subject

  private constructor(
    subject: Subject,
    operation: Operation,
    types: readonly number[],
    policies: ReadonlyMap<number, AttributePolicy | undefined>,
  ) {
    this.#subject = subject
    this.operation = operation
    this.types = types
    this.#policies = policies
  }

  /** With all attributes, without each, with each alone, and with none. */
  static all(subject: Subject, operation: Operation): Shape[] {
    const known = new Map(knownAttributes(subject, operation).slice(0, MOST))
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

  /** What is particular about it, in words. */
  get words(): string {
    const { command, kind } = this.operation
    return `command ${command}${kind === 'dump' ? ' (dump)' : ''} with ${this.types.length === 0 ? 'no attributes' : `attributes ${this.types.join(', ')}`}`
  }

  policyOf(type: number): AttributePolicy | undefined {
    return this.#policies.get(type)
  }

  /** The attribute's payload in a variant. */
  payload(type: number, variant: number): Buffer {
    const { policies } = this.#subject.family
    return this.#subject.given(type, variant) ?? goodPayload(this.policyOf(type), { policies, variant })
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
    return told.some(each => {
      const own = each.get(type)
      return own !== undefined && this.#plain(type, own).equals(wanted)
    })
  }

  #plain(type: number, payload: Buffer): Buffer {
    const isText = /STRING$/.test(this.policyOf(type)?.type ?? '')
    return isText && payload.at(-1) === 0 ? payload.subarray(0, -1) : payload
  }

  /** The types whose payload differs between two variants: by them an answer shows which it is about. */
  distinct(a: number, b: number): number[] {
    return this.types.filter(type => !this.payload(type, a).equals(this.payload(type, b)))
  }
}

/** What a message tells: payloads by type, the last of each. */
export type Told = ReadonlyMap<number, Buffer>

export function toldBy(message: Message, headerSize: number): Told {
  return new Map(message.attributes(GENL_HDRLEN + headerSize).map(({ type, payload }) => [type, payload]))
}
