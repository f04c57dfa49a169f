// SPDX-License-Identifier: MIT
/**
 * The conversation of the running test: all that this thread's sockets do, of a bounded size. The test worker
 * asks for it when a test has failed (guest/agent/conversation.ts).
 */
import { threadId } from 'node:worker_threads'
import type { ToldConversation } from '../agent/protocol.ts'
import {
  type Datagram,
  type Destination,
  GENL_ID_CTRL,
  NETLINK_GENERIC,
  NLMSG_HDRLEN,
  type ObservedSocket,
  type RequestSchema,
  type SocketObserver,
} from '../netlink/index.ts'
import { enteredNamespace } from './entered-namespace.ts'
import { familiesIn, groupsIn } from './families.ts'
import { isMarker } from './markers.ts'
import type { Conversation, RecordedEvent, RecordedSocket } from './recorded.ts'
import type { Teller } from './teller.ts'
import { Listener, told } from './told.ts'

export type { Conversation, RecordedEvent, RecordedSocket } from './recorded.ts'

// Kept from before any test.
const now = performance.now.bind(performance)
const { bigint: clock } = process.hrtime

/** Events of a thread's beginning and end that another is told of: each costs 20 us. */
const TOLD_FIRST = 30
const TOLD_LAST = 70

/** Events that are kept from a conversation's beginning, and from its end. */
const MOST_EVENTS = 2000
/** Bytes that are kept from the beginning, and from the end. */
const MOST_BYTES = 1024 * 1024
/** Messages of nlctrl that are kept unread. */
const MOST_CONTROL = 31

/** The short name of a namespace that a socket was opened in. */
export function namespaceName(namespace: string | number): string {
  return `ns ${nameOfNamespace(namespace)}`
}

function nameOfNamespace(namespace: string | number): string {
  return typeof namespace === 'number' ? `fd ${namespace}` : (namespace.split('/').at(-1) ?? '')
}

class Socket implements RecordedSocket {
  readonly thread = undefined
  readonly namespace: string | number | undefined
  readonly groups = new Set<number>()
  readonly #socket: ObservedSocket

  constructor(socket: ObservedSocket, namespace: string | number | undefined) {
    this.#socket = socket
    this.namespace = namespace
  }

  get identity(): number {
    return this.#socket.identity
  }
  get protocol(): number {
    return this.#socket.protocol
  }
  get portId(): number {
    return this.#socket.portId
  }
}

/** Records all sockets of this thread. */
export class Recording implements SocketObserver {
  readonly #open = new Map<number, Socket>()
  #sockets: RecordedSocket[] = []
  #first: RecordedEvent[] = []
  #firstBytes = 0
  /** A ring: the oldest is at `#oldest`. */
  #last: RecordedEvent[] = []
  /** Of each of these: an event that has waited long is far away in memory. */
  #lastSizes: number[] = []
  #lastBytes = 0
  #oldest = 0
  #dropped = 0
  /** Messages of nlctrl that nobody has read: few tests ask for what they tell. */
  #control: Uint8Array[] = []
  /** Of earlier tests, too: a family that is registered again has another number. */
  readonly #families = new Map<number, string>()
  readonly #groups = new Map<number, string>()
  readonly #teller: Teller | undefined
  /** Whether the message that is being sent was told of. */
  #isTold = false
  /** When that began; undefined for messages of helpers. Each look at the clock costs a guest a microsecond. */
  #sendingSince: number | undefined
  /** By thread; what they say comes late. */
  #threads = new Map<number, Listener>()
  /** Those of which nobody knows what they have said. */
  #unheard = new Set<number>()
  #current = 0

  /** @param teller is told of events as they happen */
  constructor(teller?: Teller) {
    this.#teller = teller
  }

  /** A test begins: what is open stays, what was recorded goes. */
  begin(): void {
    this.#sockets = [...this.#open.values()]
    this.#first = []
    this.#firstBytes = 0
    this.#last = []
    this.#lastSizes = []
    this.#lastBytes = 0
    this.#oldest = 0
    this.#dropped = 0
    this.#threads = new Map()
    this.#unheard = new Set()
    this.#current++
    this.#teller?.begin()
  }

  /** The number of the running test's conversation. */
  get current(): number {
    return this.#current
  }

  /** The names of generic netlink families, by number, as far as anybody has asked. */
  get families(): ReadonlyMap<number, string> {
    this.#readControl()
    return this.#families
  }

  /** The names of groups of generic netlink families, as FAMILY/GROUP, by number. */
  get groups(): ReadonlyMap<number, string> {
    this.#readControl()
    return this.#groups
  }

  get conversation(): Conversation {
    const last = this.#last.slice(this.#oldest)
    const first = this.#first
    const sockets = this.#sockets
    const dropped = this.#dropped
    const unheard = [...this.#unheard]
    if (this.#threads.size === 0) return { first, dropped, last, sockets, unheard }
    return { first: first.toSorted(byTime), dropped, last: last.toSorted(byTime), sockets, unheard }
  }

  /** Open sockets of other network namespaces, which the agent does not see. */
  get elsewhere(): string[] {
    return [...this.#open.values()].flatMap(({ protocol, portId, namespace }) =>
      namespace === undefined
        ? []
        : [`protocol ${protocol}, port id ${portId}, in the network namespace ${nameOfNamespace(namespace)}`],
    )
  }

  /** What was said, for another thread: once. */
  tell(): ToldConversation {
    const { told } = this
    this.begin()
    return told
  }

  /** What was said, for another thread. */
  get told(): ToldConversation {
    const { first, dropped, last } = this.conversation
    const news = [...first, ...last].flatMap(event => told(event) ?? [])
    const between = Math.max(0, news.length - TOLD_FIRST - TOLD_LAST)
    return {
      ...{ thread: threadId, zero: clockZero(), missed: dropped + between },
      first: news.slice(0, TOLD_FIRST),
      last: news.slice(Math.max(TOLD_FIRST, news.length - TOLD_LAST)),
    }
  }

  /**
   * Adds what the sockets of another thread have said.
   * @param conversation the one that the thread belongs to: what comes when it has ended belongs to no other
   */
  hear({ thread, zero, first, missed, last }: ToldConversation, conversation = this.#current): void {
    if (conversation !== this.#current) return
    this.#unheard.delete(thread)
    const later = Number(zero - clockZero()) / 1e6
    let listener = this.#threads.get(thread)
    if (listener === undefined) {
      listener = new Listener()
      this.#threads.set(thread, listener)
    }
    const before = listener.sockets.length
    for (const [index, event] of [...first, ...last].entries()) {
      // Identities are unique in a thread.
      const identity = thread * 2 ** 32 + event.socket.identity
      const socket = { ...event.socket, identity, thread }
      const told = listener.event({ ...event, socket, time: event.time + later })
      const heard = index === first.length && missed > 0 ? { ...told, missed } : told
      this.#add(heard, sizeOf(heard))
    }
    if (last.length === 0) this.#dropped += missed
    this.#sockets = [...this.#sockets, ...listener.sockets.slice(before)]
  }

  /** Nobody knows what the sockets of a thread have said. */
  unheard(thread: number, conversation = this.#current): void {
    if (conversation === this.#current) this.#unheard.add(thread)
  }

  opened(socket: ObservedSocket, namespace: string | number | undefined): void {
    const opened = new Socket(socket, namespace ?? enteredNamespace)
    this.#open.set(socket.identity, opened)
    this.#sockets.push(opened)
    this.#add({ kind: 'opened', socket: opened, time: now() }, 0)
  }

  bound(socket: ObservedSocket, groups: number): void {
    const known = this.#known(socket)
    // Mostly none before and none now.
    if (groups === 0 && known.groups.size === 0) return
    for (let group = 1; group <= 32; group++) {
      const isIn = ((groups >>> (group - 1)) & 1) === 1
      if (isIn === known.groups.has(group)) continue
      if (isIn) this.joined(socket, group)
      else this.left(socket, group)
    }
  }

  joined(socket: ObservedSocket, group: number): void {
    const known = this.#known(socket)
    known.groups.add(group)
    this.#add({ kind: 'joined', socket: known, time: now(), group }, 0)
  }

  left(socket: ObservedSocket, group: number): void {
    const known = this.#known(socket)
    known.groups.delete(group)
    this.#add({ kind: 'left', socket: known, time: now(), group }, 0)
  }

  sending(socket: ObservedSocket, bytes: Uint8Array, to: Destination | null | undefined): void {
    // Helpers' own messages are harmless.
    if (isMarker(bytes)) return
    const time = now()
    this.#sendingSince = time
    if (!this.#teller?.hasTurn(true, time)) return
    const copy = new Uint8Array(bytes)
    const known = this.#known(socket)
    this.#teller.add({ kind: 'sent', socket: known, time, bytes: copy, to, schema: undefined })
    this.#teller.flush()
    this.#isTold = true
  }

  sent(
    socket: ObservedSocket,
    bytes: Uint8Array,
    to: Destination | null | undefined,
    schema: RequestSchema | undefined,
  ): void {
    const copy = new Uint8Array(bytes)
    const time = this.#sendingSince ?? now()
    this.#sendingSince = undefined
    this.#add({ kind: 'sent', socket: this.#known(socket), time, bytes: copy, to, schema }, copy.length)
  }

  received(socket: ObservedSocket, datagram: Datagram): void {
    const { bytes } = datagram
    if (
      socket.protocol === NETLINK_GENERIC &&
      bytes.length > NLMSG_HDRLEN &&
      bytes.readUInt16LE(4) === GENL_ID_CTRL
    ) {
      this.#control[this.#control.length] = bytes
      if (this.#control.length > MOST_CONTROL) this.#readControl()
    }
    this.#add({ kind: 'received', socket: this.#known(socket), time: now(), datagram }, datagram.bytes.length)
  }

  failed(socket: ObservedSocket, call: string, code: string, bytes?: Uint8Array, about = ''): void {
    this.#sendingSince = undefined
    const failed = { kind: 'failed', socket: this.#known(socket), time: now(), call, code, about } as const
    if (bytes === undefined) this.#add(failed, 0)
    else this.#add({ ...failed, bytes: new Uint8Array(bytes) }, bytes.length)
  }

  waited(socket: ObservedSocket, limit: number): void {
    this.#add({ kind: 'waited', socket: this.#known(socket), time: now(), limit }, 0)
  }

  closed(socket: ObservedSocket): void {
    const known = this.#known(socket)
    this.#open.delete(socket.identity)
    this.#add({ kind: 'closed', socket: known, time: now() }, 0)
  }

  #readControl(): void {
    for (const [number, name] of familiesIn(this.#control)) this.#families.set(number, name)
    for (const [number, name] of groupsIn(this.#control)) this.#groups.set(number, name)
    this.#control = []
  }

  #known(socket: ObservedSocket): Socket {
    let known = this.#open.get(socket.identity)
    if (known === undefined) {
      known = new Socket(socket, undefined)
      this.#open.set(socket.identity, known)
      this.#sockets.push(known)
    }
    return known
  }

  #tell(teller: Teller, event: RecordedEvent): void {
    const { kind } = event
    const isNews = kind === 'sent' ? !this.#isTold : kind !== 'opened' && kind !== 'closed'
    if (kind === 'sent' || kind === 'failed') this.#isTold = false
    if (isNews) teller.add(event)
    if (kind === 'received' && teller.hasTurn(false, event.time)) teller.flush()
  }

  // By index: a test may have replaced push and shift.
  #add(event: RecordedEvent, size: number): void {
    if (this.#teller !== undefined) this.#tell(this.#teller, event)
    if (this.#dropped === 0 && this.#last.length === 0) {
      const fits = this.#first.length < MOST_EVENTS && this.#firstBytes + size <= MOST_BYTES
      if (fits) {
        this.#first[this.#first.length] = event
        this.#firstBytes += size
        return
      }
    }
    this.#last[this.#last.length] = event
    this.#lastSizes[this.#lastSizes.length] = size
    this.#lastBytes += size
    while (this.#last.length - this.#oldest > MOST_EVENTS || this.#lastBytes > MOST_BYTES) {
      if (this.#last.length - this.#oldest === 1) break
      this.#lastBytes -= this.#lastSizes[this.#oldest] as number
      const { missed = 0 } = this.#last[this.#oldest] as RecordedEvent
      this.#oldest++
      this.#dropped += 1 + missed
    }
    if (this.#oldest > MOST_EVENTS) {
      this.#last = this.#last.slice(this.#oldest)
      this.#lastSizes = this.#lastSizes.slice(this.#oldest)
      this.#oldest = 0
    }
  }
}

/** The time of process.hrtime() at which performance.now() is 0: each thread has its own. */
function clockZero(): bigint {
  return clock() - BigInt(Math.round(now() * 1e6))
}

function byTime(a: RecordedEvent, b: RecordedEvent): number {
  return a.time - b.time
}

function sizeOf(event: RecordedEvent): number {
  if (event.kind === 'received') return event.datagram.bytes.length
  return (event.kind === 'sent' || event.kind === 'failed') && event.bytes ? event.bytes.length : 0
}
