import type { RequestSchema } from './attribute-path.ts'
import { NETLINK_USERSOCK, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST } from './constants.ts'
import type { Datagram } from './datagram.ts'
import { Dump, type DumpOptions } from './dump.ts'
import {
  ClosedError,
  DumpInterruptedError,
  MalformedError,
  OverflowError,
  SystemCallError,
} from './errors.ts'
import { align, readU32, writeU16, writeU32 } from './integers.ts'
import * as libc from './libc.ts'
import { encodeMessage, encodeMessages, type Message } from './message.ts'
import { inNamespace } from './namespace.ts'
import { PendingBatch } from './pending-batch.ts'
import { PendingDump } from './pending-dump.ts'
import { PendingRequest } from './pending-request.ts'
import { unwatch, watch } from './poller.ts'
import { receiveDatagram, receiveDatagrams } from './receive-buffer.ts'
import { Subscription, type SubscriptionOptions } from './subscription.ts'
import { Wait, type WaitOptions } from './wait.ts'

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const MSG_DONTWAIT = 0x40
const SOL_SOCKET = 1
const SOL_NETLINK = 270
const EINTR = 4

/** Options of SOL_NETLINK that are on or off (include/uapi/linux/netlink.h); {@link SocketOptions} says what they do. */
const switches = {
  packetInfo: 3, // NETLINK_PKTINFO
  noEnobufs: 5, // NETLINK_NO_ENOBUFS
  listenAllNamespaces: 8, // NETLINK_LISTEN_ALL_NSID
  capAck: 10, // NETLINK_CAP_ACK
  extendedAck: 11, // NETLINK_EXT_ACK
  strictCheck: 12, // NETLINK_GET_STRICT_CHK
} as const
/** The names of those options, as `Socket.set` and {@link SocketOptions} have them. */
export type SocketSwitch = keyof typeof switches

const NETLINK_ADD_MEMBERSHIP = 1
const NETLINK_DROP_MEMBERSHIP = 2
const NETLINK_LIST_MEMBERSHIPS = 9
const SO_SNDBUF = 7
const SO_RCVBUF = 8
const SO_SNDBUFFORCE = 32
const SO_RCVBUFFORCE = 33

/** What a new socket is to be like. */
export interface SocketOptions {
  /** The port id to bind to; chosen by the kernel if not given, or 0. */
  readonly portId?: number
  /** Groups to join by bind(2): a mask of groups 1 to 32, group 1 being bit 0. */
  readonly groups?: number
  /** Groups to join by NETLINK_ADD_MEMBERSHIP: numbers from 1 on. */
  readonly memberships?: readonly number[]
  /** Milliseconds that calls wait where they are not told otherwise: 5000 if not given. */
  readonly timeout?: number
  /**
   * NETLINK_EXT_ACK: errors come with the kernel's reason, the offending attribute and its policy. On if not given, unlike the
   * others: errors without their reason help nobody.
   */
  readonly extendedAck?: boolean
  /** NETLINK_CAP_ACK: errors echo the request's header only, not all of it. */
  readonly capAck?: boolean
  /** NETLINK_GET_STRICT_CHK: rtnetlink checks the headers of GETs, and filters dumps by them. */
  readonly strictCheck?: boolean
  /** NETLINK_NO_ENOBUFS: lost messages are not reported. */
  readonly noEnobufs?: boolean
  /** NETLINK_PKTINFO: each datagram says which group it was sent to ({@link Datagram.group}). */
  readonly packetInfo?: boolean
  /**
   * NETLINK_LISTEN_ALL_NSID: multicasts of all network namespaces that have an id in the socket's own, each saying which
   * ({@link Datagram.namespaceId}). Needs CAP_NET_BROADCAST.
   */
  readonly listenAllNamespaces?: boolean
  /**
   * The network namespace to open it in, where it then is for good: a path ('/run/netns/blue', '/proc/1234/ns/net') or a
   * descriptor of such a file. Needs CAP_SYS_ADMIN. The calling thread's own if not given.
   */
  readonly namespace?: string | number
  /** Is told of all that is sent and received; `traceTo` makes text of it. */
  readonly trace?: (event: TraceEvent) => void
  /** Bytes of SO_RCVBUF; the kernel doubles it for its own bookkeeping and has a least (2304) and a greatest value. */
  readonly receiveBuffer?: number
  /** Bytes of SO_SNDBUF, likewise. */
  readonly sendBuffer?: number
}

/** What a socket tells to {@link SocketOptions.trace}. */
export interface TraceEvent {
  /** Which way it goes, as the socket sees it. */
  readonly direction: 'sent' | 'received'
  /** One datagram, as it was or will be: to be copied to be kept. */
  readonly bytes: Uint8Array
  /** To whom or from whom: 0 is the kernel. */
  readonly portId: number
}

/** Where a datagram goes. */
export interface Destination {
  /** 0, the kernel, if not given. */
  readonly portId?: number
  /** A mask of groups that get it as well; of several bits the kernel takes the lowest. */
  readonly groups?: number
}

/** A request's header as far as the caller chooses it: the sequence number and the port id are the socket's. */
export interface RequestHeader {
  /** nlmsg_type */
  readonly type: number
  /** nlmsg_flags besides NLM_F_REQUEST and NLM_F_ACK, which are always set. Not NLM_F_DUMP, which {@link Socket.dump} sets. */
  readonly flags?: number
}

/** How a request waits, and what is known of it. */
export interface RequestOptions extends WaitOptions {
  /** The schema of the request's payload, by which errors name the attributes they are about. */
  readonly schema?: RequestSchema
}

/** One request of a {@link Socket.batch}. */
export interface BatchRequest extends RequestHeader, Pick<RequestOptions, 'schema'> {
  /** What follows the header: a family's own header, attributes made by `attr`. */
  readonly parts?: readonly Uint8Array[]
}

const DEFAULT_TIMEOUT = 5000
const nothing: readonly Uint8Array[] = []

// Laid out once and written for each call, which is done with them when it returns.
const kernelAddress = sockaddr(0, 0)
const address = sockaddr(0, 0)
const value = Buffer.alloc(4)
const length = Buffer.alloc(4)

/**
 * A netlink socket: netlink(7).
 *
 * Sending never blocks: the kernel handles a request before send returns, and so its answer is taken without waiting;
 * whatever really waits has a deadline. Several calls may wait at the same time, and {@link close} ends them all.
 *
 * Of what arrives, messages that answer a {@link request} go to it, by their sequence number; all else goes to
 * {@link receive}, in the order in which it came.
 */
export class Socket implements Disposable, AsyncDisposable {
  /** NETLINK_ROUTE, NETLINK_GENERIC ... */
  readonly protocol: number
  /** Milliseconds that calls wait where they are not told otherwise. */
  timeout: number
  #fd: number
  #portId = 0
  #sequence = 0
  #isWatched = false
  /** What came while only requests were waited for. */
  readonly #held: (Datagram | OverflowError)[] = []
  readonly #receivers = new Set<Wait<Datagram>>()
  readonly #requests = new Map<number, PendingRequest>()
  readonly #batches = new Set<PendingBatch>()
  /** The kernel does one at a time for a socket (EBUSY); the others wait for their turn. */
  #dump: PendingDump | undefined
  readonly #dumpTurns = new Set<Wait<void>>()
  /** Messages were lost: if what is left in the receive buffer does not answer a request, nothing will. */
  #overflow: OverflowError | undefined

  readonly #trace: ((event: TraceEvent) => void) | undefined

  private constructor(protocol: number, fd: number, options: SocketOptions) {
    this.protocol = protocol
    this.timeout = options.timeout ?? DEFAULT_TIMEOUT
    this.#fd = fd
    this.#trace = options.trace
  }

  /**
   * Opens and binds a socket.
   * @param protocol NETLINK_ROUTE, NETLINK_GENERIC ... : the third argument of socket(2)
   * @throws SystemCallError EPROTONOSUPPORT where the kernel has no such protocol, EADDRINUSE for a port id that is
   * taken, EPERM for groups that need privileges and for other namespaces
   */
  static open(protocol: number, options: SocketOptions = {}): Socket {
    const { namespace } = options
    const fd =
      namespace === undefined
        ? openDescriptor(protocol)
        : inNamespace(namespace, () => openDescriptor(protocol))
    const socket = new Socket(protocol, fd, options)
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

  /** The descriptor, to hand to a child process for instance; it remains the socket's own. */
  get fd(): number {
    if (this.#fd === -1) throw new ClosedError()
    return this.#fd
  }

  /** The port id it is bound to: its address, unique in its protocol and network namespace. */
  get portId(): number {
    return this.#portId
  }

  /** Whether it has been closed: all but {@link close} then throws a ClosedError. */
  get isClosed(): boolean {
    return this.#fd === -1
  }

  /**
   * bind(2), which {@link open} has done once: again to join other groups by mask; those not in it are left.
   * @throws SystemCallError EINVAL for another port id than it has
   */
  bind(options: Pick<SocketOptions, 'portId' | 'groups'> = {}): void {
    const { fd } = this
    writeU32(address, options.portId ?? this.#portId, 4)
    writeU32(address, options.groups ?? 0, 8)
    check('bind', libc.bind(fd, address, address.length))
    writeU32(length, address.length, 0)
    check('getsockname', libc.getsockname(fd, address, length))
    this.#portId = readU32(address, 4)
  }

  /** NETLINK_ADD_MEMBERSHIP. @throws SystemCallError EINVAL for a group that the protocol does not have, EPERM */
  join(group: number): void {
    this.#setOption(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
  }

  /** NETLINK_DROP_MEMBERSHIP. */
  leave(group: number): void {
    this.#setOption(SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, group)
  }

  /** NETLINK_LIST_MEMBERSHIPS: the groups it is in, however joined, in ascending order. */
  memberships(): number[] {
    const { fd } = this
    // the kernel says how much there is, and writes only what fits
    writeU32(length, 0, 0)
    check('getsockopt', libc.getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, value, length))
    const mask = Buffer.alloc(Math.ceil(readU32(length, 0) / 4) * 4)
    writeU32(length, mask.length, 0)
    check('getsockopt', libc.getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, mask, length))
    const groups: number[] = []
    for (let bit = 0; bit < mask.length * 8; bit++)
      if ((readU32(mask, (bit >>> 5) * 4) >>> (bit & 31)) & 1) groups.push(bit + 1)
    return groups
  }

  /** Turns one of the kernel's options for netlink sockets on or off. */
  set(name: SocketSwitch, on: boolean): void {
    this.#setOption(SOL_NETLINK, switches[name], on ? 1 : 0)
  }

  /** Bytes of SO_RCVBUF as the kernel counts them, twice what was asked for. */
  get receiveBuffer(): number {
    return this.#getOption(SOL_SOCKET, SO_RCVBUF)
  }

  /** `force` passes the system's limit (net.core.rmem_max), with CAP_NET_ADMIN. */
  setReceiveBuffer(bytes: number, { force = false }: { force?: boolean } = {}): void {
    this.#setOption(SOL_SOCKET, force ? SO_RCVBUFFORCE : SO_RCVBUF, bytes)
  }

  /** Bytes of SO_SNDBUF as the kernel counts them; no datagram can be larger. */
  get sendBuffer(): number {
    return this.#getOption(SOL_SOCKET, SO_SNDBUF)
  }

  /** `force` passes the system's limit (net.core.wmem_max), with CAP_NET_ADMIN. */
  setSendBuffer(bytes: number, { force = false }: { force?: boolean } = {}): void {
    this.#setOption(SOL_SOCKET, force ? SO_SNDBUFFORCE : SO_SNDBUF, bytes)
  }

  /**
   * Sends bytes as they are, as one datagram. When it returns, the kernel has handled the messages in it.
   * @param to the kernel if not given; null gives no address at all, as send(2) and write(2) do, which makes a
   * difference to the kernel's checks of privileges (netlink_capable())
   * @throws SystemCallError ECONNREFUSED where nobody has the port id, EMSGSIZE, EPERM; EAGAIN where another process's
   * receive buffer is full
   */
  send(bytes: Uint8Array, to?: Destination | null): void {
    let target: Buffer | null = kernelAddress
    if (to === null) target = null
    else if (to !== undefined) {
      writeU32(address, to.portId ?? 0, 4)
      writeU32(address, to.groups ?? 0, 8)
      target = address
    }
    const { fd } = this
    this.#trace?.({ direction: 'sent', bytes, portId: to?.portId ?? 0 })
    for (;;) {
      const sent = libc.sendto(fd, bytes, bytes.length, MSG_DONTWAIT, target, target === null ? 0 : 12)
      if (sent !== -1) return
      const error = libc.errno()
      if (error !== EINTR) throw new SystemCallError('sendto', error)
    }
  }

  /**
   * The next datagram that is no answer to a {@link request}. What is there already is taken at once; only else it waits.
   * @throws TimeoutError, ClosedError, the signal's reason
   * @throws OverflowError when messages were lost; the next call goes on with what there is
   */
  async receive(options: WaitOptions = {}): Promise<Datagram> {
    options.signal?.throwIfAborted()
    if (this.#receivers.size === 0) {
      const datagram = this.receiveNow()
      if (datagram) return datagram
    }
    const wait: Wait<Datagram> = new Wait(() => this.#receivers.delete(wait))
    this.#receivers.add(wait)
    this.#arm(wait, 'datagram', options)
    return await wait.outcome()
  }

  /**
   * The next datagram that is no answer to a {@link request} if it is there already, else undefined. Never waits.
   * @throws OverflowError, ClosedError
   */
  receiveNow(): Datagram | undefined {
    const { fd } = this
    const held = this.#held.shift()
    if (held instanceof OverflowError) throw held
    if (held !== undefined) return held
    for (;;) {
      const datagram = this.#read(fd)
      if (datagram === undefined || !this.#claim(datagram)) return datagram
    }
  }

  /**
   * Datagrams that are there already and no answers to a {@link request}, several for one system call; none if there are none. Never waits.
   * @throws OverflowError, ClosedError
   */
  receiveReady(): Datagram[] {
    const { fd } = this
    if (this.#held.length > 0) {
      const held = this.receiveNow()
      return held === undefined ? [] : [held]
    }
    for (;;) {
      const datagrams = this.#readSeveral(fd)
      if (datagrams === undefined) return []
      if (!this.#expectsAnswers) return datagrams
      const others = datagrams.filter(datagram => !this.#claim(datagram))
      if (others.length > 0) return others
    }
  }

  /** The next sequence number: from 1 on, never 0, which notifications of the kernel's own often have. */
  nextSequence(): number {
    this.#sequence = this.#sequence === 0xffffffff ? 1 : this.#sequence + 1
    return this.#sequence
  }

  /**
   * Sends one request and collects the replies to it until the kernel's acknowledgement, which is asked for and is not
   * among them. With NLM_F_ECHO the copy of the notification is a reply.
   * @param parts what follows the header: a family's own header, attributes made by `attr`
   * @throws KernelError when the kernel refuses it
   * @throws OverflowError when the receive buffer overflowed meanwhile, so that the answer may be lost
   * @throws SystemCallError of sending, TimeoutError, ClosedError, MalformedError, the signal's reason
   */
  async request(
    header: RequestHeader,
    parts: readonly Uint8Array[] = [],
    options: RequestOptions = {},
  ): Promise<Message[]> {
    options.signal?.throwIfAborted()
    const flags = (header.flags ?? 0) | NLM_F_REQUEST | NLM_F_ACK
    const sequence = this.nextSequence()
    const bytes = encodeMessage({ type: header.type, flags, sequence, portId: this.#portId }, ...parts)
    const pending = new PendingRequest(flags, bytes, options.schema, () => this.#requests.delete(sequence))
    this.send(bytes)
    this.#requests.set(sequence, pending)
    this.#pump()
    this.#arm(pending, `answer to the request of type ${header.type}, sequence number ${sequence},`, options)
    const outcome = pending.outcome()
    return outcome instanceof Promise ? await outcome : outcome
  }

  /**
   * Sends several requests in one datagram, which the kernel handles in their order, one after the other, whether those before
   * succeeded or not.
   * @returns a result for each, in their order: its replies, or the reason why it failed, as {@link request} would throw it
   * @throws SystemCallError of sending: EMSGSIZE where all together are larger than the send buffer. Answers to some
   * hundreds of requests fill a receive buffer of the usual size: then the results of those without an answer are OverflowErrors
   * @throws the signal's reason, if it is aborted already
   */
  async batch(
    requests: readonly BatchRequest[],
    options: WaitOptions = {},
  ): Promise<PromiseSettledResult<Message[]>[]> {
    options.signal?.throwIfAborted()
    if (requests.length === 0) return []
    const sequences: number[] = []
    const portId = this.#portId
    const messages = requests.map(({ type, flags = 0, parts = nothing }) => {
      const sequence = this.nextSequence()
      sequences.push(sequence)
      return { type, flags: flags | NLM_F_REQUEST | NLM_F_ACK, sequence, portId, parts }
    })
    const datagram = encodeMessages(messages)
    this.send(datagram)
    const pending: PendingBatch = new PendingBatch(requests, sequences, datagram, () =>
      this.#batches.delete(pending),
    )
    this.#batches.add(pending)
    this.#pump()
    this.#arm(pending, `answers to a batch of ${requests.length} requests`, options)
    return await pending.results()
  }

  /**
   * A dump: the messages that answer a request with NLM_F_DUMP. It is sent when the result is iterated or collected, after the
   * socket's other dumps have ended. Iterating throws what {@link request} throws, and DumpInterruptedError.
   *
   *     for await (const message of socket.dump({ type: RTM_GETLINK }, [ifinfomsg])) ...
   *
   * A family that knows no dumps and answers with one message and an acknowledgement is no problem.
   */
  dump(header: RequestHeader, parts: readonly Uint8Array[] = [], options: DumpOptions = {}): Dump {
    return new Dump(dump => this.#runDump(dump, header, parts, options))
  }

  /**
   * Subscribes to what comes without being asked for: joins the groups at once, and reads as the result is iterated. One at a time on a
   * socket, and not together with {@link receive}: what one takes, the other does not see. Requests go on as ever.
   * @throws SystemCallError of joining, EPERM for instance
   */
  subscribe(options: SubscriptionOptions = {}): Subscription {
    const before = new Set(this.memberships())
    const joined = (options.groups ?? []).filter(group => !before.has(group))
    for (const group of joined) this.join(group)
    const fromKernel = options.fromKernel ?? this.protocol !== NETLINK_USERSOCK
    return new Subscription(this, options, fromKernel, unread => {
      if (this.isClosed) return
      this.#held.unshift(...unread)
      for (const group of joined) this.leave(group)
    })
  }

  /** Closes it, at any time: what still waits fails with a ClosedError. Closing twice is no error. */
  close(): void {
    if (this.#fd === -1) return
    const fd = this.#fd
    this.#fd = -1
    if (this.#isWatched) unwatch(fd)
    libc.close(fd)
    this.#held.length = 0
    this.#rejectAnswers(new ClosedError())
    this.#dump = undefined
    for (const wait of [...this.#receivers, ...this.#dumpTurns]) wait.reject(new ClosedError())
  }

  [Symbol.dispose](): void {
    this.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  /** Lets a wait that has to wait do so. */
  #arm<T>(wait: Wait<T>, awaited: string, options: WaitOptions): void {
    if (wait.isSettled) return
    const { fd } = this
    if (!this.#isWatched) {
      watch(fd, () => this.#pump())
      this.#isWatched = true
    }
    wait.arm(awaited, options.timeout ?? this.timeout, options.signal)
  }

  /** The messages of a dump, a datagram at a time; the next is read only when it is asked for. */
  async *#runDump(
    dump: Dump,
    header: RequestHeader,
    parts: readonly Uint8Array[],
    options: DumpOptions,
  ): AsyncGenerator<Message[], void, void> {
    const { retries = 0 } = options
    for (;;) {
      options.signal?.throwIfAborted()
      await this.#takeDumpTurn(options)
      const pending = this.#startDump(header, parts, options.schema)
      dump.attempts++
      dump.isInterrupted = false
      const withheld: Message[] = []
      try {
        while (!pending.isDone) {
          const more = pending.more()
          if (more !== undefined) {
            this.#pump()
            this.#arm(more, `part of the dump of type ${header.type}`, options)
            await more.outcome()
          }
          const messages = pending.drain()
          dump.isInterrupted = pending.isInterrupted
          if (retries > 0) withheld.push(...messages)
          else if (messages.length > 0) yield messages
          // the kernel answers at once, so that no wait would notice
          options.signal?.throwIfAborted()
        }
        // the error that came with the end
        pending.drain()
      } finally {
        this.#endDump(pending)
      }
      if (retries === 0) return
      if (!dump.isInterrupted) {
        yield withheld
        return
      }
      if (dump.attempts > retries) throw new DumpInterruptedError(dump.attempts)
    }
  }

  async #takeDumpTurn(options: WaitOptions): Promise<void> {
    while (this.#dump !== undefined) {
      const turn: Wait<void> = new Wait(() => this.#dumpTurns.delete(turn))
      this.#dumpTurns.add(turn)
      this.#arm(turn, 'end of the dump before', options)
      await turn.outcome()
    }
  }

  #startDump(
    header: RequestHeader,
    parts: readonly Uint8Array[],
    schema: RequestSchema | undefined,
  ): PendingDump {
    // the acknowledgement is the end where a family knows no dumps: those that do send none
    const flags = (header.flags ?? 0) | NLM_F_REQUEST | NLM_F_DUMP | NLM_F_ACK
    const sequence = this.nextSequence()
    const bytes = encodeMessage({ type: header.type, flags, sequence, portId: this.#portId }, ...parts)
    this.send(bytes)
    this.#dump = new PendingDump(sequence, bytes, schema)
    return this.#dump
  }

  /** Reads what is left of an abandoned dump: the kernel makes the next part when one is read, until the last. */
  #endDump(pending: PendingDump): void {
    while (!pending.isDone && this.#fd !== -1) {
      try {
        const datagram = this.#read(this.#fd)
        if (datagram === undefined) break
        if (!this.#claim(datagram)) this.#hand(datagram)
      } catch (error) {
        this.#fail(error)
      }
    }
    if (this.#dump === pending) this.#dump = undefined
    const [next] = this.#dumpTurns
    next?.resolve()
  }

  get #expectsAnswers(): boolean {
    return this.#requests.size > 0 || this.#batches.size > 0 || this.#dump !== undefined
  }

  get #isAwaited(): boolean {
    return (
      this.#requests.size > 0 ||
      this.#batches.size > 0 ||
      this.#receivers.size > 0 ||
      this.#dump?.isAwaited === true
    )
  }

  /** Hands out what has come, until there is no more or nobody wants any: an answer costs one call, not two. */
  #pump(): void {
    while (this.#fd !== -1 && this.#isAwaited) {
      try {
        // of several answers, several at once; of one, the reply and the acknowledgement
        const datagrams =
          this.#requests.size > 1 || this.#batches.size > 0
            ? this.#readSeveral(this.#fd)
            : this.#requests.size > 0 && this.#dump === undefined
              ? this.#readSeveral(this.#fd, 2)
              : this.#read(this.#fd)
        if (datagrams === undefined) return
        for (const datagram of Array.isArray(datagrams) ? datagrams : [datagrams])
          if (!this.#claim(datagram)) this.#hand(datagram)
      } catch (error) {
        this.#fail(error)
      }
    }
  }

  /** Gives what is no answer to who waits for it first, or keeps it. */
  #hand(datagram: Datagram): void {
    const [receiver] = this.#receivers
    if (receiver) receiver.resolve(datagram)
    else this.#held.push(datagram)
  }

  #fail(error: unknown): void {
    const [receiver] = this.#receivers
    if (receiver) receiver.reject(error)
    else if (error instanceof OverflowError && !(this.#held.at(-1) instanceof OverflowError))
      this.#held.push(error)
  }

  #read(fd: number): Datagram | undefined {
    return this.#watchReading(() => receiveDatagram(fd))
  }

  /** Undefined if there is none. */
  #readSeveral(fd: number, most?: number): Datagram[] | undefined {
    // who traces wants to see them all
    const isAwaited = this.#batches.size > 0 && this.#trace === undefined ? this.#acknowledge : undefined
    return this.#watchReading(() => receiveDatagrams(fd, most, isAwaited))
  }

  /** Takes an acknowledgement that is one of a batch's. */
  readonly #acknowledge = (sequence: number, portId: number): boolean => {
    if (portId !== this.#portId && portId !== 0) return false
    for (const batch of this.#batches) if (batch.acknowledge(sequence)) return true
    return false
  }

  /** Sees what it means for requests that messages were lost, or nothing is left. */
  #watchReading<T extends Datagram | Datagram[]>(read: () => T | undefined): T | undefined {
    try {
      const received = read()
      if (received !== undefined && this.#trace !== undefined)
        for (const { bytes, portId } of Array.isArray(received) ? received : [received])
          this.#trace({ direction: 'received', bytes, portId })
      if (this.#overflow !== undefined) {
        if (received === undefined) this.#rejectAnswers(this.#overflow)
        if (received === undefined || !this.#expectsAnswers) this.#overflow = undefined
      }
      return received
    } catch (error) {
      // what was lost may be answers; what is left may be others
      if (!(error instanceof OverflowError)) this.#rejectAnswers(error)
      else if (this.#expectsAnswers) this.#overflow = error
      throw error
    }
  }

  #rejectAnswers(error: unknown): void {
    for (const pending of [...this.#requests.values(), ...this.#batches]) pending.reject(error)
    this.#dump?.reject(error)
  }

  /** Gives a datagram to the request that it answers, if it does. */
  #claim(datagram: Datagram): boolean {
    if (!this.#expectsAnswers || datagram.portId !== 0) return false
    try {
      const first = datagram.first()
      const { sequence } = first
      const pending = this.#pendingOf(sequence)
      // some families leave the port id of their replies 0
      if (pending === undefined || (first.portId !== this.#portId && first.portId !== 0)) return false
      // the notification of a socket's own request has the request's sequence number and port id as well
      if (datagram.groups !== 0 && !pending.wantsEcho(sequence)) return false
      if (align(first.length) >= datagram.length) pending.take(first)
      else for (const message of datagram.messages()) pending.take(message)
      return true
    } catch (error) {
      if (error instanceof MalformedError) return false
      throw error
    }
  }

  #pendingOf(sequence: number): PendingRequest | PendingBatch | PendingDump | undefined {
    for (const batch of this.#batches) if (batch.awaits(sequence)) return batch
    return this.#requests.get(sequence) ?? (this.#dump?.sequence === sequence ? this.#dump : undefined)
  }

  #setOption(level: number, option: number, setting: number): void {
    const { fd } = this
    writeU32(value, setting, 0)
    check('setsockopt', libc.setsockopt(fd, level, option, value, value.length))
  }

  #getOption(level: number, option: number): number {
    const { fd } = this
    writeU32(length, value.length, 0)
    check('getsockopt', libc.getsockopt(fd, level, option, value, length))
    return readU32(value, 0)
  }
}

/** struct sockaddr_nl */
function sockaddr(portId: number, groups: number): Buffer {
  const bytes = Buffer.alloc(12)
  writeU16(bytes, AF_NETLINK, 0)
  writeU32(bytes, portId, 4)
  writeU32(bytes, groups, 8)
  return bytes
}

function openDescriptor(protocol: number): number {
  const fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)
  check('socket', fd)
  return fd
}

function check(syscall: string, result: number): void {
  if (result === -1) throw new SystemCallError(syscall, libc.errno())
}
