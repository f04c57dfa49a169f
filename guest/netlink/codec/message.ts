// SPDX-License-Identifier: MIT
/** Messages: struct nlmsghdr of include/uapi/linux/netlink.h and its payload, padded to four bytes. */
import { type Attribute, parseAttributesAt } from './attribute.ts'
import { NLMSG_ERROR, NLMSG_HDRLEN } from './constants.ts'
import { MalformedError } from './errors.ts'
import { align, asBuffer, fits16, fits32, putU16, putU32, readU16, readU32 } from './integers.ts'
import { hexWords } from './text.ts'

/** The fields of a struct nlmsghdr that a sender chooses. */
export interface MessageHeader {
  /** nlmsg_type: below 16 netlink's own, from 16 on the family's. */
  readonly type: number
  /** nlmsg_flags: NLM_F_REQUEST and so on; 0 by default. */
  readonly flags?: number
  /** nlmsg_seq: the sequence number, mirrored in the answer; 0 by default. */
  readonly sequence?: number
  /** nlmsg_pid: the sender's port id as the sender claims it, 0 by default; the kernel uses the socket's. */
  readonly portId?: number
}

/**
 * One message: the header, then the parts one after the other, then zeros up to a multiple of four (not
 * counted in nlmsg_len). Parts are bytes: a family's fixed header, attributes as made by `attr`.
 */
export function encodeMessage(header: MessageHeader, ...parts: readonly Uint8Array[]): Buffer {
  const length = lengthOf(parts)
  const bytes = Buffer.allocUnsafe(align(length))
  write(bytes, 0, length, header, parts)
  return bytes
}

/** A message to encode: its header and its parts. */
export interface MessageParts extends MessageHeader {
  /** As in {@link encodeMessage}: bytes, one after the other; none if not given. */
  readonly parts?: readonly Uint8Array[]
}

/** Several messages, one after the other as in a datagram. */
export function encodeMessages(messages: readonly MessageParts[]): Buffer {
  let total = 0
  for (const { parts = none } of messages) total += align(lengthOf(parts))
  const bytes = Buffer.allocUnsafe(total)
  let offset = 0
  for (const message of messages) {
    const { parts = none } = message
    const length = lengthOf(parts)
    write(bytes, offset, length, message, parts)
    offset += align(length)
  }
  return bytes
}

const none: readonly Uint8Array[] = []

function lengthOf(parts: readonly Uint8Array[]): number {
  let length = NLMSG_HDRLEN
  for (const part of parts) length += part.length
  return length
}

function write(
  bytes: Buffer,
  start: number,
  length: number,
  header: MessageHeader,
  parts: readonly Uint8Array[],
): void {
  const { type, flags = 0, sequence = 0, portId = 0 } = header
  // checked once for all writes, which then need no check of their own
  if (!(fits16(type) && fits16(flags) && fits32(sequence) && fits32(portId)))
    throw new RangeError(
      `out of range: type ${type}, flags ${flags}, sequence number ${sequence}, port id ${portId}`,
    )
  putU32(bytes, length, start)
  putU16(bytes, type, start + 4)
  putU16(bytes, flags, start + 6)
  putU32(bytes, sequence, start + 8)
  putU32(bytes, portId, start + 12)
  let offset = start + NLMSG_HDRLEN
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  const end = start + align(length)
  while (offset < end) bytes[offset++] = 0
}

/**
 * One received message: the values of its header, and a view of its payload in the datagram. All of it is in
 * own properties, so that messages that differ in a byte differ when objects are compared or printed.
 */
export class Message {
  /** nlmsg_len: header and payload, without padding. */
  readonly length: number
  /** nlmsg_type */
  readonly type: number
  /** nlmsg_flags */
  readonly flags: number
  /** nlmsg_seq */
  readonly sequence: number
  /** nlmsg_pid: in an answer the port id of the requester. */
  readonly portId: number
  /** The bytes after the header: a view. */
  readonly payload: Buffer

  /**
   * @param bytes at least a header from `start` on; the message has nlmsg_len bytes
   * @throws MalformedError when nlmsg_len is under 16 or past `end`
   */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    const buffer = asBuffer(bytes)
    const rest = end - start
    if (rest < NLMSG_HDRLEN)
      throw new MalformedError(
        rest === 0
          ? 'no bytes at all, where a message begins'
          : `${rest} bytes are less than a message's header`,
        0,
      )
    const length = readU32(buffer, start)
    if (length < NLMSG_HDRLEN || length > rest)
      throw new MalformedError(`a message of ${length} bytes where ${rest} are left`, 0)
    this.length = length
    this.type = readU16(buffer, start + 4)
    this.flags = readU16(buffer, start + 6)
    this.sequence = readU32(buffer, start + 8)
    this.portId = readU32(buffer, start + 12)
    this.payload = buffer.subarray(start + NLMSG_HDRLEN, start + length)
  }

  /** Header and payload, nlmsg_len bytes: a new view at each call. */
  get bytes(): Buffer {
    const { buffer, byteOffset } = this.payload
    return Buffer.from(buffer, byteOffset - NLMSG_HDRLEN, this.length)
  }

  /** Whether it acknowledges a request: NLMSG_ERROR with the error 0. Does not parse the message. */
  get isAcknowledgement(): boolean {
    // the request's header, or nothing, follows the error
    const { length } = this.payload
    if (this.type !== NLMSG_ERROR || (length !== 4 && length < 4 + NLMSG_HDRLEN)) return false
    return readU32(this.payload, 0) === 0
  }

  /**
   * The attributes of the payload, after a family's fixed header of `skip` bytes (4 for generic netlink).
   * Offsets count from the message's first byte, as in extended acknowledgements.
   * @throws MalformedError
   */
  attributes(skip = 0): Attribute[] {
    const { payload } = this
    if (payload.length < skip)
      throw new MalformedError(`a payload shorter than its family's header of ${skip} bytes`, NLMSG_HDRLEN)
    return parseAttributesAt(payload, align(skip), payload.length, -NLMSG_HDRLEN)
  }

  /** As diffs, snapshots and JSON show it: bytes in hexadecimal. */
  toJSON(): object {
    return { ...this, payload: hexWords(this.payload) }
  }
}

/**
 * The messages of a datagram, in order, or of its bytes from `start` to `end`. The padding of the last one
 * may be missing, as some families leave it out.
 * @throws MalformedError when nlmsg_len is under 16 or past the end, or stray bytes are left over
 */
export function parseMessages(bytes: Uint8Array, start = 0, end = bytes.length): Message[] {
  const { messages, malformed } = parseLeading(bytes, start, end)
  if (malformed) throw malformed
  return messages
}

/** The messages of a datagram up to the first malformed one, and what is wrong with that. */
export function parseLeading(
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
): { readonly messages: Message[]; readonly malformed: MalformedError | undefined } {
  const buffer = asBuffer(bytes)
  const messages: Message[] = []
  for (let offset = start; offset < end; ) {
    try {
      const message = new Message(buffer, offset, end)
      messages.push(message)
      offset += align(message.length)
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      const isFirst = offset === start
      return { messages, malformed: isFirst ? error : error.inMessage(messages.length + 1, offset - start) }
    }
  }
  return { messages, malformed: undefined }
}
