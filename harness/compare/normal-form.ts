// SPDX-License-Identifier: MIT
/** A conversation without what differs from run to run: port ids, sequence numbers, numbers of families. */
import { createHash } from 'node:crypto'
import type { TestRecord } from '../../guest/agent/protocol.ts'
import {
  formatMessage,
  GENL_HDRLEN,
  isAnswer,
  type KnownMessage,
  knownMessage,
  type Message,
  NETLINK_GENERIC,
  NLM_F_ACK,
  NLM_F_CAPPED,
  NLM_F_DUMP,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
  NLMSG_MIN_TYPE,
  parseAnswer,
  parseMessages,
} from '../../guest/netlink/index.ts'
import { isMarker } from '../../guest/testing/markers.ts'
import { groupOf } from '../../guest/testing/message-text.ts'
import { MOST_BYTES } from '../../guest/testing/record.ts'
import type { RecordedEvent, RecordedSocket } from '../../guest/testing/recorded.ts'
import { Listener } from '../../guest/testing/told.ts'
import { versionPart, withoutGenericHeader } from './generic-header.ts'
import { onlyCause, ReadWindows } from './read-windows.ts'
import {
  type Exchange,
  elsewhere,
  type NormalConversation,
  type NormalMessage,
  type Told,
} from './recorded.ts'

type Sent = Extract<RecordedEvent, { kind: 'sent' | 'failed' }>

/** Turns of sockets that are kept: of more nobody tells what a failed test has not read. */
const MOST_TURNS = 200

/** What a test has done, or waited for; sockets are left after it has failed, too. */
const happenings: ReadonlySet<RecordedEvent['kind']> = new Set(['sent', 'received', 'failed', 'waited'])

/** An exchange that more may come to. */
interface OpenExchange {
  readonly socket: RecordedSocket
  readonly event: Sent | undefined
  readonly sequences: ReadonlySet<number>
  readonly answers: NormalMessage[]
  datagrams: number
  /** When the first answer came. */
  answered?: number
  /** Whether it is a request that is answered in any case: NLM_F_ACK, or a dump. */
  readonly isAnswered: boolean
  /** Whether it is answered before the next one is looked at: with NLM_F_ACK, and no dump. */
  readonly isAtOnce: boolean
  /** Messages of the request that have no final answer yet: an acknowledgement, an error, the end of a dump. */
  open: number
  /** By whom. */
  readonly told: Map<string, Heard[]>
}

/** A notification. */
interface Heard {
  readonly message: NormalMessage
  /** What its listener has asked, if that has to do with it. */
  readonly before: OpenExchange | undefined
  /** Whether an answer to that has come before. */
  readonly isAnswered: boolean
  /** The request that it follows from, as far as is known. */
  readonly after: OpenExchange | undefined
}

/** The normal form of what was said in a test. */
export function normalForm(record: TestRecord): NormalConversation {
  return timedForm(record).conversation
}

/** The normal form, and milliseconds from requests to their first answers, by operation and answer. */
export function timedForm(record: TestRecord): {
  readonly conversation: NormalConversation
  readonly times: readonly (readonly [operation: string, took: number])[]
} {
  const normaliser = new Normaliser(record)
  return { conversation: normaliser.conversation(), times: normaliser.times() }
}

class Normaliser {
  readonly #record: TestRecord
  readonly #events: readonly RecordedEvent[]
  readonly #sockets: readonly RecordedSocket[]
  readonly #names = new Map<RecordedSocket, string>()
  readonly #exchanges: OpenExchange[] = []
  readonly #requests = new Map<Sent, Pick<Exchange, 'key' | 'operation' | 'request'>>()
  /** Sockets that have lost messages. */
  readonly #overflowed = new Set<RecordedSocket>()
  /** What came without a request, by socket. */
  readonly #unasked = new Map<RecordedSocket, OpenExchange>()
  readonly #windows = new ReadWindows<RecordedSocket>()

  constructor(record: TestRecord) {
    this.#record = record
    const listener = new Listener()
    const events = [...record.first, ...record.last].map(event => listener.event(event))
    this.#events = events
    const known = new Map(listener.sockets.map(socket => [socket.identity, socket]))
    this.#sockets = record.sockets.flatMap(({ identity }) => known.get(identity) ?? [])
    // Sockets that say nothing count, so that the others' names do not depend on what comes.
    for (const [index, { identity }] of record.sockets.entries()) {
      const socket = known.get(identity)
      if (socket) this.#names.set(socket, `socket ${index + 1}`)
    }
    for (const socket of listener.sockets)
      if (!this.#names.has(socket)) this.#names.set(socket, `socket of thread ${socket.thread ?? 0}`)
  }

  conversation(): NormalConversation {
    for (const event of this.#events) this.#add(event)
    const kept = this.#exchanges.filter(each => this.#isWhole(each) && !this.#isMixed(each))
    const all = [...kept, ...this.#unasked.values()]
    const awaited = this.#awaited && this.#names.get(this.#awaited)
    const turns = this.#turns
    return {
      exchanges: all.map(each => this.#closed(each, all)),
      missed: this.#record.missed,
      ...(awaited === undefined ? {} : { awaited }),
      ...(turns.length > MOST_TURNS ? {} : { turns }),
    }
  }

  /**
   * Of datagrams with one request: what is refused takes less time. What the same thread has sent before it took the
   * answer is in the time of that.
   */
  times(): (readonly [operation: string, took: number])[] {
    const byThread = Map.groupBy(this.#exchanges, ({ socket }) => socket.thread)
    return [...byThread.values()].flatMap(all =>
      all.flatMap(({ event, socket, sequences, answers, answered }, at) => {
        if (event?.kind !== 'sent' || sequences.size !== 1 || answered === undefined) return []
        const next = all[at + 1]?.event
        if (next && next.time < answered) return []
        const operation = `${this.#asked(event, socket).operation}: ${answers[0]?.what}`
        return [[operation, answered - event.time] as const]
      }),
    )
  }

  #add(event: RecordedEvent): void {
    if (event.kind === 'received' || event.kind === 'joined')
      this.#windows.read(event.socket, this.#exchanges.length)
    if (event.kind === 'sent') {
      if (!isMarker(event.bytes)) this.#open(event.socket, event)
    } else if (event.kind === 'failed') {
      if (event.call === 'recvmsg' && event.code === 'ENOBUFS') this.#overflowed.add(event.socket)
      const what = { what: `${event.call}: ${event.code}`, parts: [] }
      if (event.bytes !== undefined) {
        const opened = this.#open(event.socket, event)
        opened.answers.push(what)
        opened.open = 0 // The kernel has not got it.
      } else this.#unaskedOf(event.socket).answers.push(what)
    } else if (event.kind === 'received' && !isMarker(event.datagram.bytes)) this.#received(event)
  }

  /** Whether what is missing comes after all that is kept: then each request of an answer is. */
  get #isUnbroken(): boolean {
    return this.#record.missed === 0 || this.#record.last.length === 0
  }

  /** Where not all is kept, each socket's last answers may be missing, and any that must come and has not. */
  #isWhole(exchange: OpenExchange): boolean {
    if (this.#record.missed === 0) return true
    if (exchange.isAnswered && exchange.open > 0) return false
    return this.#exchanges.findLast(({ socket }) => socket === exchange.socket) !== exchange
  }

  /**
   * Whether answers may be another request's: a socket that has lost some has several requests with the same sequence
   * number.
   */
  #isMixed({ socket, sequences }: OpenExchange): boolean {
    if (!this.#overflowed.has(socket)) return false
    const own = this.#exchanges.filter(each => each.socket === socket)
    return own.filter(each => [...each.sequences].some(number => sequences.has(number))).length > 1
  }

  #open(socket: RecordedSocket, event: Sent): OpenExchange {
    const messages = messagesOf(beginningOf(event.bytes ?? new Uint8Array()))
    const opened = {
      isAnswered: messages?.every(({ flags }) => (flags & (NLM_F_ACK | NLM_F_DUMP)) !== 0) ?? false,
      isAtOnce: messages?.every(({ flags }) => (flags & (NLM_F_ACK | NLM_F_DUMP)) === NLM_F_ACK) ?? false,
      ...{ socket, event, sequences: new Set(messages?.map(({ sequence }) => sequence)) },
      ...{ answers: [], datagrams: 0, open: messages?.length ?? 0, told: new Map() },
    }
    this.#exchanges.push(opened)
    return opened
  }

  #unaskedOf(socket: RecordedSocket): OpenExchange {
    const known = this.#unasked.get(socket)
    if (known) return known
    const opened = {
      ...{ isAnswered: false, isAtOnce: false },
      ...{ socket, event: undefined, sequences: new Set<number>() },
      ...{ answers: [], datagrams: 0, open: 0, told: new Map() },
    }
    this.#unasked.set(socket, opened)
    return opened
  }

  #received({ socket, datagram, time }: Extract<RecordedEvent, { kind: 'received' }>): void {
    const { bytes, portId, groups, group = groupOf(groups), length } = datagram
    const sender = portId === 0 ? [] : [['sender', this.#portName(portId, socket)] as const]
    const messages = messagesOf(bytes.length < length ? messagesOfBeginning(bytes) : bytes)
    if (messages === undefined || messages.length === 0) {
      const parts = [...sender, ['bytes', digestOf(bytes)] as const]
      this.#unaskedOf(socket).answers.push({ what: `${length} bytes that are no messages`, parts })
      return
    }
    const counted = new Set<OpenExchange>()
    for (const message of messages) {
      const asked = group === 0 && portId === 0 ? this.#askedBy(socket, message.sequence) : undefined
      // Its request was not kept.
      if (asked && !this.#isUnbroken && !asked.sequences.has(message.sequence)) continue
      const cause = asked ?? this.#causeOf(message, socket)
      const normal = this.#normal(message, socket, cause, sender)
      if (asked) {
        asked.answers.push(normal)
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) asked.open--
        if (!counted.has(asked)) asked.datagrams++
        asked.answered ??= time
        counted.add(asked)
        continue
      }
      const exchange = cause ?? this.#unaskedOf(socket)
      const where = group === 0 ? '' : ` in group ${this.#groupName(socket, group)}${ofNamespace(socket)}`
      // With NLM_F_ECHO, or as a member of the group.
      const listener = cause?.socket === socket ? 'the requester' : this.#names.get(socket)
      const whom = `${listener}${where}`
      const before = this.#before(cause, socket)
      const after = this.#after(normal.what, socket)
      const told = { message: normal, before, isAnswered: (before?.answers.length ?? 0) > 0, after }
      exchange.told.set(whom, [...(exchange.told.get(whom) ?? []), told])
    }
  }

  /**
   * The request of a socket with this sequence number, or else its last one: an answer may have a wrong one. Of
   * several the first that must be answered, for the kernel takes one after the other; or else the last one. So of
   * generic netlink what comes before an acknowledgement is no answer to a later request, whatever its number.
   */
  #askedBy(socket: RecordedSocket, sequence: number): OpenExchange | undefined {
    const all = this.#exchanges.filter(each => each.socket === socket)
    const isInOrder = this.#isUnbroken && !this.#overflowed.has(socket) && socket.protocol === NETLINK_GENERIC
    const now = isInOrder ? all.findIndex(({ isAtOnce, open }) => isAtOnce && open > 0) : -1
    const own = now === -1 ? all : all.slice(0, now + 1)
    const asking = own.filter(({ sequences }) => sequences.has(sequence))
    const last = own.at(-1)
    const first = asking.find(({ open, isAnswered }) => open > 0 && isAnswered)
    return (
      first ??
      asking.findLast(({ open }) => open > 0) ??
      (last && last.open > 0 ? last : (asking.at(-1) ?? last))
    )
  }

  /** The request that a notification names as its cause, or else the last one of the socket that it names. */
  #causeOf({ portId, sequence }: Message, listener: RecordedSocket): OpenExchange | undefined {
    if (portId === 0) return undefined
    const own = this.#exchanges.filter(
      ({ socket }) => socket.portId === portId && socket.protocol === listener.protocol,
    )
    return own.findLast(({ sequences }) => sequences.has(sequence)) ?? own.at(-1)
  }

  /** What the socket that a notification comes to has asked. Of one that names no request: if it was the last to ask. */
  #before(cause: OpenExchange | undefined, socket: RecordedSocket): OpenExchange | undefined {
    if (cause || this.#record.missed > 0) return cause?.socket === socket ? cause : undefined
    const last = this.#exchanges.findLast(each => each.socket.protocol === socket.protocol)
    return last?.socket === socket ? last : undefined
  }

  /**
   * What an event that names no request follows from, if it can be known; if nothing was asked since its listener has
   * read, the last request.
   */
  #after(what: string, listener: RecordedSocket): OpenExchange | undefined {
    const { from, to } = this.#windows.read(listener, this.#exchanges.length)
    const all = this.#exchanges.slice(from, to).filter(each => this.#isCause(each, listener))
    if (all.length === 0) return this.#exchanges.findLast(each => this.#isCause(each, listener))
    return onlyCause(all, what, ({ event, socket }) =>
      event ? this.#asked(event, socket) : { operation: '', request: '' },
    )
  }

  /** Whether a notification may follow from it: nlctrl is asked for names. */
  #isCause({ event, socket }: OpenExchange, { protocol }: RecordedSocket): boolean {
    if (socket.protocol !== protocol || event === undefined) return false
    return !this.#asked(event, socket).operation.startsWith('CTRL_CMD_')
  }

  /** A notification, and whether it comes before the answer; where that was awaited in vain, nobody knows. */
  #heard({ message, before, isAnswered }: Heard): NormalMessage {
    if (before === undefined || (before.answers.length === 0 && this.#awaited)) return message
    return {
      ...message,
      parts: [...message.parts, ['order', isAnswered ? 'after an answer' : 'before any answer']],
    }
  }

  /** The names of the sockets that were used, one after the other: also those that were found to have nothing. */
  get #turns(): string[] {
    const used = this.#events.filter(({ kind }) => happenings.has(kind)).map(({ socket }) => socket)
    return used.filter((socket, at) => socket !== used[at - 1]).map(socket => this.#names.get(socket) ?? '')
  }

  /** The socket that was waited for in vain, if that is the last thing that happened. */
  get #awaited(): RecordedSocket | undefined {
    const last = this.#events.findLast(({ kind }) => happenings.has(kind))
    return last?.kind === 'waited' ? last.socket : undefined
  }

  #normal(
    message: Message,
    socket: RecordedSocket,
    cause: OpenExchange | undefined,
    sender: readonly (readonly [string, string])[],
  ): NormalMessage {
    const { sequence, portId } = message
    const { what, parts } = this.#described(message, socket)
    const ofRequest = cause?.sequences.has(sequence) ? 'of the request' : sequence === 0 ? '0' : 'another'
    return {
      what,
      parts: [
        ...sender,
        ['sequence number', ofRequest],
        ['port id', this.#portName(portId, cause?.socket ?? socket)],
        ...parts,
      ],
    }
  }

  #portName(portId: number, own: RecordedSocket): string {
    if (portId === 0) return '0'
    if (portId === own.portId) return 'of the requester'
    const known = this.#sockets.find(each => each.portId === portId && each.protocol === own.protocol)
    return known ? `of ${this.#names.get(known)}` : 'unknown'
  }

  #groupName({ protocol }: RecordedSocket, group: number): string {
    return (protocol === NETLINK_GENERIC ? this.#record.groups.get(group) : undefined) ?? String(group)
  }

  /** A message by the library's own text: its lines are names and values. */
  #described(message: Message, socket: RecordedSocket): NormalMessage {
    const { protocol } = socket
    const { headline, ofHeader, lines } = this.#formatted(message, protocol)
    const [, name = headline, flags = ''] =
      /^(.*): \d+ bytes, flags (\S+), seq \d+, pid \d+$/.exec(headline) ?? []
    const answer = answerOf(message, lines)
    const known = this.#known(message, protocol)?.name
    const parts = partsOf(answer?.lines ?? lines).map(
      ([path, value]) =>
        [
          ofHeader.length > 0 && path === 'header' ? "the family's header" : path,
          known?.startsWith('CTRL_CMD_') ? withoutNumbers(path, value) : value,
        ] as const,
    )
    const isCut = parts.some(([, value]) => / \.\.\. \(\d+ bytes\)/.test(value))
    return {
      what: answer?.what ?? name,
      parts: [
        ['flags', flags],
        ...(answer?.echoed ? [['echoed request', answer.echoed] as const] : []),
        ...ofHeader,
        ...parts,
        ...(isCut ? [['all bytes', digestOf(message.payload)] as const] : []),
        ['length', `${message.length} bytes`],
      ],
    }
  }

  /** Its text, without a generic header that only bytes would tell of. */
  #formatted(message: Message, protocol: number) {
    const describe = (each: Message) => this.#known(each, protocol)
    const isGeneric =
      protocol === NETLINK_GENERIC &&
      message.type >= NLMSG_MIN_TYPE &&
      message.payload.length >= GENL_HDRLEN &&
      describe(message)?.schema === undefined
    const { parts: ofHeader, rest } = isGeneric ? withoutGenericHeader(message) : { parts: [], rest: message }
    const [whole, inside] = [message, rest].map(each =>
      formatMessage(each, { protocol, describe }).split('\n'),
    )
    return { headline: whole?.[0] ?? '', ofHeader, lines: inside?.slice(1) ?? [] }
  }

  #requestText(message: Message, { protocol }: RecordedSocket): string {
    const { headline, ofHeader, lines } = this.#formatted(message, protocol)
    const first = ofHeader.map(([name, value]) => `  ${name}: ${value}`)
    return [withoutIdentity(headline), ...first, ...lines].join('\n')
  }

  #known(message: Message, protocol: number): KnownMessage | undefined {
    const own = knownMessage(protocol, message)
    if (own !== undefined || protocol !== NETLINK_GENERIC || message.type < NLMSG_MIN_TYPE) return own
    const family = this.#record.families.get(message.type) ?? 'unknown family'
    const command = message.payload.length >= GENL_HDRLEN ? ` command ${message.payload[0]}` : ''
    return { name: `${family}${command}` }
  }

  #closed(exchange: OpenExchange, all: readonly OpenExchange[]): Exchange & { socket: string } {
    const { socket, event, answers, datagrams, told } = exchange
    const name = this.#names.get(socket) ?? ''
    const told_: Told[] = [...told].map(([whom, heard]) => ({
      whom,
      messages: heard.map(each => this.#heard(each)),
      // Where not all is kept, it may be another one.
      ...(event === undefined && this.#record.missed === 0
        ? { after: heard.map(({ after }) => (after ? all.indexOf(after) : -1)) }
        : {}),
    }))
    const rest = { socket: name, answers, datagrams, told: told_ }
    if (event === undefined) return { key: '', operation: protocolName(socket), request: '', ...rest }
    return { ...this.#asked(event, socket), ...rest }
  }

  #asked(event: Sent, socket: RecordedSocket): Pick<Exchange, 'key' | 'operation' | 'request'> {
    const asked = this.#requests.get(event) ?? this.#request(event, socket)
    this.#requests.set(event, asked)
    return asked
  }

  #request(event: Sent, socket: RecordedSocket): Pick<Exchange, 'key' | 'operation' | 'request'> {
    const bytes = event.bytes ?? new Uint8Array()
    const to = event.kind === 'sent' ? event.to : undefined
    const whom = [
      ...(to?.portId ? [`to port ${this.#portName(to.portId, socket)}`] : []),
      ...(to?.groups ? [`to group ${this.#groupName(socket, groupOf(to.groups))}`] : []),
    ].join(', ')
    const messages = messagesOf(beginningOf(bytes))
    if (messages === undefined || messages.length === 0) {
      const operation = `${bytes.length} bytes that are no messages, ${protocolName(socket)}`
      return { key: `${whom} ${digestOf(bytes)}`, operation, request: `${operation}: ${hexOf(bytes)}` }
    }
    const normal = messages.map(message => this.#described(message, socket))
    const isOfFamily = messages.map(message => this.#formatted(message, socket.protocol).ofHeader.length > 0)
    const names = [...new Set(messages.map((message, at) => operationOf(message, normal[at], socket)))]
    const some = names.length > 3 ? [...names.slice(0, 2), `${names.length - 2} others`] : names
    const count = messages.length > 1 ? `${messages.length} requests: ` : ''
    return {
      // nlmsg_pid of a request is what its sender claims.
      key: [
        whom,
        ...normal.map(({ what, parts }, at) => {
          const claimed = this.#portName(messages[at]?.portId ?? 0, socket)
          // Who asks with the family's version asks the same when that has changed.
          const asked = parts.filter(([name]) => !isOfFamily[at] || name !== versionPart)
          return JSON.stringify([what, claimed, messages[at]?.length, ...asked])
        }),
      ].join('\n'),
      operation: `${count}${some.join(', ')}${ofNamespace(socket)}`,
      request: [
        ...(whom ? [whom] : []),
        ...messages.slice(0, 3).map(message => this.#requestText(message, socket)),
        ...(messages.length > 3 ? [`... ${messages.length - 3} more`] : []),
      ].join('\n'),
    }
  }
}

/** The messages of a datagram; undefined if it is malformed. */
function messagesOf(bytes: Uint8Array): Message[] | undefined {
  try {
    return parseMessages(Buffer.from(bytes))
  } catch {
    return undefined
  }
}

/** What is told of a request that is too long to tell all of it, as if it ended there. */
function beginningOf(bytes: Uint8Array): Uint8Array {
  if (bytes.length !== MOST_BYTES) return bytes
  const begun = wholeMessages(bytes)
  if (begun.length > 0) return begun
  const shortened = Uint8Array.from(bytes)
  new DataView(shortened.buffer).setUint32(0, bytes.length, true)
  return shortened
}

/** NLMSG_ERROR up to the header of the request. */
const ERROR_SIZE = NLMSG_HDRLEN + 4 + NLMSG_HDRLEN

/** Of a datagram that is cut: by its reader, or as too long to tell. */
function messagesOfBeginning(bytes: Uint8Array): Uint8Array {
  const whole = wholeMessages(bytes)
  if (whole.length > 0 || bytes.length < ERROR_SIZE) return whole
  // A refusal echoes the request, however long that is.
  const error = Uint8Array.from(bytes.subarray(0, ERROR_SIZE))
  const view = new DataView(error.buffer)
  if (view.getUint16(4, true) !== NLMSG_ERROR) return whole
  view.setUint32(0, ERROR_SIZE, true)
  view.setUint16(6, NLM_F_CAPPED, true)
  return error
}

/** The messages that are whole at the beginning of a datagram. */
function wholeMessages(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let end = 0
  for (let next = 0; next + NLMSG_HDRLEN <= bytes.length; ) {
    const length = view.getUint32(next, true)
    if (length < NLMSG_HDRLEN || next + length > bytes.length) break
    end = next + length
    next += Math.ceil(length / 4) * 4 // NLMSG_ALIGNTO
  }
  return bytes.subarray(0, end)
}

/** What kind of request it is: its type and, of flags, whether it is a dump. */
function operationOf(
  { flags, type }: Message,
  normal: NormalMessage | undefined,
  { protocol }: RecordedSocket,
): string {
  const dump = type >= NLMSG_MIN_TYPE && (flags & NLM_F_DUMP) === NLM_F_DUMP ? ' dump' : ''
  // A request of these types is no answer.
  const answer = type === NLMSG_ERROR ? 'NLMSG_ERROR' : type === NLMSG_DONE ? 'NLMSG_DONE' : undefined
  const name = answer ?? normal?.what ?? ''
  return `${/^type \d/.test(name) ? `${protocolName({ protocol })} ` : ''}${name}${dump}`
}

function ofNamespace({ namespace }: RecordedSocket): string {
  return namespace === undefined ? '' : elsewhere
}

function protocolName({ protocol }: { readonly protocol: number }): string {
  return `protocol ${protocol}`
}

/** The answers that the kernel itself composes: their outcome, how much of the request they echo, and other lines. */
function answerOf(
  message: Message,
  lines: readonly string[],
): { readonly what: string; readonly echoed?: string; readonly lines: readonly string[] } | undefined {
  const { type } = message
  if (type !== NLMSG_ERROR && type !== NLMSG_DONE) return undefined
  const [outcome = '', ...more] = lines
  const echoed = more.indexOf('  request:')
  const own = echoed === -1 ? more : more.slice(0, echoed)
  // Its bytes have the sequence number in them.
  const word = outcome.trim().replace(/^(malformed, .*?)(?: \(at byte \d+\))?: [\da-f].*$/s, '$1')
  // With a status, and attributes of an extended ack after it.
  if (type === NLMSG_DONE && own.length === 0 && message.payload.length > STATUS_SIZE)
    return { what: 'NLMSG_DONE', lines: [`  data: ${dataOf(message.payload)}`] }
  if (type === NLMSG_DONE)
    return { what: word === 'no error' ? 'end of dump' : `end of dump: ${word}`, lines: own }
  return { what: word, echoed: echoOf(message), lines: own }
}

/** The size of the status in NLMSG_DONE. */
const STATUS_SIZE = 4

/** Text, or bytes. */
function dataOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.subarray(0, 200)).toString('latin1')
  const isText = /^[\x20-\x7e]+\0?$/.test(text)
  const shown = isText ? `'${text.replace('\0', '\\0')}'` : hexOf(bytes)
  return bytes.length > 64 && !(isText && bytes.length <= 200) ? `${shown} (${digestOf(bytes)})` : shown
}

function echoOf(message: Message): string {
  try {
    if (!isAnswer(message)) return ''
    const { request, isCapped } = parseAnswer(message)
    return isCapped || request.length === NLMSG_HDRLEN ? 'its header' : 'all of it'
  } catch {
    return 'malformed'
  }
}

/** Indented lines `name: value` as paths and values. */
function partsOf(lines: readonly string[]): [string, string][] {
  const above: string[] = []
  const seen = new Map<string, number>()
  return lines.flatMap((line): [string, string][] => {
    const depth = Math.floor((/^ */.exec(line)?.[0].length ?? 0) / 2) - 1
    const text = line.trimStart()
    const [, name = '', value = ''] = /^([^\s:]+(?: [a-z]+)*):(?: (.*))?$/s.exec(text) ?? []
    above.length = Math.max(0, depth)
    const own = name || (lines.length === 1 ? 'data' : 'header')
    const place = [...above, named(own)].join('.')
    const times = (seen.get(place) ?? 0) + 1
    seen.set(place, times)
    above[Math.max(0, depth)] = times === 1 ? named(own) : `${named(own)}#${times}`
    const path = times === 1 ? place : `${place}#${times}`
    if (name === '') return [[path, text]]
    return value === '' ? [[path, '(nest)']] : [[path, value]]
  })
}

/** Numbers are attributes that no schema names. */
function named(name: string): string {
  return /^\d+$/.test(name) ? `attribute ${name}` : name
}

/** What nlctrl tells, without the numbers that it has given to families and groups. */
function withoutNumbers(path: string, value: string): string {
  return path === 'familyId' || /^groups\..*\bid$/.test(path) ? 'its number' : value
}

/** Without the sequence number and the port id. */
function withoutIdentity(text: string): string {
  return text.replace(/, seq \d+, pid \d+$/m, '')
}

function digestOf(bytes: Uint8Array): string {
  return `${bytes.length} bytes, ${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`
}

function hexOf(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.subarray(0, 64))
    .toString('hex')
    .replace(/.{8}(?=.)/g, '$& ')
  return bytes.length > 64 ? `${shown} ...` : shown
}
