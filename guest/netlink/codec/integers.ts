// SPDX-License-Identifier: MIT
/** Integers in the byte order of this machine, which is netlink's. */
import { endianness } from 'node:os'

/** Whether this machine is little-endian. */
export const isLittleEndian = endianness() === 'LE'
const little = isLittleEndian

type Read<T> = (buffer: Buffer, offset: number) => T
const byte = (buffer: Buffer, offset: number) => buffer[offset] as number

type Write<T> = (buffer: Buffer, value: T, offset: number) => number

/** Byte by byte, which is cheaper than Buffer's methods; the caller has checked the length. */
export const readU16: Read<number> = little
  ? (b, o) => byte(b, o) | (byte(b, o + 1) << 8)
  : (b, o) => b.readUInt16BE(o)
/** Byte by byte, as {@link readU16}. */
export const readU32: Read<number> = little
  ? (b, o) => (byte(b, o) | (byte(b, o + 1) << 8) | (byte(b, o + 2) << 16) | (byte(b, o + 3) << 24)) >>> 0
  : (b, o) => b.readUInt32BE(o)
export const readU64: Read<bigint> = little
  ? (b, o) => toBigInt(readU32(b, o), readU32(b, o + 4))
  : (b, o) => toBigInt(readU32(b, o + 4), readU32(b, o))
export const readS16: Read<number> = little ? (b, o) => b.readInt16LE(o) : (b, o) => b.readInt16BE(o)
export const readS32: Read<number> = little ? (b, o) => b.readInt32LE(o) : (b, o) => b.readInt32BE(o)
export const readS64: Read<bigint> = little ? (b, o) => b.readBigInt64LE(o) : (b, o) => b.readBigInt64BE(o)

export const writeU16: Write<number> = little
  ? (b, v, o) => b.writeUInt16LE(v, o)
  : (b, v, o) => b.writeUInt16BE(v, o)
export const writeU32: Write<number> = little
  ? (b, v, o) => b.writeUInt32LE(v, o)
  : (b, v, o) => b.writeUInt32BE(v, o)
export const writeU64: Write<bigint> = little
  ? (b, v, o) => b.writeBigUInt64LE(v, o)
  : (b, v, o) => b.writeBigUInt64BE(v, o)
export const writeS16: Write<number> = little
  ? (b, v, o) => b.writeInt16LE(v, o)
  : (b, v, o) => b.writeInt16BE(v, o)
export const writeS32: Write<number> = little
  ? (b, v, o) => b.writeInt32LE(v, o)
  : (b, v, o) => b.writeInt32BE(v, o)
export const writeS64: Write<bigint> = little
  ? (b, v, o) => b.writeBigInt64LE(v, o)
  : (b, v, o) => b.writeBigInt64BE(v, o)

/** Counters are mostly small, and then need no new bigint. */
const small = Array.from({ length: 256 }, (_, i) => BigInt(i))

/** A bigint from its two halves. */
function toBigInt(low: number, high: number): bigint {
  if (high !== 0) return (BigInt(high) << 32n) | BigInt(low)
  return small[low] ?? BigInt(low)
}

/** Whether it is an unsigned integer of 16 bits. */
export const fits16 = (value: number) => (value & 0xffff) === value
/** Whether it is an unsigned integer of 32 bits. */
export const fits32 = (value: number) => value >>> 0 === value

/** As {@link writeU16}, of a value that is known to fit. */
export const putU16: Write<number> = little
  ? (b, v, o) => {
      b[o] = v
      b[o + 1] = v >>> 8
      return o + 2
    }
  : writeU16
/** As {@link writeU32}, of a value that is known to fit. */
export const putU32: Write<number> = little
  ? (b, v, o) => {
      b[o] = v
      b[o + 1] = v >>> 8
      b[o + 2] = v >>> 16
      b[o + 3] = v >>> 24
      return o + 4
    }
  : writeU32

/** Writes a size_t or a pointer (of a 64-bit machine) as two halves, which is cheaper than a bigint. */
export function writeWord(buffer: Buffer, value: number, offset: number): void {
  const low = value % 0x100000000
  const high = (value - low) / 0x100000000
  writeU32(buffer, little ? low : high, offset)
  writeU32(buffer, little ? high : low, offset + 4)
}

/** The next multiple of four: netlink's alignment of messages and attributes. */
export function align(length: number): number {
  return (length + 3) & ~3
}

/** The same bytes as a Buffer, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
