// SPDX-License-Identifier: MIT
/**
 * NLMSG_ERROR messages, which are acknowledgements too: struct nlmsgerr of include/uapi/linux/netlink.h, and
 * the attributes of enum nlmsgerr_attrs, called the extended acknowledgement.
 */
import { type Attribute, parseAttributes } from './attribute.ts'
import { NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSG_ERROR, NLMSG_HDRLEN } from './constants.ts'
import { MalformedError } from './errors.ts'
import { align, readS32, readU32 } from './integers.ts'
import type { Message } from './message.ts'
import { type AttributePolicy, parsePolicy } from './policy.ts'

const NLMSGERR_ATTR_MSG = 1
const NLMSGERR_ATTR_OFFS = 2
const NLMSGERR_ATTR_COOKIE = 3
const NLMSGERR_ATTR_POLICY = 4
const NLMSGERR_ATTR_MISS_TYPE = 5
const NLMSGERR_ATTR_MISS_NEST = 6

/** Bytes of a struct nlmsgerr without the request's header: the error itself. */
const ERROR_LENGTH = 4

/** The kernel's details of an answer, to a socket with NETLINK_EXT_ACK. Those it did not send are absent. */
export interface ExtendedAck {
  /** The reason in words; with an errno of 0 a warning. */
  message?: string
  /** Of the offending attribute, in bytes from the start of the request's header. */
  offset?: number
  /** Defined by the family: identifies a created object, for instance. */
  cookie?: Buffer
  /** What would have been accepted. */
  policy?: AttributePolicy
  /** The type of a missing attribute (kernels from 6.1 on). */
  missingType?: number
  /** The offset of the nest that it is missing in, absent at the top level. */
  missingNest?: number
  /** All attributes as they came, with those that this library does not know. */
  attributes: readonly Attribute[]
}

/** A parsed NLMSG_ERROR message. */
export interface KernelAnswer {
  /** 0 for an acknowledgement, else the errno, positive. */
  readonly errno: number
  /**
   * The request as the kernel echoes it: all of it, or with `isCapped` its header (16 bytes) or nothing. A
   * view.
   */
  readonly request: Buffer
  /** NLM_F_CAPPED: the request's payload is left out, as in all acknowledgements and with NETLINK_CAP_ACK. */
  readonly isCapped: boolean
  /** The kernel's details; empty without NETLINK_EXT_ACK. */
  readonly extendedAck: ExtendedAck
  /** The message itself, as it came. */
  readonly message: Message
}

/** Whether the message is an NLMSG_ERROR: an error or an acknowledgement. */
export function isAnswer(message: Message): boolean {
  return message.type === NLMSG_ERROR
}

/**
 * Parses an NLMSG_ERROR message.
 * @throws MalformedError when it is none, or is cut short
 */
export function parseAnswer(message: Message): KernelAnswer {
  const { bytes, flags } = message
  if (!isAnswer(message)) throw new MalformedError(`a message of type ${message.type}, not NLMSG_ERROR`, 4)
  const start = NLMSG_HDRLEN + ERROR_LENGTH
  // kernels before 2.4 and some processes leave out the request with its header
  const isBare = bytes.length === start
  if (bytes.length < start + NLMSG_HDRLEN && !isBare)
    throw new MalformedError(`an NLMSG_ERROR of ${bytes.length} bytes`, 0)

  const error = readS32(bytes, NLMSG_HDRLEN)
  if (error > 0) throw new MalformedError(`an NLMSG_ERROR with the positive error ${error}`, NLMSG_HDRLEN)

  // An acknowledgement has only the header, though kernels before 4.12 do not set NLM_F_CAPPED.
  const isCapped = (flags & NLM_F_CAPPED) !== 0 || isBare
  const echoed = isBare ? 0 : isCapped || error === 0 ? NLMSG_HDRLEN : readU32(bytes, start)
  const end = start + echoed
  if ((echoed < NLMSG_HDRLEN && !isBare) || end > bytes.length)
    throw new MalformedError(
      `an NLMSG_ERROR of ${bytes.length} bytes about a request of ${echoed} bytes`,
      start,
    )

  const attributes = (flags & NLM_F_ACK_TLVS) === 0 ? [] : parseAttributes(bytes, align(end))
  return {
    errno: error === 0 ? 0 : -error,
    request: bytes.subarray(start, end),
    isCapped,
    extendedAck: parseExtendedAck(attributes),
    message,
  }
}

/**
 * The end of a dump, NLMSG_DONE, as an answer to its request: an errno, and an extended acknowledgement if
 * the kernel sent one. No errno means success.
 * @throws MalformedError
 */
export function parseDone(message: Message, request: Buffer): KernelAnswer {
  const { bytes, flags } = message
  const start = NLMSG_HDRLEN + ERROR_LENGTH
  const error = bytes.length < start ? 0 : readS32(bytes, NLMSG_HDRLEN)
  const attributes =
    (flags & NLM_F_ACK_TLVS) === 0 || bytes.length < start ? [] : parseAttributes(bytes, start)
  return {
    // on success some families put a count there
    errno: error < 0 ? -error : 0,
    request,
    isCapped: false,
    extendedAck: parseExtendedAck(attributes),
    message,
  }
}

function parseExtendedAck(attributes: readonly Attribute[]): ExtendedAck {
  const extendedAck: ExtendedAck = { attributes }
  for (const attribute of attributes) {
    switch (attribute.type) {
      case NLMSGERR_ATTR_MSG:
        extendedAck.message = attribute.string()
        break
      case NLMSGERR_ATTR_OFFS:
        extendedAck.offset = attribute.u32()
        break
      case NLMSGERR_ATTR_COOKIE:
        extendedAck.cookie = attribute.payload
        break
      case NLMSGERR_ATTR_POLICY:
        extendedAck.policy = parsePolicy(attribute.attributes())
        break
      case NLMSGERR_ATTR_MISS_TYPE:
        extendedAck.missingType = attribute.u32()
        break
      case NLMSGERR_ATTR_MISS_NEST:
        extendedAck.missingNest = attribute.u32()
        break
    }
  }
  return extendedAck
}
