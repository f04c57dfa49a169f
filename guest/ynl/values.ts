// SPDX-License-Identifier: MIT
/** Values of specifications as types of the client's codec: numbers, enumerations, structs, addresses. */
import {
  array,
  attr,
  type Bitfield32,
  be16,
  be32,
  be64,
  binary,
  bitfield32,
  bytes,
  type Fixed,
  fixed,
  hardwareAddress,
  ipAddress,
  MalformedError,
  pad,
  parseIPAddress,
  type Struct,
  s8,
  s16,
  s32,
  s64,
  sint,
  struct,
  u8,
  u16,
  u32,
  u64,
  uint,
  type Value,
} from '../netlink/index.ts'
import type {
  AttributeSpecification,
  ByteOrder,
  DisplayHint,
  Enumeration,
  IntegerType,
  StructMember,
  StructSpecification,
} from './specification.ts'

/** How a value of an enumeration is read: by name, or as a number that has none. */
export type EnumerationValue = string | number | bigint

/** The part of a specification that types of values are made of. */
export interface Definitions {
  enumeration(name: string): Enumeration
  struct(name: string): Struct<Readonly<Record<string, unknown>>>
}

const native: Readonly<Record<IntegerType, Fixed<number> | Fixed<bigint>>> = {
  ...{ u8, u16, u32, u64 },
  ...{ s8, s16, s32, s64 },
}

const bigEndian: Partial<Record<IntegerType, Fixed<number> | Fixed<bigint>>> = {
  u16: be16,
  u32: be32,
  u64: be64,
  s16: fixed(
    's16',
    2,
    2,
    (b, o) => b.readInt16BE(o),
    (b, v, o) => b.writeInt16BE(v, o),
  ),
  s32: fixed(
    's32',
    4,
    4,
    (b, o) => b.readInt32BE(o),
    (b, v, o) => b.writeInt32BE(v, o),
  ),
  s64: fixed(
    's64',
    8,
    8,
    (b, o) => b.readBigInt64BE(o),
    (b, v, o) => b.writeBigInt64BE(v, o),
  ),
}

const littleEndian: Partial<Record<IntegerType, Fixed<number> | Fixed<bigint>>> = {
  u16: fixed(
    'u16',
    2,
    2,
    (b, o) => b.readUInt16LE(o),
    (b, v, o) => b.writeUInt16LE(v, o),
  ),
  u32: fixed(
    'u32',
    4,
    4,
    (b, o) => b.readUInt32LE(o),
    (b, v, o) => b.writeUInt32LE(v, o),
  ),
  u64: fixed(
    'u64',
    8,
    8,
    (b, o) => b.readBigUInt64LE(o),
    (b, v, o) => b.writeBigUInt64LE(v, o),
  ),
  s16: fixed(
    's16',
    2,
    2,
    (b, o) => b.readInt16LE(o),
    (b, v, o) => b.writeInt16LE(v, o),
  ),
  s32: fixed(
    's32',
    4,
    4,
    (b, o) => b.readInt32LE(o),
    (b, v, o) => b.writeInt32LE(v, o),
  ),
  s64: fixed(
    's64',
    8,
    8,
    (b, o) => b.readBigInt64LE(o),
    (b, v, o) => b.writeBigInt64LE(v, o),
  ),
}

/** Whether a type is an integer of fixed size. */
export function isInteger(type: string): type is IntegerType {
  return Object.hasOwn(native, type)
}

/** An integer of fixed size: numbers up to 32 bits, else bigints, for which numbers may be written. */
export function integer(type: IntegerType, order: ByteOrder | undefined): Fixed<number> | Fixed<bigint> {
  const special =
    order === 'big-endian' ? bigEndian[type] : order === 'little-endian' ? littleEndian[type] : undefined
  const base = special ?? native[type]
  return base.size === 8 ? wide(base as Fixed<bigint>) : base
}

/** `uint` or `sint`. */
export function autoInteger(type: 'uint' | 'sint', order: ByteOrder | undefined): Value<bigint> {
  if (order !== 'big-endian') return wide(type === 'uint' ? uint : sint)
  const short = type === 'uint' ? be32 : (bigEndian.s32 as Fixed<number>)
  const long = type === 'uint' ? be64 : (bigEndian.s64 as Fixed<bigint>)
  return wide({
    kind: type,
    read: (buffer, start, end) =>
      end - start === 4 ? BigInt(short.get(buffer, start)) : long.read(buffer, start, end, {}),
    write(attribute, value, siblings) {
      const fits = type === 'uint' ? value <= 0xffff_ffffn : BigInt.asIntN(32, value) === value
      return fits ? short.write(attribute, Number(value), siblings) : long.write(attribute, value, siblings)
    },
  })
}

/** Numbers may be written for bigints. */
function wide<V extends Value<bigint>>(base: V): V {
  return mapped<bigint, bigint>(
    base,
    value => value,
    value => BigInt(value),
  ) as unknown as V
}

/** A value that is shown otherwise. Of one of fixed size it is one, too. */
export function mapped<A, B>(
  base: Value<A>,
  decode: (value: A) => B,
  encode: (value: B) => A,
): Value<B> | Fixed<B> {
  if ('size' in base) {
    const { kind, size, alignment, get, put } = base as Fixed<A>
    return fixed<B>(
      kind,
      size,
      alignment,
      (buffer, offset) => decode(get(buffer, offset)),
      (buffer, value, offset) => put(buffer, encode(value), offset),
    )
  }
  return {
    kind: base.kind,
    read: (buffer, start, end, siblings) => decode(base.read(buffer, start, end, siblings)),
    write: (type, value, siblings) => base.write(type, encode(value), siblings),
  }
}

/** A number by the names of its enumeration: one of them, or a list of those whose bits are set. */
export function enumerated(
  base: Value<number> | Value<bigint>,
  enumeration: Enumeration,
  asFlags: boolean,
): Value<unknown> {
  const isBig = base.kind === 'u64' || base.kind === 's64' || base.kind === 'uint' || base.kind === 'sint'
  const convert = (value: bigint) => (isBig ? value : Number(value))
  const { decode, encode } =
    asFlags || enumeration.kind === 'flags' ? flagsOf(enumeration) : valuesOf(enumeration)
  return mapped<number | bigint, unknown>(
    base as Value<number | bigint>,
    value => decode(BigInt(value)),
    value => convert(encode(value)),
  )
}

interface Names {
  readonly decode: (value: bigint) => unknown
  readonly encode: (value: unknown) => bigint
}

function valuesOf({ name: enumeration, entries }: Enumeration): Names {
  const names = new Map(entries.map(({ name, value }) => [BigInt(value), name]))
  const values = new Map(entries.map(({ name, value }) => [name, BigInt(value)]))
  return {
    decode: value => names.get(value) ?? Number(value),
    encode: value => numberOf(value) ?? values.get(String(value)) ?? unknownName(enumeration, value, values),
  }
}

function flagsOf({ name: enumeration, entries }: Enumeration): Names {
  const bits = new Map(entries.map(({ name, value }) => [value, name]))
  const values = new Map(entries.map(({ name, value }) => [name, BigInt(value)]))
  return {
    decode(value) {
      const set: EnumerationValue[] = []
      for (let bit = 0, rest = BigInt.asUintN(64, value); rest !== 0n; bit++, rest >>= 1n)
        if ((rest & 1n) === 1n) set.push(bits.get(bit) ?? bit)
      return set
    },
    encode(value) {
      if (!Array.isArray(value)) {
        const number = numberOf(value)
        if (number !== undefined) return number
        throw new RangeError(`flags of ${enumeration} are a list of names, or a number`)
      }
      return value.reduce<bigint>((sum, flag) => {
        const bit = numberOf(flag) ?? values.get(String(flag)) ?? unknownName(enumeration, flag, values)
        return sum | (1n << bit)
      }, 0n)
    },
  }
}

function numberOf(value: unknown): bigint | undefined {
  return typeof value === 'bigint' ? value : typeof value === 'number' ? BigInt(value) : undefined
}

function unknownName(enumeration: string, value: unknown, known: ReadonlyMap<string, unknown>): never {
  throw new RangeError(`${enumeration} has no ${value}, but ${[...known.keys()].join(', ')}`)
}

/** A struct. C's layout: members are aligned. */
export function structOf(
  { members }: StructSpecification,
  definitions: Definitions,
): Struct<Readonly<Record<string, unknown>>> {
  return struct(Object.fromEntries(members.map(member => [member.name, memberOf(member, definitions)])))
}

function memberOf(member: StructMember, definitions: Definitions): Fixed<unknown> {
  const { type, length = 0, enumeration, asFlags = false, displayHint, byteOrder } = member
  if (member.struct !== undefined) return definitions.struct(member.struct)
  if (type === 'pad') return pad(length)
  if (type === 'string') return fixedText(length)
  if (type === 'binary') return hintedBytes(length, displayHint)
  const base = integer(type, byteOrder)
  if (enumeration !== undefined)
    return enumerated(base, definitions.enumeration(enumeration), asFlags) as Fixed<unknown>
  return hintedNumber(base, type, displayHint) as Fixed<unknown>
}

/** Text in an array of C, up to a NUL. */
function fixedText(size: number): Fixed<string> {
  return mapped<Buffer, string>(
    bytes(size),
    value => {
      const end = value.indexOf(0)
      return value.toString('utf8', 0, end < 0 ? size : end)
    },
    value => {
      const text = Buffer.from(value)
      if (text.length > size) throw new RangeError(`${text.length} bytes where there is room for ${size}`)
      return Buffer.concat([text], size)
    },
  ) as Fixed<string>
}

/** Bytes of a struct, shown by their hint if they have the length for it. */
function hintedBytes(size: number, hint: DisplayHint | undefined): Fixed<unknown> {
  const text = hint === undefined ? undefined : texts[hint]
  if (text === undefined || !text.fits(size)) return bytes(size)
  return mapped<Buffer, unknown>(
    bytes(size),
    value => text.value.read(value, 0, size, {}),
    value => (value instanceof Uint8Array ? Buffer.from(value) : text.parse(String(value))),
  ) as Fixed<unknown>
}

interface Text {
  readonly value: Value<string>
  readonly parse: (text: string) => Buffer
  readonly fits: (size: number) => boolean
}

const uuid: Value<string> = {
  kind: 'uuid',
  read(buffer, start, end) {
    if (end - start !== 16) throw new MalformedError(`a UUID of ${end - start} bytes, not 16`, start)
    return buffer.toString('hex', start, end).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  },
  write: (type, value) => attr.binary(type, parseUuid(value)),
}

function parseUuid(text: string): Buffer {
  if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text)) throw new RangeError(`no UUID: ${text}`)
  return Buffer.from(text.replaceAll('-', ''), 'hex')
}

const address: Text = { value: ipAddress, parse: parseIPAddress, fits: size => size === 4 || size === 16 }
const hardware: Text = {
  value: hardwareAddress,
  parse: text => hardwareAddress.write(0, text, {}).subarray(4, 4 + Math.ceil(text.length / 3)),
  fits: () => true,
}
const texts: Partial<Record<DisplayHint, Text>> = {
  mac: hardware,
  fddi: hardware,
  ipv4: address,
  ipv6: address,
  'ipv4-or-v6': address,
  uuid: { value: uuid, parse: parseUuid, fits: size => size === 16 },
}

/** The value of a hint, for which bytes may be written as well. */
function hinted(hint: DisplayHint | undefined): Value<unknown> {
  const text = hint === undefined ? undefined : texts[hint]
  if (text === undefined) return binary
  const { kind, read, write } = text.value
  return {
    kind,
    read,
    write: (type, value, siblings) =>
      value instanceof Uint8Array ? attr.binary(type, value) : write(type, String(value), siblings),
  }
}

/** A number that is an IPv4 address, in the byte order that it has; other hints change no number. */
function hintedNumber(
  base: Fixed<number> | Fixed<bigint>,
  type: IntegerType,
  hint: DisplayHint | undefined,
): Value<unknown> {
  if (type !== 'u32' || (hint !== 'ipv4' && hint !== 'ipv4-or-v6')) return base
  return mapped<number, unknown>(
    base as Fixed<number>,
    value => [24, 16, 8, 0].map(shift => (value >>> shift) & 0xff).join('.'),
    value => (typeof value === 'number' ? value : parseIPAddress(String(value)).readUInt32BE()),
  )
}

/** The value of an attribute that holds no attributes, one of several if it is multi. */
export function plainValue(
  attribute: Pick<
    AttributeSpecification,
    'enumeration' | 'asFlags' | 'displayHint' | 'byteOrder' | 'struct' | 'subType'
  >,
  type: AttributeSpecification['type'],
  definitions: Definitions,
): Value<unknown> {
  const { enumeration, asFlags = false, displayHint, byteOrder, subType } = attribute
  const named = (base: Value<number> | Value<bigint>): Value<unknown> =>
    enumeration === undefined ? base : enumerated(base, definitions.enumeration(enumeration), asFlags)
  if (isInteger(type)) {
    const base = integer(type, byteOrder)
    return enumeration === undefined ? hintedNumber(base, type, displayHint) : named(base)
  }
  if (type === 'uint' || type === 'sint') return named(autoInteger(type, byteOrder))
  if (type === 'bitfield32') return bitfieldOf(enumeration, definitions)
  if (type === 'binary' && attribute.struct !== undefined) return definitions.struct(attribute.struct)
  if (type === 'binary' && subType !== undefined && isInteger(subType)) {
    const base = integer(subType, byteOrder)
    const element = enumeration === undefined ? hintedNumber(base, subType, displayHint) : named(base)
    return array(element as Fixed<unknown>)
  }
  return hinted(displayHint)
}

/** A bitfield32; with an enumeration its bits by name. */
function bitfieldOf(enumeration: string | undefined, definitions: Definitions): Value<unknown> {
  if (enumeration === undefined) return bitfield32
  const { decode, encode } = flagsOf(definitions.enumeration(enumeration))
  return mapped<Bitfield32, { readonly value: unknown; readonly selector: unknown }>(
    bitfield32,
    ({ value, selector }) => ({ value: decode(BigInt(value)), selector: decode(BigInt(selector)) }),
    ({ value, selector }) => ({ value: Number(encode(value)), selector: Number(encode(selector)) }),
  )
}
