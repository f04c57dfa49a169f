// SPDX-License-Identifier: MIT
/** The messages of a conversation as text, with the names that the conversation itself tells. */
import {
  formatDatagram,
  formatMessage,
  GENL_HDRLEN,
  type KnownMessage,
  knownMessage,
  type Message,
  NETLINK_GENERIC,
  NLMSG_HDRLEN,
  parseMessages,
  type RequestSchema,
} from '../netlink/index.ts'
import type { RecordedEvent, RecordedSocket } from './recording.ts'

/** Most messages of a datagram that are written out. */
const MOST_MESSAGES = 4
/** Most lines of a message. */
const MOST_LINES = 24

/** Decodes datagrams by the schemas of their sockets' requests, and by the names of families. */
export class MessageText {
  readonly #families: ReadonlyMap<number, string>
  readonly #protocol: number | undefined
  /** By socket and sequence number. */
  readonly #schemas = new Map<string, RequestSchema>()

  /** @param protocol of datagrams without a socket */
  constructor(events: readonly RecordedEvent[], families: ReadonlyMap<number, string>, protocol?: number) {
    this.#families = families
    this.#protocol = protocol
    for (const event of events)
      if (event.kind === 'sent' && event.schema !== undefined)
        this.#schemas.set(`${event.socket.identity} ${sequenceOf(event.bytes)}`, event.schema)
  }

  /** The messages of a datagram; of many the first ones and the last one. Never throws. */
  lines(bytes: Uint8Array, socket: RecordedSocket | undefined): string[] {
    const protocol = socket?.protocol ?? this.#protocol
    const options = {
      ...(protocol === undefined ? {} : { protocol }),
      describe: (message: Message) => this.#known(message, socket, protocol),
    }
    let messages: readonly Message[]
    try {
      messages = parseMessages(Buffer.from(bytes))
    } catch {
      // What is malformed comes last.
      const lines = formatDatagram(bytes, options).split('\n')
      const left = lines.length - MOST_LINES
      return left > 1
        ? [...lines.slice(0, MOST_LINES - 1), `... ${left} more lines ...`, ...lines.slice(-1)]
        : lines
    }
    const left = messages.length - MOST_MESSAGES
    const shown = left > 1 ? [...messages.slice(0, 2), undefined, ...messages.slice(-1)] : messages
    return shown.flatMap(message => {
      if (message === undefined) return [`... ${messages.length - 3} more messages in this datagram ...`]
      const lines = formatMessage(message, options).split('\n')
      // An error echoes its request, which is above.
      const echoed = lines.indexOf('  request:')
      const own = echoed === -1 ? lines : lines.slice(0, echoed)
      return own.length > MOST_LINES
        ? [...own.slice(0, MOST_LINES), `  ... ${own.length - MOST_LINES} more lines`]
        : own
    })
  }

  #known(
    message: Message,
    socket: RecordedSocket | undefined,
    protocol: number | undefined,
  ): KnownMessage | undefined {
    const schema = socket && this.#schemas.get(`${socket.identity} ${message.sequence}`)
    const family = protocol === NETLINK_GENERIC ? this.#families.get(message.type) : undefined
    if (schema === undefined && family === undefined) return undefined
    const command = message.payload.length >= GENL_HDRLEN ? ` command ${message.payload[0]}` : ''
    const own = knownMessage(protocol, message)
    if (own !== undefined) return { ...own, ...(schema && { schema }) }
    const name = family === undefined ? `type ${message.type}` : `${family}${command}`
    return schema === undefined ? { name } : { name, schema }
  }
}

/** The group of a mask with one bit; 0 for none. */
export function groupOf(mask: number): number {
  return mask === 0 ? 0 : 32 - Math.clz32(mask & -mask)
}

function sequenceOf(bytes: Uint8Array): number {
  return bytes.length < NLMSG_HDRLEN ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true)
}

/** A system call that failed: "sendto: ECONNREFUSED (to port 4242)". */
export function failureOf({ call, code, about }: { call: string; code: string; about: string }): string {
  const lost = code === 'ENOBUFS' ? ', messages were lost' : ''
  return `${call}: ${code}${about === '' ? '' : ` (${about})`}${lost}`
}

export function waitOf({ limit }: { limit: number }): string {
  return `waited ${limit} ms in vain`
}
