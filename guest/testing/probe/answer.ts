// SPDX-License-Identifier: MIT
/** The answer to one request, and what every answer of every module must be. */
import {
  type Attribute,
  type Datagram,
  type ExtendedAck,
  errnoName,
  GENL_HDRLEN,
  isAnswer,
  MalformedError,
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_MULTI,
  NLMSG_DONE,
  NLMSG_HDRLEN,
  parseAnswer,
  parseAttributes,
  parseDone,
} from '../../netlink/index.ts'

/** What came for a request. */
export interface Answer {
  /** The module's messages. */
  readonly replies: readonly Message[]
  /** The errno's name; undefined for success, or where nobody said. */
  readonly code?: string
  readonly extendedAck?: ExtendedAck
  /** All that came, as it came. */
  readonly datagrams: readonly Datagram[]
  /** What is wrong with it, whatever the module is for; a line each. */
  readonly faults: readonly string[]
  /** Whether an event came where an answer may be expected, each time: it may be the answer, without its number. */
  readonly hasEventEachTime?: true
}

/** The highest errno that programs know (EHWPOISON), and ENOTSUPP, which some families let out. */
const HIGHEST_ERRNO = 133
const ENOTSUPP = 524

/** Messages with the sequence number 0: events, which may come at any time, or answers that lost theirs. By command. */
export class Unasked {
  readonly #counts = new Map<number, { all: number; withEvent: number }>()
  readonly #trials = new Map<number, number>()
  readonly #verdicts = new Map<number, boolean>()

  /**
   * Notes a request that succeeded and has no other answer.
   * @param hasEvent whether one such message came, right before the acknowledgement
   * @returns whether that is so each time: then it may be the answer
   */
  note(command: number, hasEvent: boolean): boolean {
    const { all, withEvent } = this.#counts.get(command) ?? { all: 0, withEvent: 0 }
    const now = { all: all + 1, withEvent: withEvent + (hasEvent ? 1 : 0) }
    this.#counts.set(command, now)
    return hasEvent && now.all >= SURE && now.withEvent === now.all
  }

  /**
   * Whether the event is the answer: it comes to another socket as well if that asks. An event for the socket that
   * something belongs to does not.
   * @param askElsewhere asks from another socket; undefined if that is refused
   */
  async isAnswer(command: number, askElsewhere: () => Promise<boolean | undefined>): Promise<boolean> {
    const known = this.#verdicts.get(command)
    if (known !== undefined) return known
    const trials = (this.#trials.get(command) ?? 0) + 1
    this.#trials.set(command, trials)
    const verdict = (await askElsewhere()) ?? (trials < TRIALS ? undefined : false)
    if (verdict !== undefined) this.#verdicts.set(command, verdict)
    return verdict ?? false
  }
}

/** Times after which it is no coincidence. */
const SURE = 4
/** Requests by which it is tried whether an event follows who asks. */
const TRIALS = 3

/** What the requester knows of its request. */
export interface Asked {
  readonly request: Buffer
  /** nlmsg_type of the family. */
  readonly family: number
  /** Bytes of the family's own header after the genlmsghdr. */
  readonly headerSize: number
  readonly portId: number
  /** Sequence numbers of requests of the same socket, whose answers may come late. */
  readonly earlier: ReadonlySet<number>
  /** Commands that were acknowledged, and what came with that. */
  readonly unasked?: Unasked
  /** Whether it is of a module under test, and not of the kernel's own, some of which let ENOTSUPP out. */
  readonly isUnderTest?: boolean
}

/** Reads and checks all that came to the requester's socket, in order. */
export function readAnswer(datagrams: readonly Datagram[], asked: Asked): Answer {
  const faults: string[] = []
  const replies: Message[] = []
  const ends: { code?: string; extendedAck: ExtendedAck }[] = []
  let isDone = false
  let events = 0
  const flags = asked.request.readUInt16LE(6)
  const isDump = (flags & NLM_F_DUMP) === NLM_F_DUMP
  const sequence = asked.request.readUInt32LE(8)
  for (const datagram of datagrams) {
    if (datagram.portId !== 0) faults.push(`a datagram of the port ${datagram.portId}, not of the kernel`)
    for (const message of messagesOf(datagram, faults)) {
      if (message.sequence !== sequence) {
        const isPart = isDump && (message.flags & NLM_F_MULTI) !== 0
        if (message.sequence === 0 && message.type === asked.family && asked.unasked && !isPart) {
          // What follows the acknowledgement is no answer.
          if (ends.length === 0) events++
        } else if (!asked.earlier.has(message.sequence))
          faults.push(`${nameOf(message)} has the sequence number ${message.sequence}, not ${sequence}`)
        continue
      }
      if (message.portId !== asked.portId)
        faults.push(`${nameOf(message)} has the port id ${message.portId}, not ${asked.portId}`)
      const end = endOf(message, asked, faults)
      if (end) ends.push(end)
      if (message.type === NLMSG_DONE) isDone = true
      if (end) continue
      if (message.type === asked.family) replies.push(message)
      else faults.push(`a message of the type ${message.type}, not ${asked.family}, the family's`)
    }
  }
  for (const reply of replies) faults.push(...faultsOfMessage(reply, asked.headerSize, asked.request))
  const isAcknowledged = ends.length > 0 && ends.every(({ code }) => code === undefined)
  const isUnanswered = isAcknowledged && replies.length === 0 && !isDump
  const hasEventEachTime =
    isUnanswered && asked.unasked?.note(asked.request[NLMSG_HDRLEN] ?? 0, events === 1) === true
  const isMulti = replies.some(reply => (reply.flags & NLM_F_MULTI) !== 0)
  const [end, ...more] = ends
  if (more.length > (isMulti && !isDump ? 1 : 0)) faults.push(`${ends.length} errors or ends for one request`)
  if (end === undefined && isDump) faults.push('the dump has no end')
  if (end === undefined && (flags & NLM_F_ACK) !== 0 && !isDump)
    faults.push('no acknowledgement and no error, though NLM_F_ACK is set (does it return -EINTR?)')
  if ((flags & NLM_F_ACK) === 0 && !isDump && !isMulti && end !== undefined && end.code === undefined)
    faults.push('an acknowledgement that nobody asked for')
  if (isMulti && !isDone && !isDump) faults.push('a reply has NLM_F_MULTI, and no NLMSG_DONE follows')
  if (isDump && replies.some(reply => (reply.flags & NLM_F_MULTI) === 0))
    faults.push('a message of a dump lacks NLM_F_MULTI')
  if (!isDump && replies.length > 0 && ends.some(({ code }) => code !== undefined))
    faults.push('a reply, and an error as well')
  const last = ends.find(({ code }) => code !== undefined) ?? end
  return {
    datagrams,
    replies,
    faults: [...new Set(faults)],
    ...(hasEventEachTime && { hasEventEachTime }),
    ...last,
  }
}

function messagesOf(datagram: Datagram, faults: string[]): Message[] {
  try {
    return datagram.messages()
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    faults.push(`a datagram that is no message: ${error.message}`)
    return []
  }
}

/** An error, an acknowledgement, or the end of a dump. */
function endOf(
  message: Message,
  { request, isUnderTest = false }: Asked,
  faults: string[],
): { code?: string; extendedAck: ExtendedAck } | undefined {
  if (!isAnswer(message) && message.type !== NLMSG_DONE) return undefined
  try {
    const { errno, extendedAck } = isAnswer(message) ? parseAnswer(message) : parseDone(message, request)
    if (errno === ENOTSUPP && isUnderTest)
      faults.push(`the error ${errno}, ENOTSUPP, which no program knows: EOPNOTSUPP is the one for them`)
    else if (errno > HIGHEST_ERRNO && errno !== ENOTSUPP)
      faults.push(`the error ${errno}, which no program knows`)
    const { offset } = extendedAck
    if (offset !== undefined && (offset < NLMSG_HDRLEN || offset >= request.length))
      faults.push(`an error about byte ${offset}, which the request of ${request.length} does not have`)
    return { extendedAck, ...(errno !== 0 && { code: errnoName(errno) }) }
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    faults.push(`a malformed error: ${error.message}`)
    return { extendedAck: { attributes: [] }, code: 'malformed' }
  }
}

/**
 * What is wrong with a message of the family, whatever it is for.
 * @param request what it answers; an event answers none
 */
export function faultsOfMessage(message: Message, headerSize: number, request?: Buffer): string[] {
  const name = request === undefined ? 'an event' : nameOf(message)
  try {
    const nests = openNests(message.attributes(GENL_HDRLEN + headerSize))
    return [...nests, ...poisonIn(message, headerSize, name, request)]
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    return [`${name} is malformed: ${error.message}`]
  }
}

/** What SLUB fills objects with on debug kernels (include/linux/poison.h): before they are used, and after. */
const poisons = [
  { bytes: Buffer.alloc(8, 0x5a), what: 'memory that was never written' },
  { bytes: Buffer.alloc(8, 0x6b), what: 'memory that was freed' },
]

/** Memory that a module tells, and should not: nobody sends so many of these bytes. */
function poisonIn(
  message: Message,
  headerSize: number,
  name: string,
  request: Buffer = Buffer.alloc(0),
): string[] {
  return poisons.flatMap(({ bytes, what }) => {
    if (message.payload.includes(bytes) && !request.includes(bytes))
      return [`${name} tells ${what} (${bytes.toString('hex')})`]
    const hole = bytes.subarray(0, HOLE)
    if (!message.payload.includes(hole)) return []
    const struct = structsOf(message, headerSize).find(payload => payload.includes(hole))
    if (struct === undefined || request.includes(hole)) return []
    return [`${name} tells ${what} in a hole (${struct.toString('hex')})`]
  })
}

/** The least bytes between the fields of a struct that nobody fills, and those of such a struct. */
const HOLE = 3
const STRUCT = 8

/** Payloads that are no text, and may be structs. */
function structsOf(reply: Message, headerSize: number): Buffer[] {
  try {
    return reply
      .attributes(GENL_HDRLEN + headerSize)
      .filter(({ isNested }) => !isNested)
      .map(({ payload }) => payload)
      .filter(payload => payload.length >= STRUCT && !isText(payload))
  } catch {
    // It is told as malformed.
    return []
  }
}

function isText(payload: Buffer): boolean {
  const content = payload.at(-1) === 0 ? payload.subarray(0, -1) : payload
  return content.every(byte => byte >= 0x20 && byte < 0x7f)
}

/**
 * Nests whose length was never set: they are empty, and what is in them follows, among attributes of the same
 * types that are none. @throws MalformedError for what is no attribute in any nest
 */
function openNests(attributes: readonly Attribute[]): string[] {
  const empty = attributes.findIndex(({ isNested, payload }) => isNested && payload.length === 0)
  const after = empty < 0 ? [] : attributes.slice(empty + 1).filter(({ isNested }) => isNested)
  const mixed = after.find(({ type }) => attributes.some(each => each.type === type && !each.isNested))
  const own = mixed && attributes[empty]
  return [
    ...(own === undefined
      ? []
      : [
          `the nest ${own.type} is empty, and what seems to be in it follows it: is nla_nest_end() missing? (the type ${mixed?.type} is a nest there, and none before)`,
        ]),
    ...attributes.flatMap(({ isNested, payload }) => (isNested ? openNests(parseAttributes(payload)) : [])),
  ]
}

function nameOf({ type }: Message): string {
  return type < 16 ? `a message of the type ${type}` : 'a reply'
}

/** An answer in a few words: `EINVAL "Unknown attribute type", offset 20`, or `success, 2 replies`. */
export function wordsOf({ code, extendedAck, replies }: Answer): string {
  const { message, offset } = extendedAck ?? {}
  return [
    code ?? 'success',
    ...(message === undefined ? [] : [`"${message}"`]),
    ...(offset === undefined ? [] : [`offset ${offset}`]),
    ...(replies.length > 0 ? [`${replies.length} ${replies.length === 1 ? 'reply' : 'replies'}`] : []),
  ].join(', ')
}

/** Refusals that may be otherwise the next time: by themselves, or as long as the state is what it is. */
const transient: readonly string[] = ['EAGAIN', 'ENOMEM', 'ENOBUFS', 'EINTR']
const passing: readonly string[] = [...transient, 'EBUSY', 'EALREADY', 'EINPROGRESS']

/** Whether the errno says that it may be otherwise the next time in the same state. */
export function isTransient(code: string | undefined): boolean {
  return code !== undefined && transient.includes(code)
}

/** Whether the errno says that it may be otherwise the next time. */
export function isPassing(code: string | undefined): boolean {
  return code !== undefined && passing.includes(code)
}

/**
 * Whether a module says without words that who has all privileges lacks some: where nothing but attributes or
 * entries are missing, it has returned -1.
 */
export function isMinusOne({ code, extendedAck }: Answer): boolean {
  return code === 'EPERM' && extendedAck?.message === undefined
}

/** That a request for what is not there was answered so. */
export const minusOne = 'EPERM for what is not there, to one who has all privileges: does it return -1?'
