/** Integers in the byte order of this machine, which is netlink's. */
import { endianness } from 'node:os'

const little = endianness() === 'LE'

type Read<T> = (buffer: Buffer, offset: number) => T
type Write<T> = (buffer: Buffer, value: T, offset: number) => number

export const readU16: Read<number> = little ? (b, o) => b.readUInt16LE(o) : (b, o) => b.readUInt16BE(o)
export const readU32: Read<number> = little ? (b, o) => b.readUInt32LE(o) : (b, o) => b.readUInt32BE(o)
export const readU64: Read<bigint> = little ? (b, o) => b.readBigUInt64LE(o) : (b, o) => b.readBigUInt64BE(o)
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

/** A size_t or a pointer (of a 64-bit machine), written as two halves: cheaper than by way of a bigint. */
export function writeWord(buffer: Buffer, value: number, offset: number): void {
  const low = value % 0x100000000
  const high = (value - low) / 0x100000000
  writeU32(buffer, little ? low : high, offset)
  writeU32(buffer, little ? high : low, offset + 4)
}

/** The next multiple of four, netlink's alignment of messages and attributes alike. */
export function align(length: number): number {
  return (length + 3) & ~3
}

/** The same bytes as a Buffer, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
