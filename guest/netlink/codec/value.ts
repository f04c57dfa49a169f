/**
 * Types of values: how something is laid out in an attribute's payload, in a struct, or both, and what it is in
 * TypeScript. {@link struct} and {@link attributes} put them together to schemas.
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

/** What can be an attribute's payload. */
export interface Value<T> {
  /** How it is called in printed messages: 'u32', 'string', 'nest' ... */
  readonly kind: string
  /**
   * Reads a payload, the bytes of `buffer` from `start` to `end`.
   * @param siblings what has been read of the attributes beside it
   * @throws MalformedError when it is not of this type
   */
  read(buffer: Buffer, start: number, end: number, siblings: Readonly<Record<string, unknown>>): T
  /** A whole attribute. @throws RangeError for what does not fit */
  write(type: number, value: T, siblings: Readonly<Record<string, unknown>>): Buffer
  /** Where it holds attributes: which, and after how many bytes they begin. */
  nest?(siblings: Readonly<Record<string, unknown>>): Nest | undefined
  /** Several attributes of one type, which make one array together. */
  readonly repeats?: true
  /** Read last, for what the others are decides how. */
  readonly depends?: true
  /** In no result: padding. */
  readonly ignored?: true
  /** A {@link Fixed} one whose payload has its `size` and is what `get` reads: anything else is malformed. */
  readonly exact?: true
}

/** An attribute of a set: its name, and what it holds. */
export interface Field {
  /** Its name in the schema. */
  readonly name: string
  /** How its payload is read and written. */
  readonly value: Value<unknown>
}

/** The names and values of attributes by their types (nla_type): what a schema's AttributeSet is to those who look up in it. */
export interface FieldTable {
  /** The field of an attribute type, undefined for one that is not in the schema. */
  field(type: number): Field | undefined
}

/** The attributes inside a value. */
export interface Nest {
  /** Their schema. */
  readonly set: FieldTable
  /** Bytes of a fixed header before them; 0 without one. */
  readonly skip: number
  /** What is in that header. */
  readonly header?: Fixed<unknown>
  /** Numbered elements, each of which holds such attributes, stand between. */
  readonly indexed?: boolean
}

/** A value of always the same length, which can be in a struct as well. */
export interface Fixed<T> extends Value<T> {
  /** Bytes. */
  readonly size: number
  /** What its offset in a struct is a multiple of. */
  readonly alignment: number
  /** Reads the `size` bytes from `offset` on, which must be there. */
  get(buffer: Buffer, offset: number): T
  /** What `get` does, as source code of JavaScript, from the source code of each byte: for compiled decoders. */
  source?(byte: (index: number) => string): string
  /** Writes the `size` bytes from `offset` on; padding among them stays. @throws RangeError for what does not fit */
  put(buffer: Buffer, value: T, offset: number): void
}

/** The TypeScript type of a value. */
export type TypeOf<V> = V extends Value<infer T> ? T : never

/** The source code of an unsigned integer of 16 bits. */
const source16 = (byte: (index: number) => string) => `(${byte(0)}|${byte(1)}<<8)`
/** And of all bits of one of 32, as a signed one. */
const source32 = (byte: (index: number) => string) =>
  `(${byte(0)}|${byte(1)}<<8|${byte(2)}<<16|${byte(3)}<<24)`

/** A value of always the same length, from how it is read and written at an offset. */
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

/** Some of 32 bits: struct nla_bitfield32. */
export interface Bitfield32 {
  /** Whether each bit is set. */
  readonly value: number
  /** The bits that are meant. */
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

/** Bytes of a struct that mean nothing: zero when written, in no result. Alignment as C does it needs none. */
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

/** As many bytes, as they are: `__u8 address[16]` of a struct. */
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

/** A fixed value under names: numbers without one stay numbers. For enumerations: `{ 0: 'UNKNOWN', ... }`. */
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

/** Present, which is true, or not. Written as false it is left out. */
export const flag: Value<boolean> = {
  kind: 'flag',
  read: () => true,
  write: (type, value) => (value ? attr.flag(type) : Buffer.alloc(0)),
}

/** NLA_UINT (kernels from 6.7 on): an unsigned integer of 4 bytes, or 8 where it needs them. */
export const uint: Value<bigint> = {
  kind: 'uint',
  read: (buffer, start, end) =>
    end - start === 4 ? BigInt(u32.get(buffer, start)) : u64.read(buffer, start, end, {}),
  write: (type, value) => (value > 0xffffffffn ? attr.u64(type, value) : attr.u32(type, Number(value))),
}

/** NLA_SINT (kernels from 6.7 on): a signed integer of 4 bytes, or 8 where it needs them. */
export const sint: Value<bigint> = {
  kind: 'sint',
  read: (buffer, start, end) =>
    end - start === 4 ? BigInt(s32.get(buffer, start)) : s64.read(buffer, start, end, {}),
  write: (type, value) =>
    BigInt.asIntN(32, value) === value ? attr.s32(type, Number(value)) : attr.s64(type, value),
}

/** Padding that the kernel inserts to align what follows to 8 bytes (IFLA_PAD and its like): in no result. */
export const padding: Value<undefined> = {
  kind: 'padding',
  ignored: true,
  read: () => undefined,
  write: type => attr.flag(type),
}

/** A payload that is as many elements as there are, one after the other without padding. */
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

/** The elements of an array where they lie, read when they are asked for: for long ones, of which few are looked at. */
export class ArrayView<T> implements Iterable<T> {
  /** The elements as they lie: a view. */
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

  /** As Array's, but for negative indices. */
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

/** Several attributes of the type, each an element: CTRL_ATTR_... of older families, NHA_GROUP and so on. */
export function repeated<T>(element: Value<T>): Value<T[]> {
  return {
    kind: `${element.kind}*`,
    repeats: true,
    // an element at a time: the set puts them together
    read: (buffer, start, end, siblings) => [element.read(buffer, start, end, siblings)],
    write: (type, values, siblings) =>
      Buffer.concat(values.map(value => element.write(type, value, siblings))),
    ...(element.nest && { nest: siblings => element.nest?.(siblings) }),
  }
}

const COLON = 0x3a
const digits = Buffer.from('0123456789abcdef')
/** Room for the text of an address of the usual kind. */
const text = Buffer.alloc(32 * 3)

/** A link-layer address, 'aa:bb:cc:dd:ee:ff', of whatever length. */
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
