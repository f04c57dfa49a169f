// SPDX-License-Identifier: MIT
/**
 * Any messages as text, malformed ones too, for traces and for debugging; with names where a schema is known.
 *
 *     RTM_NEWLINK: 96 bytes, flags MULTI, seq 7, pid 4711
 *       family 0, type 772, index 1, flags 73, change 0
 *       ifname: "lo"
 *       linkinfo:
 *         kind: "veth"
 *       99: 01 00 00 00 (1)
 */
import { type Attribute, parseAttributes } from '../codec/attribute.ts'
import { attributePaths } from '../codec/attribute-path.ts'
import {
  NETLINK_GENERIC,
  NLA_HDRLEN,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
  NLMSG_MIN_TYPE,
  NLMSG_NOOP,
  NLMSG_OVERRUN,
} from '../codec/constants.ts'
import { errnoName } from '../codec/errno.ts'
import { type ExtendedAck, parseAnswer, parseDone } from '../codec/error-message.ts'
import { MalformedError } from '../codec/errors.ts'
import { align, asBuffer, isLittleEndian } from '../codec/integers.ts'
import type { KernelError } from '../codec/kernel-error.ts'
import { Message, parseLeading } from '../codec/message.ts'
import { ArrayView, type Nest } from '../codec/value.ts'
import type { TraceEvent } from '../socket/options.ts'
import { type KnownMessage, knownMessage } from './known-messages.ts'

/** How messages are recognised. */
export interface FormatOptions {
  /** NETLINK_ROUTE, NETLINK_GENERIC ... : selects this library's own schemas. */
  readonly protocol?: number
  /** Names and schemas of the caller's own messages; where it returns undefined, `protocol` decides. */
  readonly describe?: (message: Message) => KnownMessage | undefined
}

const commonFlags: readonly [number, string][] = [
  [0x01, 'REQUEST'],
  [0x02, 'MULTI'],
  [0x04, 'ACK'],
  [0x08, 'ECHO'],
  [0x10, 'DUMP_INTR'],
  [0x20, 'DUMP_FILTERED'],
]
const answerFlags: readonly [number, string][] = [
  [NLM_F_CAPPED, 'CAPPED'],
  [NLM_F_ACK_TLVS, 'ACK_TLVS'],
]
/** include/uapi/linux/netlink.h: of 0x100 and above each kind of request has its own. */
const kindFlags: Readonly<Record<string, readonly [number, string][]>> = {
  RTM_GET: [
    [NLM_F_DUMP, 'DUMP'],
    [0x100, 'ROOT'],
    [0x200, 'MATCH'],
    [0x400, 'ATOMIC'],
  ],
  RTM_NEW: [
    [0x100, 'REPLACE'],
    [0x200, 'EXCL'],
    [0x400, 'CREATE'],
    [0x800, 'APPEND'],
  ],
  RTM_DEL: [
    [0x100, 'NONREC'],
    [0x200, 'BULK'],
  ],
}
const ownTypes: Readonly<Record<number, string>> = {
  [NLMSG_NOOP]: 'NLMSG_NOOP',
  [NLMSG_ERROR]: 'NLMSG_ERROR',
  [NLMSG_DONE]: 'NLMSG_DONE',
  [NLMSG_OVERRUN]: 'NLMSG_OVERRUN',
}

/** Bytes that are printed; the rest is cut. */
const MOST_BYTES = 64
/** Unknown nests are printed as bytes below this depth. */
const DEEPEST = 16

/** One message as lines of text. Never throws: malformed parts are shown as bytes, with the reason. */
export function formatMessage(message: Message, options: FormatOptions = {}): string {
  const known = describe(message, options)
  const lines = [headline(message, known, options.protocol)]
  try {
    if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) formatAnswer(message, options, lines)
    else formatPayload(message, known, lines)
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    lines.push(`  malformed, ${error.message}: ${hex(message.payload)}`)
  }
  return lines.join('\n')
}

/** All messages of a datagram, or of any bytes. Never throws, as {@link formatMessage}. */
export function formatDatagram(
  datagram: Uint8Array | { readonly bytes: Uint8Array },
  options: FormatOptions = {},
): string {
  const bytes = asBuffer('bytes' in datagram ? datagram.bytes : datagram)
  const { messages, malformed } = parseLeading(bytes)
  const lines = messages.map(message => formatMessage(message, options))
  if (malformed) lines.push(formatMalformed(malformed, messages, bytes))
  return lines.join('\n')
}

/** What follows the readable messages of a datagram, with the reason why it is none. */
function formatMalformed(malformed: MalformedError, before: readonly Message[], bytes: Uint8Array): string {
  const read = before.reduce((sum, { length }) => sum + align(length), 0)
  return `malformed, ${malformed.message}: ${hex(asBuffer(bytes).subarray(read))}`
}

/** An error with the kernel's answer, and below it the request as far as the kernel echoed it. */
export function formatError(error: KernelError, options: FormatOptions = {}): string {
  const { answer } = error
  return `${error.message}\n${indent(formatMessage(answer.message, options))}`
}

/**
 * A trace in readable form, for {@link SocketOptions.trace}.
 *
 *     Socket.open(NETLINK_ROUTE, { trace: traceTo(text => console.error(text), { protocol: NETLINK_ROUTE }) })
 */
export function traceTo(
  write: (text: string) => void,
  options: FormatOptions = {},
): (event: TraceEvent) => void {
  return ({ direction, bytes, portId }) => {
    const whom = `${direction === 'sent' ? 'to' : 'from'} ${portId === 0 ? 'the kernel' : `port ${portId}`}`
    write(`${direction} ${whom}, ${bytes.length} bytes\n${indent(formatDatagram(bytes, options))}`)
  }
}

function describe(message: Message, { protocol, describe }: FormatOptions): KnownMessage | undefined {
  if (message.type < NLMSG_MIN_TYPE) return undefined
  return describe?.(message) ?? knownMessage(protocol, message)
}

function headline(message: Message, known: KnownMessage | undefined, protocol: number | undefined): string {
  const { type, flags, sequence, portId, length } = message
  const name = known?.name ?? ownTypes[type] ?? `type ${type}`
  const isAnswer = type === NLMSG_ERROR || type === NLMSG_DONE
  const isGenericRequest = protocol === NETLINK_GENERIC && (flags & NLM_F_REQUEST) !== 0
  // Of generic netlink only this pair has a meaning for the kernel: genl_family_rcv_msg().
  const own = isGenericRequest ? [[NLM_F_DUMP, 'DUMP'] as const] : (kindFlags[name.slice(0, 7)] ?? [])
  const names = [...commonFlags, ...(isAnswer ? answerFlags : own)]
  return `${name}: ${length} bytes, flags ${formatBits(flags, names)}, seq ${sequence}, pid ${portId}`
}

function formatBits(value: number, names: readonly (readonly [number, string])[]): string {
  const parts: string[] = []
  let rest = value
  for (const [bits, name] of names) {
    if ((rest & bits) !== bits) continue
    parts.push(name)
    rest &= ~bits
  }
  if (rest !== 0 || parts.length === 0) parts.push(rest === 0 ? '0' : `0x${rest.toString(16)}`)
  return parts.join('|')
}

/** As JSON, and without the control characters that it leaves: C1, and those that change the direction of text. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function formatAnswer(message: Message, options: FormatOptions, lines: string[]): void {
  const isDone = message.type === NLMSG_DONE
  const { errno, extendedAck, request, isCapped } = isDone
    ? parseDone(message, Buffer.alloc(0))
    : parseAnswer(message)
  lines.push(`  ${errno === 0 ? (isDone ? 'no error' : 'acknowledgement') : errnoName(errno)}`)
  let paths = {}
  let echoed: Message | undefined
  if (request.length >= NLMSG_HDRLEN && !isCapped && errno !== 0) {
    echoed = new Message(request)
    const schema = describe(echoed, options)?.schema
    if (schema !== undefined) paths = attributePaths(request, extendedAck, schema)
  }
  formatExtendedAck(extendedAck, paths, lines)
  if (echoed !== undefined) lines.push('  request:', indent(indent(formatMessage(echoed, options))))
}

function formatExtendedAck(
  { message, offset, cookie, policy, missingType, missingNest }: ExtendedAck,
  paths: { attribute?: string; missing?: string },
  lines: string[],
): void {
  const named = (number: number, path: string | undefined) =>
    path === undefined ? `${number}` : `${number} (${path})`
  if (message !== undefined) lines.push(`  message: ${quoted(message)}`)
  if (offset !== undefined) lines.push(`  attribute at offset: ${named(offset, paths.attribute)}`)
  if (missingType !== undefined) lines.push(`  missing attribute: ${named(missingType, paths.missing)}`)
  if (missingNest !== undefined) lines.push(`  missing in the nest at offset: ${missingNest}`)
  if (policy !== undefined) lines.push(`  policy: ${formatValue(policy)}`)
  if (cookie !== undefined) lines.push(`  cookie: ${hex(cookie)}`)
}

function formatPayload(message: Message, known: KnownMessage | undefined, lines: string[]): void {
  const { bytes, payload } = message
  if (payload.length === 0) return
  if (known?.schema === undefined) {
    formatUnknown(payload, lines)
    return
  }
  const { header, attributes } = known.schema
  if (payload.length < header.size)
    throw new MalformedError(`a payload shorter than its header of ${header.size} bytes`, NLMSG_HDRLEN)
  if (header.size > 0) lines.push(`  ${formatValue(header.get(bytes, NLMSG_HDRLEN))}`)
  const start = Math.min(NLMSG_HDRLEN + align(header.size), bytes.length)
  formatAttributes({ set: attributes, skip: 0 }, bytes, start, bytes.length, '  ', lines)
}

/**
 * Attributes if the bytes parse as such, with or without a generic netlink header before them; else bytes.
 */
function formatUnknown(payload: Buffer, lines: string[]): void {
  for (const skip of [0, 4]) {
    const attributes = payload.length > skip ? attempt(() => parseAttributes(payload, skip)) : undefined
    if (attributes === undefined || attributes.some(a => a.type === 0)) continue
    if (skip > 0) lines.push(`  header: ${hex(payload.subarray(0, skip))}`)
    formatAttributes(undefined, payload, skip, payload.length, '  ', lines)
    return
  }
  lines.push(`  ${hex(payload)}`)
}

function formatAttributes(
  nest: Nest | undefined,
  bytes: Buffer,
  start: number,
  end: number,
  margin: string,
  lines: string[],
): void {
  const attributes = attempt(() => parseAttributes(bytes.subarray(0, end), start))
  if (attributes === undefined) {
    lines.push(`${margin}malformed: ${hex(bytes.subarray(start, end))}`)
    return
  }
  const siblings: Record<string, unknown> = {}
  for (const attribute of attributes) {
    const field = nest?.indexed ? undefined : nest?.set.field(attribute.type)
    const name = nest?.indexed ? `[${attribute.type}]` : (field?.name ?? `${attribute.type}`)
    const from = attribute.offset + NLA_HDRLEN
    const to = from + attribute.length
    const inner = nest?.indexed ? { set: nest.set, skip: nest.skip } : field?.value.nest?.(siblings)
    if (inner !== undefined) {
      lines.push(`${margin}${name}:`)
      const skip = inner.indexed ? 0 : Math.min(inner.skip, attribute.length)
      if (skip > 0) lines.push(`${margin}  ${formatHeader(inner, bytes, from, skip)}`)
      formatAttributes(inner, bytes, from + skip, to, `${margin}  `, lines)
    } else if (field !== undefined) {
      if (field.value.ignored === true) continue
      const value = attempt(() => field.value.read(bytes, from, to, siblings))
      siblings[field.name] = value
      const text = value === undefined ? `malformed: ${hex(attribute.payload)}` : formatValue(value)
      lines.push(`${margin}${name}: ${text}`)
    } else {
      formatUnknownAttribute(attribute, name, bytes, margin, lines)
    }
  }
}

function formatHeader({ header }: Nest, bytes: Buffer, from: number, length: number): string {
  return header === undefined || length < header.size
    ? `header: ${hex(bytes.subarray(from, from + length))}`
    : formatValue(header.get(bytes, from))
}

function formatUnknownAttribute(
  attribute: Attribute,
  name: string,
  bytes: Buffer,
  margin: string,
  lines: string[],
): void {
  const from = attribute.offset + NLA_HDRLEN
  const isNest = attribute.isNested && margin.length < 2 * DEEPEST
  if (isNest && attempt(() => attribute.attributes()) !== undefined) {
    lines.push(`${margin}${name}:`)
    formatAttributes(undefined, bytes, from, from + attribute.length, `${margin}  `, lines)
  } else {
    lines.push(`${margin}${name}: ${hex(attribute.payload)}${printable(attribute.payload)}`)
  }
}

function formatValue(value: unknown): string {
  if (typeof value === 'string') return quoted(value)
  if (value instanceof Uint8Array) return hex(value)
  if (Array.isArray(value) || value instanceof ArrayView)
    return `[${Array.from(value, formatValue).join(', ')}]`
  if (value instanceof Map) return `{${Array.from(value, ([k, v]) => `${k}: ${formatValue(v)}`).join(', ')}}`
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(
        ([name, inner]) =>
          `${name} ${typeof inner === 'object' ? `{${formatValue(inner)}}` : formatValue(inner)}`,
      )
      .join(', ')
  return String(value)
}

function hex(bytes: Uint8Array): string {
  const shown = Array.from(bytes.subarray(0, MOST_BYTES), byte => byte.toString(16).padStart(2, '0')).join(
    ' ',
  )
  if (bytes.length === 0) return '(empty)'
  return bytes.length > MOST_BYTES ? `${shown} ... (${bytes.length} bytes)` : shown
}

/** Bytes that look like text mostly are. */
function printable(bytes: Buffer): string {
  if ([1, 2, 4].includes(bytes.length) && !/^[\x20-\x7e]+\0$/.test(bytes.toString('latin1')))
    return ` (${isLittleEndian ? bytes.readUIntLE(0, bytes.length) : bytes.readUIntBE(0, bytes.length)})`
  const text = bytes.toString('latin1', 0, bytes.at(-1) === 0 ? bytes.length - 1 : bytes.length)
  return text.length > 1 && text.length <= MOST_BYTES && /^[\x20-\x7e]+$/.test(text) ? ` ${quoted(text)}` : ''
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ')
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch (error) {
    if (error instanceof MalformedError) return undefined
    throw error
  }
}
