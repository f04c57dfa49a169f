// SPDX-License-Identifier: MIT

import type { RequestSchema } from '../codec/attribute-path.ts'
import {
  NETLINK_NETFILTER,
  NETLINK_USERSOCK,
  NLM_F_ACK,
  NLM_F_REQUEST,
  NLMSG_MIN_TYPE,
} from '../codec/constants.ts'
import { encodeMessage, encodeMessages, type Message } from '../codec/message.ts'
import type { Datagram } from './datagram.ts'
import { Dump, type DumpOptions } from './dump.ts'
import { runDump } from './dump-run.ts'
import { Endpoint, SO_RCVBUF, SO_RCVBUFFORCE, SO_SNDBUF, SO_SNDBUFFORCE } from './endpoint.ts'
import { ClosedError, SystemCallError, TimeoutError, withCaller } from './errors.ts'
import { isTurnDue, turn } from './fairness.ts'
import { nextIdentity } from './identity.ts'
import { Inbox } from './inbox.ts'
import { checkCount, checkTimeout } from './numbers.ts'
import { type ObservedSocket, observer } from './observer.ts'
import type { Destination, SocketOptions, SocketSwitch, TraceEvent } from './options.ts'
import { PendingBatch, type SentRequest } from './pending-batch.ts'
import { PendingRequest } from './pending-request.ts'
import type { BatchRequest, RequestHeader, RequestOptions } from './request.ts'
import { Subscription, type SubscriptionOptions } from './subscription.ts'
import type { WaitOptions } from './wait.ts'

const DEFAULT_TIMEOUT = 5000
const nothing: readonly Uint8Array[] = []

/**
 * A netlink socket: netlink(7).
 *
 * Sending never blocks: the kernel handles a request before send returns, so its answer is taken without
 * waiting. What has to wait has a deadline. Several calls may wait at the same time; {@link close} ends them
 * all.
 *
 * Messages that answer a {@link request} go to it, by their sequence number; all else goes to {@link
 * receive}, in the order in which it came. All rules are in inbox.ts.
 */
export class Socket implements Disposable, AsyncDisposable {
  /** Unique in this process: two sockets are never equal in comparisons of objects. */
  readonly identity: number = nextIdentity()
  /** NETLINK_ROUTE, NETLINK_GENERIC ... */
  readonly protocol: number
  /** Milliseconds that calls wait by default. */
  timeout: number
  readonly #endpoint: Endpoint
  readonly #inbox: Inbox
  readonly #trace: ((event: TraceEvent) => void) | undefined
  #sequence = 0

  private constructor(protocol: number, options: SocketOptions) {
    checkTimeout(options.timeout)
    this.protocol = protocol
    this.timeout = options.timeout ?? DEFAULT_TIMEOUT
    this.#endpoint = opened({ identity: this.identity, protocol, portId: 0 }, options.namespace)
    this.#trace = options.trace
    this.#inbox = new Inbox(this.#endpoint, this, options.trace)
    observer?.opened(this, options.namespace)
  }

  /**
   * Opens and binds a socket.
   * @param protocol NETLINK_ROUTE, NETLINK_GENERIC ... : the third argument of socket(2)
   * @throws SystemCallError EPROTONOSUPPORT where the kernel has no such protocol, EADDRINUSE for a port id
   * that is taken, EPERM for groups that need privileges and for other namespaces
   * @throws RangeError that names the option, for a number that is none of its kind
   */
  static open(protocol: number, options: SocketOptions = {}): Socket {
    const socket = new Socket(protocol, options)
    try {
      if (options.extendedAck ?? true) socket.set('extendedAck', true)
      if (options.capAck) socket.set('capAck', true)
      if (options.strictCheck) socket.set('strictCheck', true)
      if (options.noEnobufs) socket.set('noEnobufs', true)
      if (options.packetInfo) socket.set('packetInfo', true)
      if (options.listenAllNamespaces) socket.set('listenAllNamespaces', true)
      if (options.receiveBuffer !== undefined) socket.setReceiveBuffer(options.receiveBuffer)
      if (options.sendBuffer !== undefined) socket.setSendBuffer(options.sendBuffer)
      socket.bind(options)
      for (const group of options.memberships ?? []) socket.join(group)
    } catch (error) {
      socket.close()
      throw error
    }
    return socket
  }

  /** The descriptor, to hand to a child process for instance; the socket still owns it. */
  get fd(): number {
    return this.#endpoint.fd
  }

  /** The port id it is bound to: its address, unique in its protocol and network namespace. */
  get portId(): number {
    return this.#endpoint.portId
  }

  /**
   * Answers that came after their request had ended, by its limit or signal for instance. They are passed
   * over, because a receiver would take them for something else; a trace shows them.
   */
  get lateAnswers(): number {
    return this.#inbox.lateAnswers
  }

  /** Whether it has been closed: then all but {@link close} throws a ClosedError. */
  get isClosed(): boolean {
    return this.#endpoint.isClosed
  }

  /**
   * bind(2), as {@link open} does: again to join other groups by mask; groups that are not in the mask are
   * left.
   * @throws SystemCallError EINVAL for another port id than it has
   */
  bind(options: Pick<SocketOptions, 'portId' | 'groups'> = {}): void {
    const groups = options.groups ?? 0
    this.#watched(() => this.#endpoint.bind(options.portId ?? this.portId, groups))
    observer?.bound(this, groups)
  }

  /**
   * NETLINK_ADD_MEMBERSHIP. @throws SystemCallError EINVAL for a group that the protocol does not have, EPERM
   */
  join(group: number): void {
    this.#watched(() => this.#endpoint.join(group))
    observer?.joined(this, group)
  }

  /** NETLINK_DROP_MEMBERSHIP. */
  leave(group: number): void {
    this.#watched(() => this.#endpoint.leave(group))
    observer?.left(this, group)
  }

  /** NETLINK_LIST_MEMBERSHIPS: the groups it is in, however joined, in ascending order. */
  memberships(): number[] {
    return this.#watched(() => this.#endpoint.memberships())
  }

  /** Turns one of the kernel's options for netlink sockets on or off. */
  set(name: SocketSwitch, on: boolean): void {
    this.#watched(() => this.#endpoint.set(name, on))
  }

  /** Bytes of SO_RCVBUF as the kernel counts them, twice what was asked for. */
  get receiveBuffer(): number {
    return this.#watched(() => this.#endpoint.getBuffer(SO_RCVBUF))
  }

  /** `force` passes the system's limit (net.core.rmem_max), with CAP_NET_ADMIN. */
  setReceiveBuffer(bytes: number, { force = false }: { force?: boolean } = {}): void {
    this.#watched(() => this.#endpoint.setBuffer(force ? SO_RCVBUFFORCE : SO_RCVBUF, bytes))
  }

  /** Bytes of SO_SNDBUF as the kernel counts them; no datagram can be larger. */
  get sendBuffer(): number {
    return this.#watched(() => this.#endpoint.getBuffer(SO_SNDBUF))
  }

  /** `force` passes the system's limit (net.core.wmem_max), with CAP_NET_ADMIN. */
  setSendBuffer(bytes: number, { force = false }: { force?: boolean } = {}): void {
    this.#watched(() => this.#endpoint.setBuffer(force ? SO_SNDBUFFORCE : SO_SNDBUF, bytes))
  }

  /**
   * Sends bytes as they are, as one datagram. When it returns, the kernel has handled the messages in it.
   * @param to the kernel if not given; null gives no address at all, as send(2) and write(2) do, which makes
   * a difference to the kernel's checks of privileges (netlink_capable())
   * @throws SystemCallError ECONNREFUSED where nobody has the port id, EMSGSIZE, EPERM; EAGAIN where another
   * process's receive buffer is full
   */
  send(bytes: Uint8Array, to?: Destination | null): void {
    // the answers are for a receiver
    this.#inbox.listen()
    this.#transmit(bytes, to)
  }

  /**
   * The next datagram that is no answer to a {@link request}: at once if there is one, else after a wait.
   * @throws TimeoutError, ClosedError, the signal's reason
   * @throws OverflowError when messages were lost; the next call continues with what is left
   */
  async receive(options: WaitOptions = {}): Promise<Datagram> {
    this.#inbox.startReading(undefined)
    return await this.#inbox.receive(options, this.timeout)
  }

  /**
   * The next datagram that is no answer to a {@link request} if it is there already, else undefined. Never
   * waits.
   * @throws OverflowError, ClosedError
   */
  receiveNow(): Datagram | undefined {
    this.#inbox.startReading(undefined)
    return this.#inbox.receiveNow()
  }

  /**
   * The datagrams that are there already and are no answers to a {@link request}, several for one system
   * call; an empty list if there are none. Never waits.
   * @throws OverflowError, ClosedError
   */
  receiveReady(): Datagram[] {
    this.#inbox.startReading(undefined)
    return this.#inbox.receiveReady()
  }

  /** The next sequence number: from 1 on, never 0, which the kernel's own notifications often have. */
  nextSequence(): number {
    this.#sequence = this.#sequence === 0xffffffff ? 1 : this.#sequence + 1
    return this.#sequence
  }

  /**
   * Sends one request with NLM_F_ACK and collects the replies until the acknowledgement, which is not among
   * them. With NLM_F_ECHO the copy of the notification is a reply.
   * @param parts what follows the header: a family's own header, attributes made by `attr`
   * @throws KernelError when the kernel refuses it
   * @throws OverflowError when the receive buffer overflowed meanwhile, so that the answer may be lost
   * @throws MalformedError for an answer that is no message, UnmatchedError when messages came that answer
   * nothing
   * @throws SystemCallError of sending, TimeoutError, ClosedError, the signal's reason
   * @throws RangeError for a timeout that is no time
   */
  async request(
    header: RequestHeader,
    parts: readonly Uint8Array[] = [],
    options: RequestOptions = {},
  ): Promise<Message[]> {
    checkTimeout(options.timeout)
    options.signal?.throwIfAborted()
    const flags = (header.flags ?? 0) | NLM_F_REQUEST | NLM_F_ACK
    const { sequence, bytes } = this.#sendRequest({ type: header.type, flags }, parts, options.schema)
    const pending: PendingRequest = new PendingRequest(sequence, flags, bytes, options.schema, () =>
      this.#inbox.removeRequest(pending),
    )
    this.#inbox.addRequest(pending)
    this.#inbox.pump()
    if (!pending.isSettled) {
      const awaited = `answer to the request of type ${header.type}, sequence number ${sequence},`
      const expired = (limit: number) => new TimeoutError(awaited, limit, pending.besides)
      this.#inbox.arm(pending, expired, options, this.timeout)
    }
    if (isTurnDue()) await turn()
    try {
      const outcome = pending.outcome()
      return outcome instanceof Promise ? await outcome : outcome
    } catch (error) {
      throw withCaller(error)
    }
  }

  /**
   * Sends several requests in one datagram. The kernel handles them in order, one after the other, whether
   * the previous ones succeeded or not. In nfnetlink's batches (NETLINK_NETFILTER) all requests between
   * NFNL_MSG_BATCH_BEGIN and END succeed or none; those two are not acknowledged, and are done without
   * replies when the others are.
   * @returns a result for each, in order: its replies, or what {@link request} would throw
   * @throws SystemCallError of sending: EMSGSIZE where the datagram is larger than the send buffer. The
   * answers to some hundreds of requests fill a receive buffer of the usual size: then the results without an
   * answer are OverflowErrors
   * @throws the signal's reason, if it is aborted already
   */
  async batch(
    requests: readonly BatchRequest[],
    options: WaitOptions = {},
  ): Promise<PromiseSettledResult<Message[]>[]> {
    checkTimeout(options.timeout)
    options.signal?.throwIfAborted()
    if (requests.length === 0) return []
    const { portId, protocol } = this
    const sent: SentRequest[] = []
    const messages = requests.map(request => {
      const { type, flags = 0, parts = nothing } = request
      const sequence = this.nextSequence()
      const isAcknowledged = !isBatchMark(protocol, type)
      sent.push({ request, sequence, isAcknowledged })
      return {
        type,
        flags: flags | NLM_F_REQUEST | (isAcknowledged ? NLM_F_ACK : 0),
        sequence,
        portId,
        parts,
      }
    })
    const datagram = encodeMessages(messages)
    this.#transmit(datagram)
    const pending: PendingBatch = new PendingBatch(sent, datagram, () => this.#inbox.removeBatch(pending))
    this.#inbox.addBatch(pending)
    this.#inbox.pump()
    pending.endIfDone()
    const awaited = `answers to a batch of ${requests.length} requests`
    const expired = (limit: number) => new TimeoutError(awaited, limit, pending.besides)
    this.#inbox.arm(pending, expired, options, this.timeout)
    if (isTurnDue()) await turn()
    return await pending.results()
  }

  /**
   * A dump: the messages that answer a request with NLM_F_DUMP. It is sent when the result is iterated or
   * collected, after the socket's other dumps have ended. Iterating throws what {@link request} throws, and
   * DumpInterruptedError.
   *
   *     for await (const message of socket.dump({ type: RTM_GETLINK }, [ifinfomsg])) ...
   *
   * A family without dumps, which answers with one message and an acknowledgement, works too.
   */
  dump(header: RequestHeader, parts: readonly Uint8Array[] = [], options: DumpOptions = {}): Dump {
    checkTimeout(options.timeout)
    checkCount('retries', options.retries)
    const socket = this
    const side = {
      inbox: this.#inbox,
      get timeout() {
        return socket.timeout
      },
      send: (sent: RequestHeader) => this.#sendRequest(sent, parts, options.schema),
    }
    return new Dump(dump => runDump(dump, side, header, options))
  }

  /**
   * Subscribes to notifications: joins the groups at once, and reads as the result is iterated. From its
   * first event until its end, or until a wait fails, it is the only reader: {@link receive} and other
   * subscriptions throw. Requests are not affected.
   * @throws SystemCallError of joining, EPERM for instance
   */
  subscribe(options: SubscriptionOptions = {}): Subscription {
    checkTimeout(options.timeout)
    const before = new Set(this.memberships())
    const joined = (options.groups ?? []).filter(group => !before.has(group))
    for (const group of joined) this.join(group)
    const fromKernel = options.fromKernel ?? this.protocol !== NETLINK_USERSOCK
    const inbox = this.#inbox
    inbox.listen()
    const receiver = {
      start: (reader: object) => inbox.startReading(reader),
      stop: (reader: object) => inbox.stopReading(reader),
      receive: (waiting: WaitOptions) => inbox.receive(waiting, this.timeout),
      receiveReady: () => inbox.receiveReady(),
    }
    return new Subscription(receiver, options, fromKernel, unread => {
      if (this.isClosed) return
      inbox.unread(unread)
      for (const group of joined) this.leave(group)
    })
  }

  /** Closes it at any time: whatever still waits fails with a ClosedError. Closing twice is no error. */
  close(): void {
    if (this.isClosed) return
    this.#inbox.close()
    this.#endpoint.close()
    observer?.closed(this)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  /** Tells the observer of a system call that fails. */
  #watched<T>(call: () => T): T {
    try {
      return call()
    } catch (error) {
      tellOf(error, this)
      throw error
    }
  }

  /** Sends a request with the next sequence number. */
  #sendRequest(
    { type, flags = 0 }: RequestHeader,
    parts: readonly Uint8Array[],
    schema: RequestSchema | undefined,
  ): { readonly sequence: number; readonly bytes: Buffer } {
    const sequence = this.nextSequence()
    const bytes = encodeMessage({ type, flags, sequence, portId: this.portId }, ...parts)
    this.#transmit(bytes, undefined, schema)
    return { sequence, bytes }
  }

  #transmit(bytes: Uint8Array, to?: Destination | null, schema?: RequestSchema): void {
    // a trace shows only what could be sent
    if (this.isClosed) throw new ClosedError()
    this.#trace?.({ direction: 'sent', bytes, portId: to?.portId ?? 0 })
    observer?.sending?.(this, bytes, to)
    try {
      this.#endpoint.send(bytes, to)
    } catch (error) {
      tellOf(error, this, bytes)
      throw error
    }
    observer?.sent(this, bytes, to, schema)
  }
}

/** Tells the observer of an error of a system call. @param bytes what was to be sent */
function tellOf(error: unknown, socket: ObservedSocket, bytes?: Uint8Array): void {
  if (error instanceof SystemCallError)
    observer?.failed(socket, error.syscall, error.code, bytes, error.about)
}

/** @param socket that it is to be for, which is not there yet */
function opened(socket: ObservedSocket, namespace: string | number | undefined): Endpoint {
  try {
    return new Endpoint(socket.protocol, namespace)
  } catch (error) {
    observer?.opened(socket, namespace)
    tellOf(error, socket)
    observer?.closed(socket)
    throw error
  }
}

/**
 * NFNL_MSG_BATCH_BEGIN and END of include/uapi/linux/netfilter/nfnetlink.h: no kernel before 6.10
 * acknowledges them.
 */
function isBatchMark(protocol: number, type: number): boolean {
  return protocol === NETLINK_NETFILTER && (type === NLMSG_MIN_TYPE || type === NLMSG_MIN_TYPE + 1)
}
