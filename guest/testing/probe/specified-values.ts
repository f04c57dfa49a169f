// SPDX-License-Identifier: MIT
/** Good values made from a specification: what its enumerations, structs, nests and checks allow. */
import type {
  AttributeSpecification,
  Enumeration,
  IntegerType,
  Limit,
  Specification,
  StructMember,
} from '../../ynl/specification.ts'

/** Nests inside nests that a value has; sets may hold themselves. */
const NESTS = 3
/** Attributes of one nest that a value has. */
const INSIDE = 32
/** Bytes of a binary of any length. */
const SOME_BYTES = 8

/** Bytes of what a display hint shows. */
const hinted: Readonly<Record<string, number>> = {
  ...{ mac: 6, fddi: 8, ipv4: 4, ipv6: 16, 'ipv4-or-v6': 4, uuid: 16 },
}

/** Values by attribute names, as the codec of specifications takes them. */
export type GoodValues = Record<string, unknown>

/** Makes good values of a specification's attributes: those of another variant differ where they can. */
export class SpecifiedValues {
  readonly #specification: Specification

  constructor(specification: Specification) {
    this.#specification = specification
  }

  /** Of all attributes of a set, or of those. */
  set(name: string, variant: number, only?: readonly string[], depth = 0): GoodValues {
    const { attributes = [] } = this.#specification.attributeSets.find(it => it.name === name) ?? {}
    const chosen = attributes
      .filter(it => it.type !== 'unused' && it.type !== 'pad' && (only?.includes(it.name) ?? true))
      .slice(0, INSIDE)
    return Object.fromEntries(
      chosen.flatMap(attribute => {
        const value = this.#value(attribute, attributes, variant, depth)
        return value === undefined ? [] : [[attribute.name, attribute.multi ? [value] : value]]
      }),
    )
  }

  #value(
    attribute: AttributeSpecification,
    siblings: readonly AttributeSpecification[],
    variant: number,
    depth: number,
  ): unknown {
    const { type, subType, nested = '', typeValue = [] } = attribute
    const nest = () => (depth < NESTS ? this.set(nested, variant, undefined, depth + 1) : {})
    switch (type) {
      case 'flag':
        return true
      case 'string':
        return this.#selected(attribute.name, siblings) ?? text(attribute, variant)
      case 'nest':
        return nest()
      case 'indexed-array':
        if (subType === 'nest') return [nest()]
        return [this.#value({ ...attribute, type: subType ?? 'binary' }, siblings, variant, depth)]
      case 'nest-type-value':
        return [{ ...Object.fromEntries(typeValue.map(key => [key, 1])), ...nest() }]
      case 'sub-message':
        return this.#subMessage(attribute, siblings, variant, depth)
      case 'bitfield32': {
        const bits = this.#enumerated(attribute, variant) ?? 1
        return { value: bits, selector: bits }
      }
      case 'binary':
        return this.#binary(attribute, variant)
      case 'uint':
      case 'sint':
        return this.#enumerated(attribute, variant) ?? this.#integer(attribute, type, variant)
      case 'pad':
      case 'unused':
        return undefined
      default:
        return this.#enumerated(attribute, variant) ?? this.#integer(attribute, type, variant)
    }
  }

  /** A name that selects the first layout of a sub-message beside it. */
  #selected(name: string, siblings: readonly AttributeSpecification[]): string | undefined {
    const selecting = siblings.find(({ selector }) => selector === name)
    return selecting && this.#formats(selecting)[0]?.value
  }

  #formats({ subMessage }: AttributeSpecification) {
    return this.#specification.subMessages.find(({ name }) => name === subMessage)?.formats ?? []
  }

  /** Only one whose selector is a text beside it. */
  #subMessage(
    attribute: AttributeSpecification,
    siblings: readonly AttributeSpecification[],
    variant: number,
    depth: number,
  ): unknown {
    const selecting = siblings.find(({ name }) => name === attribute.selector)
    const [format] = this.#formats(attribute)
    if (selecting?.type !== 'string' || format === undefined || depth >= NESTS) return undefined
    return {
      ...(format.fixedHeader !== undefined && this.#struct(format.fixedHeader, variant)),
      ...(format.attributeSet !== undefined && this.set(format.attributeSet, variant, undefined, depth + 1)),
    }
  }

  #enumeration(name: string | undefined): Enumeration | undefined {
    const found = this.#specification.definitions.find(it => it.name === name)
    return found?.kind === 'enum' || found?.kind === 'flags' ? found : undefined
  }

  /** A name of the attribute's enumeration, or a list of one where they are bits. */
  #enumerated(
    { enumeration, asFlags = false }: Pick<AttributeSpecification, 'enumeration' | 'asFlags'>,
    variant: number,
  ): string | readonly string[] | undefined {
    const found = this.#enumeration(enumeration)
    const name = found?.entries[variant % found.entries.length]?.name
    if (found === undefined || name === undefined) return undefined
    return asFlags || found.kind === 'flags' ? [name] : name
  }

  #integer(
    { checks }: Pick<AttributeSpecification, 'checks'>,
    type: IntegerType | 'uint' | 'sint',
    variant: number,
  ): number | bigint {
    const mask = this.#enumeration(checks.flagsMask)
    const [bit] = mask?.entries ?? []
    const value =
      mask && bit
        ? mask.kind === 'flags'
          ? 1n << BigInt(bit.value)
          : BigInt(bit.value)
        : inRange(numberOf(checks.minimum), numberOf(checks.maximum) ?? greatestOf(type), variant)
    return /64|int/.test(type) ? value : Number(value)
  }

  #binary(attribute: AttributeSpecification, variant: number): unknown {
    const { struct, subType, displayHint = '', checks } = attribute
    if (struct !== undefined) return this.#struct(struct, variant)
    if (subType !== undefined && /^[us]\d+$/.test(subType))
      return [
        this.#enumerated(attribute, variant) ??
          this.#integer({ checks: {} }, subType as IntegerType, variant),
      ]
    const { exactLength, minimumLength, maximumLength } = checks
    const usual = BigInt(hinted[displayHint] ?? SOME_BYTES)
    const most = numberOf(maximumLength) ?? usual
    const least = numberOf(minimumLength) ?? 0n
    const length = numberOf(exactLength) ?? (usual > most ? most : usual < least ? least : usual)
    return bytesOf(Number(length), variant)
  }

  #struct(name: string, variant: number): GoodValues {
    const found = this.#specification.definitions.find(it => it.name === name)
    const members = found?.kind === 'struct' ? found.members : []
    return Object.fromEntries(
      members.flatMap(member => {
        const value = this.#member(member, variant)
        return value === undefined ? [] : [[member.name, value]]
      }),
    )
  }

  #member(member: StructMember, variant: number): unknown {
    const { type, struct, length = 0 } = member
    if (struct !== undefined) return this.#struct(struct, variant)
    if (type === 'pad') return undefined
    if (type === 'string') return `t${variant}`.slice(0, length)
    if (type === 'binary') return bytesOf(length, variant)
    return this.#enumerated(member, variant) ?? this.#integer({ checks: {} }, type, variant)
  }
}

/** What only C headers know is not known here. */
function numberOf(limit: Limit | undefined): bigint | undefined {
  return typeof limit === 'bigint' ? limit : undefined
}

function greatestOf(type: string): bigint | undefined {
  const [, sign, width] = /^([us])(\d+)$/.exec(type) ?? []
  return width === undefined ? undefined : (1n << BigInt(Number(width) - (sign === 's' ? 1 : 0))) - 1n
}

/** 1, 2, 3 ... where that is allowed; all within the limits. */
function inRange(minimum: bigint | undefined, maximum: bigint | undefined, variant: number): bigint {
  const least = minimum !== undefined && (minimum > 1n || (maximum ?? 1n) < 1n) ? minimum : 1n
  const first = maximum !== undefined && least > maximum ? maximum : least
  if (maximum === undefined) return first + BigInt(variant)
  return first + (BigInt(variant) % (maximum - first + 1n))
}

/** Texts of different variants are of one length where they fit: t000, t001 ... */
function text({ checks }: AttributeSpecification, variant: number): string {
  const { exactLength, minimumLength, maximumLength } = checks
  const most = numberOf(exactLength) ?? numberOf(maximumLength) ?? 15n
  const least = numberOf(exactLength) ?? numberOf(minimumLength) ?? 0n
  const digits = variant.toString(36)
  const plain = most >= 5n ? `t${digits.padStart(4, '0')}` : digits.slice(-Math.max(1, Number(most)))
  return plain.padEnd(Number(least), 'x')
}

function bytesOf(length: number, variant: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length; at++) bytes[at] = 1 + ((variant + at) % 255)
  if (length >= 4) bytes.writeUInt32LE(1 + variant)
  return bytes
}
