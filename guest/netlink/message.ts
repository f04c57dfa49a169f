/** Messages: struct nlmsghdr of include/uapi/linux/netlink.h and what follows it, padded to four bytes. */
import { type Attribute, parseAttributes } from './attribute.ts'
import { NLMSG_HDRLEN } from './constants.ts'
import { MalformedError } from './errors.ts'
import { align, asBuffer, readU16, readU32, writeU16, writeU32 } from './integers.ts'

/** The fields of a struct nlmsghdr that a sender chooses. */
export interface MessageHeader {
  /** nlmsg_type: below 16 netlink's own, from 16 on the family's. */
  readonly type: number
  /** nlmsg_flags: NLM_F_REQUEST and so on, nothing by default. */
  readonly flags?: number
  /** nlmsg_seq: the sequence number, mirrored in the answer; 0 by default. */
  readonly sequence?: number
  /** nlmsg_pid: the sender's port id as the sender claims it, 0 by default; the kernel goes by the socket's. */
  readonly portId?: number
}

/**
 * One message: the header, then the parts one after the other, then zeros up to a multiple of four (not counted in
 * nlmsg_len). Parts are bytes: a family's fixed header, attributes as made by `attr`.
 */
export function encodeMessage(header: MessageHeader, ...parts: readonly Uint8Array[]): Buffer {
  let length = NLMSG_HDRLEN
  for (const part of parts) length += part.length
  const bytes = Buffer.allocUnsafe(align(length))
  writeU32(bytes, length, 0)
  writeU16(bytes, header.type, 4)
  writeU16(bytes, header.flags ?? 0, 6)
  writeU32(bytes, header.sequence ?? 0, 8)
  writeU32(bytes, header.portId ?? 0, 12)
  let offset = NLMSG_HDRLEN
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  if (offset !== bytes.length) bytes.fill(0, offset)
  return bytes
}

/** One received message: a view of the datagram it came in, read where it lies. */
export class Message {
  /** Header and payload, nlmsg_len bytes. */
  readonly bytes: Buffer

  /**
   * @param bytes at least one header; what counts is nlmsg_len
   * @throws MalformedError when nlmsg_len is under a header's 16 bytes or over `bytes`
   */
  constructor(bytes: Uint8Array) {
    const buffer = asBuffer(bytes)
    if (buffer.length < NLMSG_HDRLEN)
      throw new MalformedError(`${buffer.length} bytes are less than a message's header`, 0)
    const length = readU32(buffer, 0)
    if (length < NLMSG_HDRLEN || length > buffer.length)
      throw new MalformedError(`a message of ${length} bytes where ${buffer.length} are left`, 0)
    this.bytes = length === buffer.length ? buffer : buffer.subarray(0, length)
  }

  /** nlmsg_len: header and payload, without padding. */
  get length(): number {
    return this.bytes.length
  }
  /** nlmsg_type */
  get type(): number {
    return readU16(this.bytes, 4)
  }
  /** nlmsg_flags */
  get flags(): number {
    return readU16(this.bytes, 6)
  }
  /** nlmsg_seq */
  get sequence(): number {
    return readU32(this.bytes, 8)
  }
  /** nlmsg_pid: in an answer the port id of the requester. */
  get portId(): number {
    return readU32(this.bytes, 12)
  }
  /** All after the header: a view. */
  get payload(): Buffer {
    return this.bytes.subarray(NLMSG_HDRLEN)
  }

  /**
   * The attributes of the payload, after a family's fixed header of `skip` bytes (4 for generic netlink). Their offsets
   * count from the message's first byte, as those of extended acknowledgements do.
   * @throws MalformedError
   */
  attributes(skip = 0): Attribute[] {
    if (this.bytes.length < NLMSG_HDRLEN + skip)
      throw new MalformedError(`a payload shorter than its family's header of ${skip} bytes`, NLMSG_HDRLEN)
    return parseAttributes(this.bytes, NLMSG_HDRLEN + align(skip))
  }
}

/**
 * The messages of a datagram, in their order. The last one's padding may be missing, as in what some families send.
 * @throws MalformedError when nlmsg_len is under 16 or past the end, or stray bytes are left over
 */
export function parseMessages(bytes: Uint8Array): Message[] {
  const buffer = asBuffer(bytes)
  const messages: Message[] = []
  for (let offset = 0; offset < buffer.length; ) {
    let message: Message
    try {
      message = new Message(offset === 0 ? buffer : buffer.subarray(offset))
    } catch (error) {
      throw error instanceof MalformedError && offset > 0
        ? new MalformedError(`message ${messages.length} of the datagram: ${error.message}`, offset)
        : error
    }
    messages.push(message)
    offset += align(message.length)
  }
  return messages
}
