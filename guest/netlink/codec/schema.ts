// SPDX-License-Identifier: MIT
/**
 * Schemas: a family's messages, declared once. Encoding, decoding, TypeScript types, printing, and the names
 * of attributes in errors follow from them.
 *
 *     const ifaddrmsg = struct({ family: u8, prefixLength: u8, flags: u8, scope: u8, index: u32 })
 *     const address = payload(ifaddrmsg, attributes({ local: [2, ipAddress], label: [3, string] }))
 *     const { header, attributes } = address.decode(message) // { family: number, ... }, { local?: string, ... }
 */
import { Attribute, attr, parseAttributes } from './attribute.ts'
import { compileStruct, Sequences } from './compiled.ts'
import { NLA_F_NESTED, NLA_F_NET_BYTEORDER, NLA_HDRLEN, NLA_TYPE_MASK, NLMSG_HDRLEN } from './constants.ts'
import { inside, MalformedError } from './errors.ts'
import { align, asBuffer, readU16 } from './integers.ts'
import type { Message } from './message.ts'
import { hexWords } from './text.ts'
import { binary, type Field, type FieldTable, type Fixed, fixed, type TypeOf, type Value } from './value.ts'

type Siblings = Readonly<Record<string, unknown>>
type StructFields = Readonly<Record<string, Fixed<unknown>>>
type AttributeFields = Readonly<Record<string, readonly [type: number, value: Value<unknown>]>>

/** Makes an intersection or a mapped type readable in editors. */
type Flat<T> = { [K in keyof T]: T[K] }

/** The TypeScript type of a struct, without padding. */
export type StructOf<F extends StructFields> = Flat<{
  [K in keyof F as TypeOf<F[K]> extends undefined ? never : K]: TypeOf<F[K]>
}>

/**
 * The TypeScript type of a set of attributes: each may be missing; those that are not in the schema are kept.
 */
export type AttributesOf<F extends AttributeFields> = Flat<
  { [K in keyof F as TypeOf<F[K][1]> extends undefined ? never : K]?: TypeOf<F[K][1]> } & {
    /** Attributes that are not in the schema. */
    unknown?: readonly Attribute[]
  }
>

/** A struct, with its fields for printing. */
export interface Struct<T> extends Fixed<T> {
  /** By name, in the order of the struct. */
  readonly fields: StructFields
}

/**
 * A struct of C: fields one after the other, each aligned as C does on this machine. Missing fields are
 * written as zero. As an attribute's payload it may be longer (the rest is passed over) or shorter (the rest
 * is read as zero), because later kernels append fields.
 */
export function struct<F extends StructFields>(fields: F): Struct<StructOf<F>> {
  let size = 0
  let alignment = 1
  const laidOut = Object.entries(fields).map(([name, value]) => {
    const offset = Math.ceil(size / value.alignment) * value.alignment
    size = offset + value.size
    alignment = Math.max(alignment, value.alignment)
    return { name, value, offset }
  })
  size = Math.ceil(size / alignment) * alignment
  const shown = laidOut.filter(field => field.value.ignored !== true)

  // the general way, until compiling a decoder for this struct pays
  let reads = 0
  let get = (buffer: Buffer, start: number): StructOf<F> => {
    if (++reads === OFTEN) get = (compileStruct(shown) as typeof get | undefined) ?? get
    const result: Record<string, unknown> = {}
    for (const { name, value, offset } of shown) result[name] = value.get(buffer, start + offset)
    return result as StructOf<F>
  }
  const { exact: _, ...base } = fixed<StructOf<F>>(
    'struct',
    size,
    alignment,
    (buffer, start) => get(buffer, start),
    (buffer, values: Siblings, start) => {
      for (const { name, value, offset } of shown)
        try {
          if (values[name] !== undefined) value.put(buffer, values[name], start + offset)
          else if (name in values) throw nothing()
        } catch (error) {
          throw inside(error, name, value.kind)
        }
    },
  )
  return {
    ...base,
    fields,
    read(buffer, start, end) {
      if (end - start >= size) return get(buffer, start)
      const padded = Buffer.alloc(size)
      buffer.copy(padded, 0, start, end)
      return get(padded, 0)
    },
  }
}

/** Reads of a struct before a decoder is compiled for it. */
const OFTEN = 32

/** A set of attributes of one level. Made by {@link attributes}; `T` is the type of its values. */
export class AttributeSet<T = unknown> implements FieldTable {
  /** The attributes by name: type (nla_type) and value type. */
  readonly fields: AttributeFields
  /** By attribute type, sparse. Made when first needed, so that importing schemas costs little. */
  #byType: Field[] | undefined
  #sequences: Sequences | undefined

  constructor(fields: AttributeFields) {
    this.fields = fields
  }

  get #types(): Field[] {
    if (this.#byType === undefined) {
      this.#byType = []
      for (const [name, [type, value]] of Object.entries(this.fields)) this.#byType[type] = { name, value }
    }
    return this.#byType
  }

  /** The highest attribute type in it, plus one. */
  get types(): number {
    return this.#types.length
  }

  /** The field of an attribute type, undefined if it is not in the schema. */
  field(type: number): Field | undefined {
    return this.#types[type]
  }

  /**
   * Reads the attributes in `bytes` from `start` to `end`. If one is repeated, the last counts, as in the
   * kernel, unless the schema has `repeated`. Byte arrays are views.
   * @throws MalformedError for bytes that are no attributes, or an attribute that does not fit its type, with
   * its path
   */
  decode(bytes: Uint8Array, start = 0, end = bytes.length): T {
    const buffer = asBuffer(bytes)
    this.#sequences ??= new Sequences(type => this.field(type))
    try {
      const decoded = this.#sequences.decode(buffer, start, end)
      if (decoded !== undefined) return decoded as T
    } catch (error) {
      // once more in the general way, which finds the path
      if (!(error instanceof MalformedError)) throw error
    }
    const decoded = this.#decode(buffer, start, end)
    this.#sequences.learn(buffer, start, end)
    return decoded
  }

  /** The general way. */
  #decode(buffer: Buffer, start: number, end: number): T {
    const fields = this.#types
    const result: Record<string, unknown> = {}
    let unknown: Attribute[] | undefined
    let dependents: number[] | undefined
    for (let offset = start; offset < end; ) {
      const rest = end - offset
      if (rest < NLA_HDRLEN) throw new MalformedError(`${rest} bytes left over after the attributes`, offset)
      const length = readU16(buffer, offset)
      if (length < NLA_HDRLEN || length > rest)
        throw new MalformedError(`an attribute of ${length} bytes where ${rest} are left`, offset)
      const field = fields[readU16(buffer, offset + 2) & NLA_TYPE_MASK]
      if (field === undefined) {
        unknown ??= []
        unknown.push(new Attribute(buffer, offset, offset + length))
      } else if (field.value.depends === true) {
        dependents ??= []
        dependents.push(offset)
      } else {
        readField(field, result, buffer, offset, offset + length)
      }
      offset += align(length)
    }
    if (dependents !== undefined)
      for (const offset of dependents) {
        const field = fields[readU16(buffer, offset + 2) & NLA_TYPE_MASK]
        if (field !== undefined) readField(field, result, buffer, offset, offset + readU16(buffer, offset))
      }
    if (unknown !== undefined) result.unknown = unknown
    return result as T
  }

  /**
   * As {@link decode}, but each value is read when it is asked for: like C's tables of attributes
   * (nla_parse(), mnl_attr_parse()), for large dumps of which few values are read.
   * @throws MalformedError for bytes that are no attributes
   */
  view(bytes: Uint8Array, start = 0, end = bytes.length): AttributeView<T> {
    return new AttributeView(this, asBuffer(bytes), start, end)
  }

  /**
   * The attributes, each with its padding, in the order of the object's properties.
   * @throws RangeError for a value that does not fit its type, TypeError for a name that is not in the schema
   * and for undefined, which is a misspelt value more often than one to leave out
   */
  encode(values: T): Buffer {
    const parts: Buffer[] = []
    const siblings = values as Siblings
    for (const [name, value] of Object.entries(siblings)) {
      if (Object.hasOwn(this.fields, name)) {
        const field = this.fields[name]
        if (field !== undefined) parts.push(writeField(name, field, value, siblings))
      } else if (name === 'unknown') {
        for (const attribute of value as readonly Attribute[]) parts.push(rewrite(attribute))
      } else throw new TypeError(`the schema has no attribute ${name}`)
    }
    return Buffer.concat(parts)
  }
}

/**
 * Attributes by name, read when they are asked for. Made by {@link AttributeSet.view}. Views are equal, also
 * in comparisons of objects, when their bytes and values are.
 */
export class AttributeView<T> {
  /** The bytes of the attributes: a view. */
  readonly bytes: Buffer
  /** What {@link decode} returns, or the MalformedError that it throws: for comparing and printing. */
  declare readonly values: T | MalformedError
  readonly #set: AttributeSet<T>
  /** The buffer of the attributes, in which offsets of errors count, and their place in it. */
  readonly #buffer: Buffer
  readonly #start: number
  readonly #end: number
  /** By attribute type: the offset of the last one, plus one; 0 if there is none. */
  readonly #offsets: number[]

  /** Defined on each view, because inherited properties are neither compared nor printed. */
  static readonly #valuesProperty: PropertyDescriptor & ThisType<AttributeView<unknown>> = {
    enumerable: true,
    get() {
      return this.#values()
    },
  }

  constructor(set: AttributeSet<T>, buffer: Buffer, start: number, end: number) {
    this.#set = set
    this.#buffer = buffer
    this.#start = start
    this.#end = end
    this.bytes = buffer.subarray(start, end)
    Object.defineProperty(this, 'values', AttributeView.#valuesProperty)
    // a plain array: a typed array of this size allocates memory elsewhere, which costs more than all that
    // follows
    const { types } = set
    const offsets: number[] = new Array(types).fill(0)
    this.#offsets = offsets
    for (let offset = start; offset < end; ) {
      const rest = end - offset
      if (rest < NLA_HDRLEN) throw new MalformedError(`${rest} bytes left over after the attributes`, offset)
      const length = readU16(buffer, offset)
      if (length < NLA_HDRLEN || length > rest)
        throw new MalformedError(`an attribute of ${length} bytes where ${rest} are left`, offset)
      const type = readU16(buffer, offset + 2) & NLA_TYPE_MASK
      // types beyond the table's end are not in the schema
      if (type < types) offsets[type] = offset + 1
      offset += align(length)
    }
  }

  /** Whether there is such an attribute. */
  has(name: keyof T): boolean {
    return this.#offsetOf(name) !== undefined
  }

  /**
   * The attribute's value, undefined if there is none. @throws MalformedError when it does not fit its type
   */
  get<K extends keyof T>(name: K): T[K] | undefined {
    const field = this.#set.fields[name as string]
    const offset = this.#offsetOf(name)
    if (field === undefined || offset === undefined) return undefined
    const [, value] = field
    // its value is of several attributes
    if (value.repeats === true || value.depends === true) return this.decode()[name]
    const end = offset + readU16(this.#buffer, offset)
    return readValue(name as string, value, this.#buffer, offset, end, {}) as T[K]
  }

  /** All values, as {@link AttributeSet.decode} returns them. */
  decode(): T {
    return this.#set.decode(this.#buffer, this.#start, this.#end)
  }

  /** Read from its own bytes, so that offsets in errors do not depend on the buffer. */
  #values(): T | MalformedError {
    try {
      return this.#set.decode(this.bytes)
    } catch (error) {
      if (error instanceof MalformedError) return error
      throw error
    }
  }

  /** As diffs, snapshots and JSON show it: bytes in hexadecimal. */
  toJSON(): object {
    return { ...this, bytes: hexWords(this.bytes) }
  }

  /** Prints the attributes by their names. */
  [Symbol.for('nodejs.util.inspect.custom')](): unknown {
    return { values: this.values, bytes: this.bytes }
  }

  #offsetOf(name: keyof T): number | undefined {
    const field = this.#set.fields[name as string]
    const found = field === undefined ? 0 : (this.#offsets[field[0]] ?? 0)
    return found === 0 ? undefined : found - 1
  }
}

/** A set of attributes, of names, types (nla_type) and value types. `unknown` is reserved. */
export function attributes<F extends AttributeFields>(fields: F): AttributeSet<AttributesOf<F>> {
  return new AttributeSet(fields)
}

function readField(
  { name, value }: Field,
  result: Record<string, unknown>,
  buffer: Buffer,
  offset: number,
  end: number,
): void {
  if (value.ignored === true) return
  const read = readValue(name, value, buffer, offset, end, result)
  if (value.repeats === true && Object.hasOwn(result, name))
    (result[name] as unknown[]).push(...(read as unknown[]))
  else result[name] = read
}

function writeField(
  name: string,
  [type, value]: readonly [type: number, value: Value<unknown>],
  content: unknown,
  siblings: Siblings,
): Buffer {
  try {
    if (content === undefined) throw nothing()
    return value.write(type, content, siblings)
  } catch (error) {
    throw inside(error, name, `attribute ${type} (${value.kind})`)
  }
}

function nothing(): TypeError {
  return new TypeError('undefined is no value: leave the name out')
}

/** The value of the attribute from `offset` to `end`. */
function readValue(
  name: string,
  value: Value<unknown>,
  buffer: Buffer,
  offset: number,
  end: number,
  siblings: Siblings,
): unknown {
  try {
    return value.read(buffer, offset + NLA_HDRLEN, end, siblings)
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    throw error.within(name)
  }
}

/** An unknown attribute, unchanged. */
function rewrite(attribute: Attribute): Buffer {
  const flags = (attribute.isNested ? NLA_F_NESTED : 0) | (attribute.isNetByteOrder ? NLA_F_NET_BYTEORDER : 0)
  return attr.binary(attribute.type | flags, attribute.payload)
}

/** An attribute that holds attributes. Pass a function for a set that is declared later, or holds itself. */
export function nested<T>(set: AttributeSet<T> | (() => AttributeSet<T>)): Value<T> {
  const resolve = typeof set === 'function' ? set : () => set
  return {
    kind: 'nest',
    read: (buffer, start, end) => resolve().decode(buffer, start, end),
    write: (type, value) => attr.nested(type, resolve().encode(value)),
    nest: () => ({ set: resolve(), skip: 0 }),
  }
}

/**
 * An attribute that holds elements, each an attribute whose type counts from `first`: 1, as most families do
 * (NLA_NESTED_ARRAY), unless it is given. All types are read.
 */
export function nestedArray<T>(element: Value<T>, first = 1): Value<T[]> {
  return {
    kind: `array of ${element.kind}`,
    read: (buffer, start, end) => readElements(element, buffer, start, end).map(([, value]) => value),
    write: (type, values) =>
      attr.nested(type, ...values.map((value, i) => writeElement(element, i, first + i, value))),
    ...indexedNest(element),
  }
}

/**
 * A value that is written with NLA_F_NET_BYTEORDER in its type, as ipset demands for its big-endian numbers:
 * `timeout: [6, netByteOrder(be32)]`. It is read with and without.
 */
export function netByteOrder<T>(value: Value<T>): Value<T> {
  const { kind, read, write } = value
  return { kind, read, write: (type, ...rest) => write(type | NLA_F_NET_BYTEORDER, ...rest) }
}

/** An attribute that holds elements, each an attribute whose type is a key: a command, an index. */
export function nestedMap<T>(element: Value<T>): Value<Map<number, T>> {
  return {
    kind: `map of ${element.kind}`,
    read: (buffer, start, end) => new Map(readElements(element, buffer, start, end)),
    write: (type, values) =>
      attr.nested(type, ...[...values].map(([key, value], i) => writeElement(element, i, key, value))),
    ...indexedNest(element),
  }
}

function writeElement<T>(element: Value<T>, index: number, type: number, value: T): Buffer {
  try {
    return element.write(type, value, {})
  } catch (error) {
    throw inside(error, `[${index}]`, `attribute ${type} (${element.kind})`)
  }
}

function readElements<T>(element: Value<T>, buffer: Buffer, start: number, end: number): [number, T][] {
  return parseAttributes(buffer.subarray(0, end), start).map((attribute, i) => {
    const from = attribute.offset + NLA_HDRLEN
    try {
      return [attribute.type, element.read(buffer, from, from + attribute.length, {})]
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      throw error.within(`[${i}]`)
    }
  })
}

function indexedNest(element: Value<unknown>): Pick<Value<unknown>, 'nest'> {
  if (element.nest === undefined) return {}
  return {
    nest: siblings => {
      const nest = element.nest?.(siblings)
      return nest && { ...nest, indexed: true }
    },
  }
}

/**
 * A value whose type depends on another attribute of the same level, as IFLA_INFO_DATA on IFLA_INFO_KIND:
 * bytes where that attribute is none of `cases`.
 */
export function selected<C extends Readonly<Record<string, Value<unknown>>>>(
  by: string,
  cases: C,
): Value<TypeOf<C[keyof C]> | Uint8Array> {
  type Choice = TypeOf<C[keyof C]> | Uint8Array
  // a Map: a link's kind named `toString` would find the method of every object
  const values = new Map<string, Value<unknown>>(Object.entries(cases))
  const find = (siblings: Siblings) => values.get(String(siblings[by]))
  return {
    kind: 'nest',
    depends: true,
    read: (buffer, start, end, siblings) =>
      (find(siblings) ?? binary).read(buffer, start, end, siblings) as Choice,
    write: (type, value, siblings) =>
      value instanceof Uint8Array
        ? attr.binary(type, value)
        : (find(siblings) ?? binary).write(type, value as never, siblings),
    nest: siblings => find(siblings)?.nest?.(siblings),
  }
}

/** The content of a message after its netlink header, or of an attribute with the same layout. */
export interface PayloadContent<H, A> {
  /** The values of the fixed header. */
  readonly header: H
  /** The attributes by their names in the schema; missing ones are absent. */
  readonly attributes: A
}

/** The content to write. */
export interface PayloadInput<H, A> {
  /** Fields of the fixed header; missing ones are zero. */
  readonly header?: Partial<H>
  /** The attributes by name, written in this order. */
  readonly attributes?: A
}

/** A family's fixed header and the attributes after it. Made by {@link payload}. */
export class Payload<H = unknown, A = unknown> {
  /** The layout of the fixed header. */
  readonly header: Fixed<H>
  /** The schema of the attributes. */
  readonly attributes: AttributeSet<A>

  constructor(header: Fixed<H>, set: AttributeSet<A>) {
    this.header = header
    this.attributes = set
  }

  /**
   * The parts of a message, as `request` and `encodeMessage` take them.
   * @throws RangeError for a value that does not fit its type, TypeError for a name that is not in the schema
   */
  encode({ header, attributes }: PayloadInput<H, A> = {}): Buffer[] {
    const fixedPart = Buffer.alloc(align(this.header.size))
    // a struct writes the fields that are given
    try {
      if (header !== undefined) this.header.put(fixedPart, header as H, 0)
    } catch (error) {
      throw inside(error, 'header', this.header.kind)
    }
    return attributes === undefined ? [fixedPart] : [fixedPart, this.attributes.encode(attributes)]
  }

  /**
   * Reads a message's payload.
   * @throws MalformedError, with the attribute's path in its text
   */
  decode(message: Message): PayloadContent<H, A> {
    return this.decodeBytes(message.bytes, NLMSG_HDRLEN)
  }

  /**
   * Reads a message's header; each attribute is read when it is asked for.
   * @throws MalformedError
   */
  view(message: Message): PayloadContent<H, AttributeView<A>> {
    const { bytes } = message
    this.#checkHeader(NLMSG_HDRLEN, bytes.length)
    const start = Math.min(NLMSG_HDRLEN + align(this.header.size), bytes.length)
    return { header: this.header.get(bytes, NLMSG_HDRLEN), attributes: this.attributes.view(bytes, start) }
  }

  /** Reads what lies in `bytes` from `start` to `end`. @throws MalformedError */
  decodeBytes(bytes: Uint8Array, start = 0, end = bytes.length): PayloadContent<H, A> {
    const buffer = asBuffer(bytes)
    const { size } = this.header
    this.#checkHeader(start, end)
    return {
      header: this.header.get(buffer, start),
      attributes: this.attributes.decode(buffer, Math.min(start + align(size), end), end),
    }
  }

  #checkHeader(start: number, end: number): void {
    const { size } = this.header
    if (end - start < size)
      throw new MalformedError(
        `a payload of ${end - start} bytes, shorter than its header of ${size} bytes`,
        start,
      )
  }
}

/** A schema of messages: the family's fixed header, usually a {@link struct}, and the attributes after it. */
export function payload<H, A>(header: Fixed<H>, set: AttributeSet<A>): Payload<H, A> {
  return new Payload(header, set)
}

/**
 * An attribute with the layout of a message, a fixed header and then attributes: VETH_INFO_PEER for instance.
 */
export function headed<H, A>(content: Payload<H, A>): Value<PayloadInput<H, A>> {
  return {
    kind: 'nest',
    read: (buffer, start, end) => content.decodeBytes(buffer, start, end),
    write: (type, value) => attr.nested(type, ...content.encode(value)),
    nest: () => ({
      set: content.attributes,
      skip: align(content.header.size),
      header: content.header,
    }),
  }
}
