// SPDX-License-Identifier: MIT
/**
 * Attributes: struct nlattr of include/uapi/linux/netlink.h, four bytes of length and type, then a payload
 * padded to four bytes.
 *
 * Encoding makes plain bytes: each function of {@link attr} returns one whole attribute with its padding. A
 * message or a nested attribute is made of such parts, and of any other bytes.
 */
import { NLA_F_NESTED, NLA_F_NET_BYTEORDER, NLA_HDRLEN, NLA_TYPE_MASK } from './constants.ts'
import { MalformedError, named } from './errors.ts'
import {
  align,
  asBuffer,
  fits16,
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
import { bytesOfText, hexWords, readText } from './text.ts'

/** The largest nla_len. */
const LONGEST = 0xffff

/** An attribute with its header and zero padding; the caller writes the `length` bytes of payload. */
function allocate(type: number, length: number): Buffer {
  const total = NLA_HDRLEN + length
  if (total > LONGEST)
    throw new RangeError(
      `attribute ${type & NLA_TYPE_MASK}: ${length} bytes where there is room for ${LONGEST - NLA_HDRLEN}`,
    )
  if (!fits16(type)) throw new RangeError(`attribute ${type}: no type of 16 bits`)
  const bytes = Buffer.allocUnsafe(align(total))
  writeU16(bytes, total, 0)
  writeU16(bytes, type, 2)
  if (bytes.length !== total) bytes.fill(0, total)
  return bytes
}

/**
 * Encoders, each of one attribute. `type` is all of nla_type, with the flags NLA_F_NESTED and
 * NLA_F_NET_BYTEORDER if wanted. Integers out of range, and payloads that nla_len's 16 bits cannot hold,
 * throw a RangeError.
 */
export const attr = {
  /** An unsigned integer of 8 bits: NLA_U8. */
  u8(type: number, value: number): Buffer {
    const bytes = allocate(type, 1)
    try {
      bytes.writeUInt8(value, NLA_HDRLEN)
    } catch (error) {
      throw named(error, `attribute ${type} (u8)`)
    }
    return bytes
  },
  /** An unsigned integer of 16 bits, in this machine's byte order: NLA_U16. */
  u16(type: number, value: number): Buffer {
    const bytes = allocate(type, 2)
    try {
      writeU16(bytes, value, NLA_HDRLEN)
    } catch (error) {
      throw named(error, `attribute ${type} (u16)`)
    }
    return bytes
  },
  /** An unsigned integer of 32 bits, in this machine's byte order: NLA_U32. */
  u32(type: number, value: number): Buffer {
    const bytes = allocate(type, 4)
    try {
      writeU32(bytes, value, NLA_HDRLEN)
    } catch (error) {
      throw named(error, `attribute ${type} (u32)`)
    }
    return bytes
  },
  /** An unsigned integer of 64 bits, in this machine's byte order: NLA_U64. */
  u64(type: number, value: bigint): Buffer {
    const bytes = allocate(type, 8)
    try {
      writeU64(bytes, value, NLA_HDRLEN)
    } catch (error) {
      throw named(error, `attribute ${type} (u64)`)
    }
    return bytes
  },
  /** A signed integer of 8 bits: NLA_S8. */
  s8(type: number, value: number): Buffer {
    const bytes = allocate(type, 1)
    try {
      bytes.writeInt8(value, NLA_HDRLEN)
    } catch (error) {
      throw named(error, `attribute ${type} (s8)`)
    }
    return bytes
  },
  /** A signed integer of 16 bits, in this machine's byte order: NLA_S16. */
  s16(type: number, value: number): Buffer {
    const bytes = allocate(type, 2)
    try {
      writeS16(bytes, value, NLA_HDRLEN)
    } catch (error) {
      throw named(error, `attribute ${type} (s16)`)
    }
    return bytes
  },
  /** A signed integer of 32 bits, in this machine's byte order: NLA_S32. */
  s32(type: number, value: number): Buffer {
    const bytes = allocate(type, 4)
    try {
      writeS32(bytes, value, NLA_HDRLEN)
    } catch (error) {
      throw named(error, `attribute ${type} (s32)`)
    }
    return bytes
  },
  /** A signed integer of 64 bits, in this machine's byte order: NLA_S64. */
  s64(type: number, value: bigint): Buffer {
    const bytes = allocate(type, 8)
    try {
      writeS64(bytes, value, NLA_HDRLEN)
    } catch (error) {
      throw named(error, `attribute ${type} (s64)`)
    }
    return bytes
  },
  /**
   * A big-endian unsigned integer of 16 bits, as ports are. NLA_F_NET_BYTEORDER is not set: few families use
   * it.
   */
  be16(type: number, value: number): Buffer {
    const bytes = allocate(type, 2)
    try {
      bytes.writeUInt16BE(value, NLA_HDRLEN)
    } catch (error) {
      throw named(error, `attribute ${type} (be16)`)
    }
    return bytes
  },
  /** A big-endian unsigned integer of 32 bits. */
  be32(type: number, value: number): Buffer {
    const bytes = allocate(type, 4)
    try {
      bytes.writeUInt32BE(value, NLA_HDRLEN)
    } catch (error) {
      throw named(error, `attribute ${type} (be32)`)
    }
    return bytes
  },
  /** A big-endian unsigned integer of 64 bits. */
  be64(type: number, value: bigint): Buffer {
    const bytes = allocate(type, 8)
    try {
      bytes.writeBigUInt64BE(value, NLA_HDRLEN)
    } catch (error) {
      throw named(error, `attribute ${type} (be64)`)
    }
    return bytes
  },
  /**
   * UTF-8 and a terminating NUL, which the kernel's NLA_NUL_STRING needs and its NLA_STRING allows. Lone
   * surrogates from U+DC80 to U+DCFF are written as the bytes 0x80 to 0xff: reading makes them of bytes that
   * are no UTF-8.
   */
  string(type: number, text: string): Buffer {
    const content = bytesOfText(text)
    const bytes = allocate(type, content.length + 1)
    bytes.set(content, NLA_HDRLEN)
    bytes[NLA_HDRLEN + content.length] = 0
    return bytes
  },
  /** Bytes as they are: NLA_BINARY, or a struct. */
  binary(type: number, payload: Uint8Array): Buffer {
    const bytes = allocate(type, payload.length)
    bytes.set(payload, NLA_HDRLEN)
    return bytes
  },
  /** An attribute without a payload: NLA_FLAG. */
  flag(type: number): Buffer {
    return allocate(type, 0)
  },
  /** Attributes inside an attribute; NLA_F_NESTED is set, as families that check strictly need it. */
  nested(type: number, ...parts: readonly Uint8Array[]): Buffer {
    return attr.binary(type | NLA_F_NESTED, Buffer.concat(parts))
  },
} as const

/**
 * One attribute of a parsed message: a view, not a copy. Attributes are equal, also in comparisons of
 * objects, when type, flags and payload are, at whatever offset.
 */
export class Attribute {
  /** nla_type without its flags. */
  readonly type: number
  /** Whether NLA_F_NESTED is set. Older families nest without it. */
  readonly isNested: boolean
  /** Whether NLA_F_NET_BYTEORDER is set: the payload is big-endian. */
  readonly isNetByteOrder: boolean
  /** The payload without its padding: a view. */
  readonly payload: Buffer
  readonly #offset: number

  /**
   * The bytes from `start` to `end`, already checked: {@link parseAttributes} makes attributes. Offsets count
   * from `base` of the buffer.
   */
  constructor(buffer: Buffer, start: number, end: number, base = 0) {
    const rawType = readU16(buffer, start + 2)
    this.type = rawType & NLA_TYPE_MASK
    this.isNested = (rawType & NLA_F_NESTED) !== 0
    this.isNetByteOrder = (rawType & NLA_F_NET_BYTEORDER) !== 0
    this.payload = buffer.subarray(start + NLA_HDRLEN, end)
    this.#offset = start - base
  }

  /** Where the attribute's header begins in the bytes that were parsed. */
  get offset(): number {
    return this.#offset
  }

  /** Bytes of payload. */
  get length(): number {
    return this.payload.length
  }

  /** An unsigned integer of 8 bits. @throws MalformedError for another length than 1 */
  u8(): number {
    return this.#checked(1).readUInt8()
  }
  /**
   * An unsigned integer of 16 bits, in this machine's byte order. @throws MalformedError for another length
   * than 2
   */
  u16(): number {
    return readU16(this.#checked(2), 0)
  }
  /**
   * An unsigned integer of 32 bits, in this machine's byte order. @throws MalformedError for another length
   * than 4
   */
  u32(): number {
    return readU32(this.#checked(4), 0)
  }
  /**
   * An unsigned integer of 64 bits, in this machine's byte order. @throws MalformedError for another length
   * than 8
   */
  u64(): bigint {
    return readU64(this.#checked(8), 0)
  }
  /** A signed integer of 8 bits. @throws MalformedError for another length than 1 */
  s8(): number {
    return this.#checked(1).readInt8()
  }
  /**
   * A signed integer of 16 bits, in this machine's byte order. @throws MalformedError for another length than
   * 2
   */
  s16(): number {
    return readS16(this.#checked(2), 0)
  }
  /**
   * A signed integer of 32 bits, in this machine's byte order. @throws MalformedError for another length than
   * 4
   */
  s32(): number {
    return readS32(this.#checked(4), 0)
  }
  /**
   * A signed integer of 64 bits, in this machine's byte order. @throws MalformedError for another length than
   * 8
   */
  s64(): bigint {
    return readS64(this.#checked(8), 0)
  }
  /** A big-endian unsigned integer of 16 bits. @throws MalformedError for another length than 2 */
  be16(): number {
    return this.#checked(2).readUInt16BE()
  }
  /** A big-endian unsigned integer of 32 bits. @throws MalformedError for another length than 4 */
  be32(): number {
    return this.#checked(4).readUInt32BE()
  }
  /** A big-endian unsigned integer of 64 bits. @throws MalformedError for another length than 8 */
  be64(): bigint {
    return this.#checked(8).readBigUInt64BE()
  }

  /**
   * UTF-8 up to the first NUL, or to the end without one; other bytes as lone surrogates, see `attr.string`.
   */
  string(): string {
    return readText(this.payload, 0, this.payload.length)
  }

  /** The attributes inside, with or without NLA_F_NESTED. Offsets count from the payload's first byte. */
  attributes(): Attribute[] {
    return parseAttributesAt(this.payload, 0, this.payload.length, 0)
  }

  /** As diffs, snapshots and JSON show it: bytes in hexadecimal. */
  toJSON(): object {
    return { ...this, payload: hexWords(this.payload) }
  }

  /** The payload, if it has that width. */
  #checked(width: number): Buffer {
    const { payload } = this
    if (payload.length !== width)
      throw new MalformedError(
        `attribute ${this.type} has ${payload.length} bytes, not ${width}`,
        this.#offset,
      )
    return payload
  }
}

/**
 * The attributes in `bytes` from `offset` on, in order, with unknown and repeated ones.
 * @throws MalformedError for a length under the header's or past the end, or 1 to 3 bytes left over
 */
export function parseAttributes(bytes: Uint8Array, offset = 0): Attribute[] {
  return parseAttributesAt(asBuffer(bytes), offset, bytes.length, 0)
}

/**
 * As {@link parseAttributes}, of `buffer` from `start` to `end`. Offsets, in errors too, count from `base`.
 */
export function parseAttributesAt(buffer: Buffer, start: number, end: number, base: number): Attribute[] {
  const attributes: Attribute[] = []
  for (let at = start; at < end; ) {
    const rest = end - at
    if (rest < NLA_HDRLEN) throw new MalformedError(`${rest} bytes left over after the attributes`, at - base)
    const length = readU16(buffer, at)
    if (length < NLA_HDRLEN || length > rest)
      throw new MalformedError(`an attribute of ${length} bytes where ${rest} are left`, at - base)
    attributes.push(new Attribute(buffer, at, at + length, base))
    // the padding of the last one may be missing
    at += align(length)
  }
  return attributes
}

/** The last attribute of that type, as the kernel's nla_parse() takes it. */
export function findAttribute(attributes: readonly Attribute[], type: number): Attribute | undefined {
  return attributes.findLast(attribute => attribute.type === type)
}
