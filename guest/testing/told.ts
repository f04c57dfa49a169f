// SPDX-License-Identifier: MIT
/** Events of sockets, as they are told to another thread or to the host, which have neither sockets nor classes. */
import type { ToldEvent, ToldSocket } from '../agent/protocol.ts'
import { Datagram } from '../netlink/index.ts'
import type { RecordedEvent, RecordedSocket } from './recorded.ts'

/** Bytes of a message that are told while a test runs. */
const MOST_BYTES = 16 * 1024

/**
 * @param most bytes of a message that are told
 * @returns undefined for what is not worth telling: that a socket was opened or closed
 */
export function told(event: RecordedEvent, most = MOST_BYTES): ToldEvent | undefined {
  const { time } = event
  const inBase64 = (bytes: Uint8Array) =>
    Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, most)).toString('base64')
  const socket = toldSocket(event.socket)
  switch (event.kind) {
    case 'sent': {
      const { to } = event
      return { kind: 'sent', socket, time, bytes: inBase64(event.bytes), ...(to ? { to } : {}) }
    }
    case 'received': {
      const { bytes, length, portId: from, groups, group } = event.datagram
      const rest = group === undefined ? {} : { group }
      return { kind: 'received', socket, time, bytes: inBase64(bytes), length, from, groups, ...rest }
    }
    case 'failed': {
      const { call, code, about, bytes } = event
      return { kind: 'failed', socket, time, call, code, about, ...(bytes ? { bytes: inBase64(bytes) } : {}) }
    }
    case 'waited':
      return { kind: 'waited', socket, time, limit: event.limit }
    case 'joined':
    case 'left':
      return { kind: event.kind, socket, time, group: event.group }
    default:
      return undefined
  }
}

/** Makes events of what was told of them; a socket is one object in all of them. */
export class Listener {
  readonly #sockets = new Map<number, HeardSocket>()

  /** The sockets of the events so far, in the order of their first ones. */
  get sockets(): RecordedSocket[] {
    return [...this.#sockets.values()]
  }

  event(told: ToldEvent): RecordedEvent {
    const { time } = told
    const socket = this.#socketOf(told.socket)
    const bytes = Buffer.from(told.bytes ?? '', 'base64')
    switch (told.kind) {
      case 'sent':
        return { kind: 'sent', socket, time, bytes, to: told.to, schema: undefined }
      case 'received': {
        const datagram = new Datagram(bytes, told.from, told.groups, told.length)
        datagram.group = told.group
        return { kind: 'received', socket, time, datagram }
      }
      case 'failed': {
        const { call, code, about } = told
        return {
          kind: 'failed',
          socket,
          time,
          call,
          code,
          about,
          ...(told.bytes === undefined ? {} : { bytes }),
        }
      }
      case 'waited':
        return { kind: 'waited', socket, time, limit: told.limit }
      default:
        return { kind: told.kind, socket, time, group: told.group }
    }
  }

  #socketOf(told: ToldSocket): RecordedSocket {
    let socket = this.#sockets.get(told.identity)
    if (socket === undefined) {
      socket = new HeardSocket(told)
      this.#sockets.set(told.identity, socket)
    }
    socket.told = told
    return socket
  }
}

class HeardSocket implements RecordedSocket {
  told: ToldSocket

  constructor(told: ToldSocket) {
    this.told = told
  }

  get identity(): number {
    return this.told.identity
  }
  get protocol(): number {
    return this.told.protocol
  }
  get portId(): number {
    return this.told.portId
  }
  get thread(): number | undefined {
    return this.told.thread
  }
  get namespace(): string | number | undefined {
    return this.told.namespace
  }
  get groups(): ReadonlySet<number> {
    return new Set(this.told.groups)
  }
}

/** A socket without its class. */
export function toldSocket({
  identity,
  protocol,
  portId,
  thread,
  namespace,
  groups,
}: RecordedSocket): ToldSocket {
  return {
    identity,
    protocol,
    portId,
    ...(thread === undefined ? {} : { thread }),
    ...(namespace === undefined ? {} : { namespace }),
    groups: [...groups],
  }
}
