// SPDX-License-Identifier: MIT
/**
 * Datagrams as values that tests compare and people read, and the answers that the kernel itself composes.
 */
import {
  type AttributePolicy,
  attr,
  Datagram,
  encodeMessage,
  encodePolicy,
  errnoName,
  errnoNumber,
  isAnswer,
  MalformedError,
  type Message,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
  parseAnswer,
} from '../netlink/index.ts'
import { requireBuiltIns } from './built-ins.ts'

/** One whole message: header, payload as hex, and the error of an NLMSG_ERROR in words. */
export interface WireMessage {
  /** nlmsg_len: bytes of header and payload. */
  readonly length: number
  /** nlmsg_type */
  readonly type: number
  /** nlmsg_flags, in hex: '0x5'. */
  readonly flags: string
  /** nlmsg_seq */
  readonly sequence: number
  /** nlmsg_pid */
  readonly portId: number
  /** The bytes after the header, as hex in words of four bytes. */
  readonly payload: string
  /** 'EINVAL: the reason', for the reader; `payload` has the same in bytes. */
  readonly error?: string
}

/** One datagram: its sender and its content. */
export interface WireDatagram {
  /** The sender's port id: 0 is the kernel. */
  readonly from: number
  /** The mask of the group that it was sent to; 0 if unicast. */
  readonly groups: number
  /** Bytes, with padding. */
  readonly size: number
  /** The messages in it; empty if the bytes are no messages. */
  readonly messages: readonly WireMessage[]
  /** All of it as hex, if the bytes are no messages or the padding is not zero. */
  readonly bytes?: string
}

/**
 * A datagram as a value to compare: a received one, or an expected one, made of its bytes, sender and group
 * (by default unicast from the kernel). The group is given by its number, or as the mask that receivers see.
 */
export function wire(
  datagram: Datagram | Uint8Array,
  { from = 0, group, groups = maskOf(group) }: { from?: number; group?: number; groups?: number } = {},
): WireDatagram {
  requireBuiltIns()
  return datagram instanceof Datagram ? received(datagram) : composed(datagram, from, groups)
}

/** As netlink_group_mask() of net/netlink/af_netlink.c: groups above 32 have no bit. */
function maskOf(group = 0): number {
  return group >= 1 && group <= 32 ? (1 << (group - 1)) >>> 0 : 0
}

/** An expected datagram. */
function composed(bytes: Uint8Array, from = 0, groups = 0): WireDatagram {
  return received(new Datagram(Buffer.from(bytes), from, groups, bytes.length))
}

/** Whether it is a value that {@link wire} made, or one like it. */
export function isWireDatagram(value: unknown): value is WireDatagram {
  if (typeof value !== 'object' || value === null) return false
  const { from, groups, size, messages } = value as Partial<Record<keyof WireDatagram, unknown>>
  return [from, groups, size].every(each => typeof each === 'number') && Array.isArray(messages)
}

/** The bytes that {@link wire} had. */
export function wireBytes({ bytes, messages, size }: WireDatagram): Buffer {
  if (bytes !== undefined) return Buffer.from(bytes.replaceAll(' ', ''), 'hex')
  const all = messages.map(({ type, flags, sequence, portId, payload }) =>
    encodeMessage(
      { type, flags: Number(flags), sequence, portId },
      Buffer.from(payload.replaceAll(' ', ''), 'hex'),
    ),
  )
  // The last one may end without padding.
  return Buffer.concat(all).subarray(0, size)
}

/** A received datagram; the caller has checked the built-ins. */
export function received(datagram: Datagram): WireDatagram {
  const { bytes, portId, groups, length } = datagram
  const key = `${portId} ${groups} ${length} ${bytes.toString('latin1')}`
  const known = recent.get(key)
  if (known !== undefined) return known
  // the result is kept for other tests
  requireBuiltIns()
  const made = Object.freeze(wireDatagram(datagram))
  if (recent.size === RECENT) recent.clear()
  recent.set(key, made)
  return made
}

/**
 * The last values, by their content. Received datagrams are mostly the expected ones: as the same object they
 * compare at once (docs/measurements.md, Comparisons in suites). Frozen, because several tests share
 * them.
 */
const recent = new Map<string, WireDatagram>()
const RECENT = 64

function wireDatagram(received: Datagram): WireDatagram {
  const { bytes, portId, groups, length } = received
  const result = { from: portId, groups, size: length }
  try {
    const messages = received.messages()
    return {
      ...result,
      messages: Object.freeze(messages.map(wireMessage)),
      ...(isZero(paddingOf(bytes, messages)) ? {} : { bytes: spaced(bytes) }),
    }
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    return { ...result, messages: Object.freeze([]), bytes: spaced(bytes) }
  }
}

function wireMessage(message: Message): WireMessage {
  const { length, type, flags, sequence, portId, payload } = message
  const error = isAnswer(message) ? errorText(message) : undefined
  return Object.freeze({
    length,
    type,
    flags: `0x${flags.toString(16)}`,
    sequence,
    portId,
    payload: spaced(payload),
    ...(error === undefined ? {} : { error }),
  })
}

function errorText(message: Message): string {
  try {
    const { errno, extendedAck } = parseAnswer(message)
    const { message: reason, offset, policy } = extendedAck
    return [
      errno === 0 ? 'acknowledged' : errnoName(errno),
      ...(reason === undefined ? [] : [reason]),
      ...(offset === undefined ? [] : [`offset ${offset}`]),
      ...(policy === undefined ? [] : [`policy ${policy.type} ${policy.minimum}..${policy.maximum}`]),
    ].join(', ')
  } catch (error) {
    if (error instanceof MalformedError) return `malformed: ${error.message}`
    throw error
  }
}

/** The bytes between messages and after the last. */
function paddingOf(bytes: Buffer, messages: readonly Message[]): Buffer {
  const padding: Buffer[] = []
  let offset = 0
  for (const { length } of messages) {
    const end = offset + length
    offset = Math.min((end + 3) & ~3, bytes.length)
    padding.push(bytes.subarray(end, offset))
  }
  return Buffer.concat(padding)
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every(byte => byte === 0)
}

/** Hex in words of four bytes, as netlink aligns everything. */
function spaced(bytes: Buffer): string {
  return bytes.toString('hex').replace(/.{8}(?=.)/g, '$& ')
}

/** The sequence number in a request's bytes. */
function sequenceOf(request: Uint8Array): number {
  return new DataView(request.buffer, request.byteOffset).getUint32(8, true)
}

/** The acknowledgement of a request: the kernel composes it (netlink_ack() of net/netlink/af_netlink.c). */
export function acknowledgement(request: Uint8Array, to: { portId: number }): WireDatagram {
  return composed(acknowledgementBytes(request, to))
}

/** The bytes of {@link acknowledgement}. */
export function acknowledgementBytes(request: Uint8Array, to: { portId: number }): Buffer {
  return encodeMessage(
    { type: NLMSG_ERROR, flags: NLM_F_CAPPED, sequence: sequenceOf(request), portId: to.portId },
    errorNumber(0),
    request.subarray(0, NLMSG_HDRLEN),
  )
}

/** The kernel's reason for a refusal, for a socket with NETLINK_EXT_ACK. */
export interface Reason {
  /** In words: NLMSGERR_ATTR_MSG. */
  message: string
  /** The attribute's offset from the start of the request. */
  offset?: number
  /** The attribute's policy: any, or an unsigned integer, by NL_ATTR_TYPE_* and range. */
  policy?: AttributePolicy | { type: number; minimum: bigint; maximum: bigint }
}

/**
 * The refusal of a request: it echoes the whole request, with NETLINK_CAP_ACK only its header, and with
 * NETLINK_EXT_ACK has the reason, in the order of netlink_ack() and net/netlink/policy.c in all kernels.
 */
export function refusal(
  request: Uint8Array,
  to: { portId: number },
  code: string,
  { capped = false, reason }: { capped?: boolean; reason?: Reason } = {},
): WireDatagram {
  const echoed = capped ? request.subarray(0, NLMSG_HDRLEN) : request
  return composed(
    encodeMessage(
      {
        type: NLMSG_ERROR,
        flags: (capped ? NLM_F_CAPPED : 0) | (reason === undefined ? 0 : NLM_F_ACK_TLVS),
        sequence: sequenceOf(request),
        portId: to.portId,
      },
      errorNumber(-errnoNumber(code)),
      echoed,
      ...(reason === undefined ? [] : [Buffer.alloc(-echoed.length & 3), ...reasonAttributes(reason)]),
    ),
  )
}

function reasonAttributes({ message, offset, policy }: Reason): Buffer[] {
  return [
    attr.string(1, message),
    ...(offset === undefined ? [] : [attr.u32(2, offset)]),
    ...(policy === undefined ? [] : [attr.nested(4, ...policyAttributes(policy))]),
  ]
}

function policyAttributes(policy: NonNullable<Reason['policy']>): Buffer[] {
  if (!isByNumber(policy)) return encodePolicy(policy)
  return [attr.u64(4, policy.minimum), attr.u64(5, policy.maximum), attr.u32(1, policy.type)]
}

function isByNumber(
  policy: NonNullable<Reason['policy']>,
): policy is Extract<typeof policy, { type: number }> {
  return typeof policy.type === 'number'
}

function errorNumber(error: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(error)
  return bytes
}
