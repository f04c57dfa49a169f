// SPDX-License-Identifier: MIT
/**
 * Types of values: their layout in an attribute's payload, in a struct, or both, and their TypeScript type.
 * {@link struct} and {@link attributes} combine them into schemas.
 */
import { attr } from './attribute.ts'
import { MalformedError } from './errors.ts'
import {
  readS16,
  readS32,
  readS64,
  readU16,
  readU32,
  readU64,
  writeS16,
  writeS32,
  writeS64,
  writeU16,
  writeU32,
  writeU64,
} from './integers.ts'
import { hexWords, readText } from './text.ts'

/** A value in an attribute's payload. */
export interface Value<T> {
  /** Its name in printed messages: 'u32', 'string', 'nest' ... */
  readonly kind: string
  /**
   * Reads a payload, the bytes of `buffer` from `start` to `end`.
   * @param siblings the values of the same level that were read before
   * @throws MalformedError when it does not fit this type
   */
  read(buffer: Buffer, start: number, end: number, siblings: Readonly<Record<string, unknown>>): T
  /** Makes a whole attribute. @throws RangeError for a value that does not fit */
  write(type: number, value: T, siblings: Readonly<Record<string, unknown>>): Buffer
  /** For a value that holds attributes: their schema and place. */
  nest?(siblings: Readonly<Record<string, unknown>>): Nest | undefined
  /** Several attributes of one type make one array. */
  readonly repeats?: true
  /** Read last, because its type depends on the others. */
  readonly depends?: true
  /** Padding: absent from results. */
  readonly ignored?: true
  /** A {@link Fixed} value whose payload must have exactly its `size`, and is read by `get`. */
  readonly exact?: true
}

/** An attribute of a set: its name and its value. */
export interface Field {
  /** Its name in the schema. */
  readonly name: string
  /** How its payload is read and written. */
  readonly value: Value<unknown>
}

/** Names and values of attributes by type (nla_type): an AttributeSet, for look-ups only. */
export interface FieldTable {
  /** The field of an attribute type, undefined if it is not in the schema. */
  field(type: number): Field | undefined
}

/** The attributes inside a value. */
export interface Nest {
  /** Their schema. */
  readonly set: FieldTable
  /** Bytes of a fixed header before them; 0 without one. */
  readonly skip: number
  /** The layout of that header. */
  readonly header?: Fixed<unknown>
  /** Whether the attributes are in numbered elements. */
  readonly indexed?: boolean
}

/** A value of fixed length, which can also be in a struct. */
export interface Fixed<T> extends Value<T> {
  /** Bytes. */
  readonly size: number
  /** Its offset in a struct is a multiple of this. */
  readonly alignment: number
  /** Reads `size` bytes from `offset` on; the caller has checked that they are there. */
  get(buffer: Buffer, offset: number): T
  /** `get` as JavaScript source, made of the source of each byte: for compiled decoders. */
  source?(byte: (index: number) => string): string
  /**
   * Writes `size` bytes from `offset` on, except padding. @throws RangeError for a value that does not fit
   */
  put(buffer: Buffer, value: T, offset: number): void
}

/** The TypeScript type of a value. */
export type TypeOf<V> = V extends Value<infer T> ? T : never

/** The source of an unsigned integer of 16 bits. */
const source16 = (byte: (index: number) => string) => `(${byte(0)}|${byte(1)}<<8)`
/** The source of a signed integer of 32 bits. */
const source32 = (byte: (index: number) => string) =>
  `(${byte(0)}|${byte(1)}<<8|${byte(2)}<<16|${byte(3)}<<24)`

/** A value of fixed length, made of its reader and writer. */
export function fixed<T>(
  kind: string,
  size: number,
  alignment: number,
  get: (buffer: Buffer, offset: number) => T,
  put: (buffer: Buffer, value: T, offset: number) => void,
  source?: (byte: (index: number) => string) => string,
): Fixed<T> {
  return {
    kind,
    size,
    alignment,
    exact: true,
    get,
    put,
    ...(source && { source }),
    read(buffer, start, end) {
      if (end - start !== size)
        throw new MalformedError(`${kind} of ${end - start} bytes, not ${size}`, start)
      return get(buffer, start)
    },
    write(type, value) {
      const payload = Buffer.alloc(size)
      put(payload, value, 0)
      return attr.binary(type, payload)
    },
  }
}

/** An unsigned integer of 8 bits. Integers out of range throw a RangeError when they are written. */
export const u8: Fixed<number> = fixed(
  'u8',
  1,
  1,
  (b, o) => b.readUInt8(o),
  (b, v, o) => b.writeUInt8(v, o),
  byte => byte(0),
)
/** An unsigned integer of 16 bits, in this machine's byte order. */
export const u16: Fixed<number> = fixed('u16', 2, 2, readU16, writeU16, source16)
/** An unsigned integer of 32 bits, in this machine's byte order. */
export const u32: Fixed<number> = fixed('u32', 4, 4, readU32, writeU32, byte => `${source32(byte)}>>>0`)
/** An unsigned integer of 64 bits, in this machine's byte order. */
export const u64: Fixed<bigint> = fixed('u64', 8, 8, readU64, writeU64)
/** A signed integer of 8 bits. */
export const s8: Fixed<number> = fixed(
  's8',
  1,
  1,
  (b, o) => b.readInt8(o),
  (b, v, o) => b.writeInt8(v, o),
  byte => `${byte(0)}<<24>>24`,
)
/** A signed integer of 16 bits, in this machine's byte order. */
export const s16: Fixed<number> = fixed('s16', 2, 2, readS16, writeS16, byte => `${source16(byte)}<<16>>16`)
/** A signed integer of 32 bits, in this machine's byte order. */
export const s32: Fixed<number> = fixed('s32', 4, 4, readS32, writeS32, source32)
/** A signed integer of 64 bits, in this machine's byte order. */
export const s64: Fixed<bigint> = fixed('s64', 8, 8, readS64, writeS64)
/** A big-endian unsigned integer of 16 bits, as ports are. */
export const be16: Fixed<number> = fixed(
  'be16',
  2,
  2,
  (b, o) => b.readUInt16BE(o),
  (b, v, o) => b.writeUInt16BE(v, o),
)
/** A big-endian unsigned integer of 32 bits. */
export const be32: Fixed<number> = fixed(
  'be32',
  4,
  4,
  (b, o) => b.readUInt32BE(o),
  (b, v, o) => b.writeUInt32BE(v, o),
)
/** A big-endian unsigned integer of 64 bits. */
export const be64: Fixed<bigint> = fixed(
  'be64',
  8,
  8,
  (b, o) => b.readBigUInt64BE(o),
  (b, v, o) => b.writeBigUInt64BE(v, o),
)

/** Selected bits of 32: struct nla_bitfield32. */
export interface Bitfield32 {
  /** Whether each bit is set. */
  readonly value: number
  /** Which bits count. */
  readonly selector: number
}
/** NLA_BITFIELD32. */
export const bitfield32: Fixed<Bitfield32> = fixed(
  'bitfield32',
  8,
  4,
  (b, o) => ({ value: readU32(b, o), selector: readU32(b, o + 4) }),
  (b, v, o) => {
    writeU32(b, v.value, o)
    writeU32(b, v.selector, o + 4)
  },
)

/** Unused bytes of a struct: written as zero, absent from results. C's alignment needs no padding. */
export function pad(size: number): Fixed<undefined> {
  return {
    ...fixed<undefined>(
      'padding',
      size,
      1,
      () => undefined,
      () => undefined,
    ),
    ignored: true,
  }
}

/** That many plain bytes: `__u8 address[16]` of a struct. */
export function bytes(size: number): Fixed<Buffer> {
  return fixed(
    'binary',
    size,
    1,
    (b, o) => b.subarray(o, o + size),
    (b, v, o) => {
      if (v.length !== size) throw new RangeError(`${v.length} bytes where there is room for ${size}`)
      b.set(v, o)
    },
  )
}

/** `count` values one after the other, as C's arrays in structs. */
export function times<T>(count: number, element: Fixed<T>): Fixed<T[]> {
  return fixed(
    `${element.kind}[${count}]`,
    count * element.size,
    element.alignment,
    (b, o) => Array.from({ length: count }, (_, i) => element.get(b, o + i * element.size)),
    (b, v, o) => {
      if (v.length !== count) throw new RangeError(`${v.length} elements where there is room for ${count}`)
      for (const [i, value] of v.entries()) element.put(b, value, o + i * element.size)
    },
  )
}

/** An enumeration, `{ 0: 'UNKNOWN', ... }`: numbers without a name stay numbers. */
export function named<const N extends string>(
  base: Fixed<number>,
  names: Readonly<Record<number, N>>,
): Fixed<N | number> {
  const numbers = new Map<unknown, number>(
    Object.entries<string>(names).map(([n, name]) => [name, Number(n)]),
  )
  return fixed<N | number>(
    base.kind,
    base.size,
    base.alignment,
    (b, o) => {
      const number = base.get(b, o)
      return names[number] ?? number
    },
    (b, v, o) => {
      const number = typeof v === 'number' ? v : numbers.get(v)
      if (number === undefined) throw new RangeError(`no value is named ${v}`)
      base.put(b, number, o)
    },
  )
}

/** Text in UTF-8, written with a terminating NUL and read up to one. */
export const string: Value<string> = {
  kind: 'string',
  read: (buffer, start, end) => readText(buffer, start, end),
  write: (type, value) => attr.string(type, value),
}

const nothing = Buffer.alloc(0)

/** Bytes as they are: read as a view, not a copy. */
export const binary: Value<Uint8Array> = {
  kind: 'binary',
  read: (buffer, start, end) => (start === end ? nothing : buffer.subarray(start, end)),
  write: (type, value) => attr.binary(type, value),
}

/** True if present. False is not written. */
export const flag: Value<boolean> = {
  kind: 'flag',
  read: () => true,
  write: (type, value) => (value ? attr.flag(type) : Buffer.alloc(0)),
}

/** NLA_UINT (kernels from 6.7 on): an unsigned integer of 4 bytes, or of 8 if it needs them. */
export const uint: Value<bigint> = {
  kind: 'uint',
  read: (buffer, start, end) =>
    end - start === 4 ? BigInt(u32.get(buffer, start)) : u64.read(buffer, start, end, {}),
  write: (type, value) => (value > 0xffffffffn ? attr.u64(type, value) : attr.u32(type, Number(value))),
}

/** NLA_SINT (kernels from 6.7 on): a signed integer of 4 bytes, or of 8 if it needs them. */
export const sint: Value<bigint> = {
  kind: 'sint',
  read: (buffer, start, end) =>
    end - start === 4 ? BigInt(s32.get(buffer, start)) : s64.read(buffer, start, end, {}),
  write: (type, value) =>
    BigInt.asIntN(32, value) === value ? attr.s32(type, Number(value)) : attr.s64(type, value),
}

/**
 * Padding with which the kernel aligns the next attribute to 8 bytes (IFLA_PAD and the like): absent from
 * results.
 */
export const padding: Value<undefined> = {
  kind: 'padding',
  ignored: true,
  read: () => undefined,
  write: type => attr.flag(type),
}

/** A payload of any number of elements, one after the other without padding. */
export function array<T>(element: Fixed<T>): Value<T[]> {
  return {
    kind: `${element.kind}[]`,
    read(buffer, start, end) {
      if ((end - start) % element.size !== 0)
        throw new MalformedError(`${end - start} bytes of elements of ${element.size}`, start)
      const values: T[] = []
      for (let offset = start; offset < end; offset += element.size) values.push(element.get(buffer, offset))
      return values
    },
    write(type, values) {
      const payload = Buffer.alloc(values.length * element.size)
      for (const [i, value] of values.entries()) element.put(payload, value, i * element.size)
      return attr.binary(type, payload)
    },
  }
}

/**
 * A view of an array, whose elements are read when they are asked for: for long arrays of which few are read.
 */
export class ArrayView<T> implements Iterable<T> {
  /** The bytes of the elements: a view. */
  readonly bytes: Buffer
  readonly #element: Fixed<T>
  /** How many elements there are. */
  readonly length: number

  /** `length` elements from `start` on. */
  constructor(element: Fixed<T>, buffer: Buffer, start: number, length: number) {
    this.#element = element
    this.bytes = buffer.subarray(start, start + length * element.size)
    this.length = length
  }

  /** As Array's, without negative indices. */
  at(index: number): T | undefined {
    return index >= 0 && index < this.length
      ? this.#element.get(this.bytes, index * this.#element.size)
      : undefined
  }

  *[Symbol.iterator](): Generator<T, void, void> {
    for (let i = 0; i < this.length; i++) yield this.#element.get(this.bytes, i * this.#element.size)
  }

  /** As diffs, snapshots and JSON show it: bytes in hexadecimal. */
  toJSON(): object {
    return { ...this, bytes: hexWords(this.bytes) }
  }

  /** Prints the elements. */
  [Symbol.for('nodejs.util.inspect.custom')](): unknown {
    return [...this]
  }
}

/** As {@link array}, but read as a view. Any iterable can be written. */
export function arrayView<T>(element: Fixed<T>): Value<Iterable<T> & Pick<ArrayView<T>, 'length' | 'at'>> {
  const whole = array(element)
  return {
    kind: whole.kind,
    read(buffer, start, end) {
      if ((end - start) % element.size !== 0)
        throw new MalformedError(`${end - start} bytes of elements of ${element.size}`, start)
      return new ArrayView(element, buffer, start, (end - start) / element.size)
    },
    write: (type, values, siblings) => whole.write(type, [...values], siblings),
  }
}

/** Several attributes of the type, each an element. */
export function repeated<T>(element: Value<T>): Value<T[]> {
  return {
    kind: `${element.kind}*`,
    repeats: true,
    // one element at a time; the set makes the array
    read: (buffer, start, end, siblings) => [element.read(buffer, start, end, siblings)],
    write: (type, values, siblings) =>
      Buffer.concat(values.map(value => element.write(type, value, siblings))),
    ...(element.nest && { nest: siblings => element.nest?.(siblings) }),
  }
}

const COLON = 0x3a
const digits = Buffer.from('0123456789abcdef')
/** Room for the text of addresses of usual length. */
const text = Buffer.alloc(32 * 3)

/** A link-layer address of any length, 'aa:bb:cc:dd:ee:ff'. */
export const hardwareAddress: Value<string> = {
  kind: 'hardware address',
  read(buffer, start, end) {
    const room = (end - start) * 3 <= text.length ? text : Buffer.alloc((end - start) * 3)
    let length = 0
    for (let offset = start; offset < end; offset++) {
      const byte = buffer[offset] ?? 0
      room[length++] = digits[byte >> 4] ?? 0
      room[length++] = digits[byte & 0xf] ?? 0
      room[length++] = COLON
    }
    return length === 0 ? '' : room.toString('latin1', 0, length - 1)
  },
  write(type, value) {
    if (!/^([0-9a-f]{2}(:[0-9a-f]{2})*)?$/i.test(value)) throw new RangeError(`no hardware address: ${value}`)
    return attr.binary(type, Buffer.from(value.replaceAll(':', ''), 'hex'))
  },
}
