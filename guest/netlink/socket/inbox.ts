// SPDX-License-Identifier: MIT
/**
 * What comes to a socket: read, and given to its owner. The rules, which README.md explains to users:
 *
 * 1. What another process sent, and what was sent to a group, is for receivers. Exception: the copy of a
 *    notification that a request asked for by NLM_F_ECHO, with its sequence number and port id, is a reply.
 * 2. Each message that the kernel sent to this socket alone belongs to the request, batch or dump that waits
 *    for its sequence number, if it carries the socket's port id, or 0 as some families leave it.
 * 3. What comes for one that ended without its answer, by its limit for instance, is passed over and counted;
 *    so is the rest of a dump that was left.
 * 4. Bytes that are no messages fail the request that their header belongs to by 2.
 * 5. All else is for receivers, the first that asks: {@link Inbox.receive} or a subscription. On a socket
 *    that was never used to receive or to send by hand, it fails whatever waits meanwhile, once that is
 *    acknowledged.
 */
import { NLMSG_DONE, NLMSG_HDRLEN } from '../codec/constants.ts'
import { isAnswer } from '../codec/error-message.ts'
import { MalformedError, NetlinkError } from '../codec/errors.ts'
import { align, readU32 } from '../codec/integers.ts'
import type { Message } from '../codec/message.ts'
import type { Datagram } from './datagram.ts'
import { DumpTurns } from './dump-turns.ts'
import { EndedRequests } from './ended-requests.ts'
import type { Endpoint } from './endpoint.ts'
import { ClosedError, OverflowError, SystemCallError, TimeoutError, withCaller } from './errors.ts'
import { isTurnDue, now, turn } from './fairness.ts'
import { checkTimeout } from './numbers.ts'
import { type ObservedSocket, observer } from './observer.ts'
import type { TraceEvent } from './options.ts'
import type { PendingBatch } from './pending-batch.ts'
import type { PendingDump } from './pending-dump.ts'
import type { PendingRequest } from './pending-request.ts'
import { unwatch, watch } from './poller.ts'
import { receiveDatagram, receiveDatagrams } from './receive-buffer.ts'
import { Wait, type WaitOptions } from './wait.ts'

/** What answers belong to: a request, a batch or a dump. */
interface Owner {
  take(message: Message): void
  takeMalformed(sequence: number, error: MalformedError): void
}

/** Milliseconds of reading before the event loop has a turn. */
const SLICE = 10
/** Datagrams between two looks at the clock. */
const COUNTED = 16
/** Most datagrams that a call which never waits passes over. */
const PASSED_OVER = 4096

export class Inbox {
  readonly dumpTurns = new DumpTurns()
  readonly #endpoint: Endpoint
  readonly #trace: ((event: TraceEvent) => void) | undefined
  readonly #socket: ObservedSocket
  #isWatched = false
  #isPumpDue = false
  /** Whether anybody has ever asked for messages that are no answers. */
  #listens = false
  /** The subscription that reads now; nobody else may. */
  #reader: object | undefined
  /** Messages that are no answers, which came while nobody received. */
  readonly #held: (Datagram | OverflowError)[] = []
  readonly #receivers = new Set<Wait<Datagram>>()
  readonly #requests = new Map<number, PendingRequest>()
  readonly #batches = new Set<PendingBatch>()
  #dump: PendingDump | undefined
  readonly #ended = new EndedRequests()
  #lateAnswers = 0
  /**
   * Messages were lost: a request that the rest of the receive buffer does not answer will not be answered.
   */
  #overflow: OverflowError | undefined

  constructor(endpoint: Endpoint, socket: ObservedSocket, trace: ((event: TraceEvent) => void) | undefined) {
    this.#endpoint = endpoint
    this.#socket = socket
    this.#trace = trace
  }

  /** The dump that has the turn, in words. */
  get dumpName(): string {
    return this.#dump?.name ?? 'dump'
  }

  /** Messages that were passed over because their request had ended. */
  get lateAnswers(): number {
    return this.#lateAnswers
  }

  addRequest(pending: PendingRequest): void {
    this.#requests.set(pending.sequence, pending)
  }

  removeRequest(pending: PendingRequest): void {
    this.#requests.delete(pending.sequence)
    if (!pending.isAnswered) this.#ended.add(pending.sequence)
  }

  addBatch(pending: PendingBatch): void {
    this.#batches.add(pending)
  }

  removeBatch(pending: PendingBatch): void {
    this.#batches.delete(pending)
    for (const sequence of pending.unanswered) this.#ended.add(sequence)
  }

  addDump(pending: PendingDump): void {
    this.#dump = pending
  }

  /**
   * Ends a dump for its reader, and passes the turn on. The rest is read and thrown away: the kernel makes
   * the next part when one is read.
   * @param limit milliseconds to read; later reads throw the rest away, and the turn is passed on at its end
   * @returns whether it has ended
   */
  async leaveDump(pending: PendingDump, limit: number): Promise<boolean> {
    const end = () => {
      if (this.#dump !== pending) return
      this.#dump = undefined
      this.dumpTurns.release()
    }
    pending.leave(end)
    const since = now()
    while (!pending.isDone && !this.#endpoint.isClosed) {
      const datagram = this.#tryRead()
      if (datagram === undefined) {
        this.#abandon(pending)
        break
      }
      if (!isTurnDue()) continue
      if (now() - since > limit) return false
      await turn()
    }
    end()
    return true
  }

  /** Nothing is left of it, in the receive buffer or in the kernel. */
  #abandon(pending: PendingDump): void {
    this.#ended.add(pending.sequence)
    pending.abandon()
  }

  /** From now on messages that are no answers are kept for a receiver. */
  listen(): void {
    this.#listens = true
  }

  /** Makes `reader` the only reader, until {@link stopReading}. @throws NetlinkError if there is another */
  startReading(reader: object | undefined): void {
    if (this.#reader !== undefined && this.#reader !== reader)
      throw new NetlinkError(
        'a subscription reads this socket: end it first, by return() or by leaving its loop, or open another socket',
      )
    this.#reader = reader
    this.#listens = true
  }

  /** See {@link startReading}. */
  stopReading(reader: object): void {
    if (this.#reader === reader) this.#reader = undefined
  }

  /** Puts back what a reader took and did not hand out. */
  unread(datagrams: readonly Datagram[]): void {
    this.#held.unshift(...datagrams)
    for (const receiver of [...this.#receivers]) {
      const held = this.#held.shift()
      if (held === undefined) return
      if (held instanceof OverflowError) receiver.reject(held)
      else receiver.resolve(held)
    }
  }

  /** {@link Socket.receive}; `timeout` is the socket's own. */
  async receive(options: WaitOptions, timeout: number): Promise<Datagram> {
    checkTimeout(options.timeout)
    options.signal?.throwIfAborted()
    if (this.#receivers.size === 0) {
      const datagram = this.#receiveNowFor()
      if (datagram !== undefined) {
        if (isTurnDue()) await turn()
        return datagram
      }
    }
    const wait: Wait<Datagram> = new Wait(() => this.#receivers.delete(wait))
    this.#receivers.add(wait)
    this.arm(wait, (limit, besides) => new TimeoutError('datagram', limit, besides), options, timeout)
    try {
      return await wait.outcome()
    } catch (error) {
      throw withCaller(error)
    }
  }

  /** A loss that was kept for a receiver has the lines of what read it. */
  #receiveNowFor(): Datagram | undefined {
    try {
      return this.receiveNow()
    } catch (error) {
      throw withCaller(error)
    }
  }

  receiveNow(): Datagram | undefined {
    const { fd } = this.#endpoint
    const held = this.#held.shift()
    if (held instanceof OverflowError) throw held
    if (held !== undefined) return held
    for (let passed = 0; passed < PASSED_OVER; passed++) {
      const datagram = this.#read(fd)
      if (datagram === undefined || !this.#claim(datagram)) return datagram
      // others may have come together with answers
      if (this.#held.length > 0) return this.receiveNow()
    }
    this.#pumpLater()
    return undefined
  }

  receiveReady(): Datagram[] {
    const { fd } = this.#endpoint
    for (let passed = 0; passed < PASSED_OVER; passed++) {
      if (this.#held.length > 0) {
        const held = this.receiveNow()
        return held === undefined ? [] : [held]
      }
      const datagrams = this.#readSeveral(fd)
      if (datagrams === undefined) return []
      if (!this.#expectsAnswers) return datagrams
      for (const datagram of datagrams) if (!this.#claim(datagram)) this.#held.push(datagram)
    }
    this.#pumpLater()
    return []
  }

  /** Starts a wait that is not settled yet; `timeout` is the default limit. */
  arm<T>(
    wait: Wait<T>,
    expired: (timeout: number, besides: string) => TimeoutError,
    options: WaitOptions,
    timeout: number,
    besides: () => string = () => '',
  ): void {
    if (wait.isSettled) return
    const { fd } = this.#endpoint
    if (!this.#isWatched) {
      watch(fd, () => this.pump())
      this.#isWatched = true
    }
    const limit = options.timeout ?? timeout
    checkTimeout(limit)
    const late = () => {
      const error = expired(limit, besides())
      if (error.timeout > 0) observer?.waited?.(this.#socket, error.timeout)
      return error
    }
    wait.arm(late, limit, options.signal)
  }

  /**
   * Hands out what has come, until there is no more or nothing waits: an answer then costs one call, not two.
   */
  pump(): void {
    let since: number | undefined
    for (let taken = 1; !this.#endpoint.isClosed && this.#isAwaited; taken++) {
      try {
        const { fd } = this.#endpoint
        // several at once where many answers are due; for one request, its reply and acknowledgement
        const datagrams =
          this.#requests.size > 1 || this.#batches.size > 0
            ? this.#readSeveral(fd)
            : this.#requests.size > 0 && this.#dump === undefined
              ? this.#readSeveral(fd, 2)
              : this.#read(fd)
        if (datagrams === undefined) {
          if (this.#dump?.isLeft) this.#abandon(this.#dump)
          return
        }
        for (const datagram of Array.isArray(datagrams) ? datagrams : [datagrams])
          if (!this.#claim(datagram)) this.#hand(datagram)
      } catch (error) {
        this.#fail(error)
      }
      if (taken % COUNTED !== 0) continue
      since ??= now()
      if (now() - since < SLICE) continue
      this.#pumpLater()
      return
    }
  }

  /** Fails whatever still waits with a ClosedError; to be called before the endpoint is closed. */
  close(): void {
    if (this.#isWatched) unwatch(this.#endpoint.fd)
    this.#held.length = 0
    this.#rejectAnswers(new ClosedError())
    this.#dump = undefined
    this.dumpTurns.reject(new ClosedError())
    for (const wait of [...this.#receivers]) wait.reject(new ClosedError())
  }

  /** The descriptor is edge-triggered: epoll does not report again what is left unread. */
  #pumpLater(): void {
    if (this.#isPumpDue) return
    this.#isPumpDue = true
    void turn().then(() => {
      this.#isPumpDue = false
      this.pump()
    })
  }

  get #expectsAnswers(): boolean {
    return (
      this.#requests.size > 0 || this.#batches.size > 0 || this.#dump !== undefined || !this.#ended.isEmpty
    )
  }

  get #isAwaited(): boolean {
    return (
      this.#requests.size > 0 ||
      this.#batches.size > 0 ||
      this.#receivers.size > 0 ||
      this.#dump?.isAwaited === true ||
      (this.#dump?.isLeft === true && this.dumpTurns.isAwaited)
    )
  }

  /** Gives a datagram that is no answer to the first receiver that waits, or keeps it. */
  #hand(datagram: Datagram): void {
    const [receiver] = this.#receivers
    if (receiver) {
      receiver.resolve(datagram)
      return
    }
    this.#held.push(datagram)
    if (this.#listens || datagram.portId !== 0 || isMulticast(datagram)) return
    for (const pending of this.#requests.values()) pending.note(datagram)
    for (const pending of this.#batches) pending.note(datagram)
    this.#dump?.note(datagram)
  }

  #fail(error: unknown): void {
    const [receiver] = this.#receivers
    if (receiver) receiver.reject(error)
    else if (error instanceof OverflowError && !(this.#held.at(-1) instanceof OverflowError))
      this.#held.push(error)
  }

  /** Reads a datagram and gives it to its owner; undefined if there was none. */
  #tryRead(): Datagram | undefined {
    for (;;) {
      try {
        const datagram = this.#read(this.#endpoint.fd)
        if (datagram !== undefined && !this.#claim(datagram)) this.#hand(datagram)
        return datagram
      } catch (error) {
        this.#fail(error)
        if (!(error instanceof OverflowError)) return undefined
      }
    }
  }

  #read(fd: number): Datagram | undefined {
    return this.#watchReading(() => receiveDatagram(fd))
  }

  /** Undefined if there is none. */
  #readSeveral(fd: number, most?: number): Datagram[] | undefined {
    // a trace and an observer have to see all of them
    const isWatched = this.#trace !== undefined || observer !== undefined
    const isAwaited = this.#batches.size > 0 && !isWatched ? this.#acknowledge : undefined
    return this.#watchReading(() => receiveDatagrams(fd, most, isAwaited))
  }

  /** Takes an acknowledgement if it belongs to a batch. */
  readonly #acknowledge = (sequence: number, portId: number): boolean => {
    if (portId !== this.#endpoint.portId && portId !== 0) return false
    for (const batch of this.#batches) if (batch.acknowledge(sequence)) return true
    return false
  }

  /** Reads, and fails requests whose answers were lost. */
  #watchReading<T extends Datagram | Datagram[]>(read: () => T | undefined): T | undefined {
    try {
      const received = read()
      if (received !== undefined && this.#trace !== undefined)
        for (const { bytes, portId } of Array.isArray(received) ? received : [received])
          this.#trace({ direction: 'received', bytes, portId })
      if (received !== undefined && observer !== undefined) {
        if (Array.isArray(received)) for (const each of received) observer.received(this.#socket, each)
        else observer.received(this.#socket, received)
      }
      if (this.#overflow !== undefined) {
        if (received === undefined) this.#rejectAnswers(this.#overflow)
        if (received === undefined || !this.#expectsAnswers) this.#overflow = undefined
      }
      return received
    } catch (error) {
      if (error instanceof OverflowError || error instanceof SystemCallError)
        observer?.failed(this.#socket, 'recvmsg', error.code)
      // answers may be lost, or still be in the receive buffer
      if (!(error instanceof OverflowError)) {
        this.#rejectAnswers(error)
        this.dumpTurns.reject(error)
      } else if (this.#expectsAnswers) this.#overflow = error
      throw error
    }
  }

  #rejectAnswers(error: unknown): void {
    for (const pending of [...this.#requests.values(), ...this.#batches]) pending.reject(error)
    this.#dump?.reject(error)
  }

  /** Gives the messages of a datagram to their owners; false if all of it is for receivers. */
  #claim(datagram: Datagram): boolean {
    if (!this.#expectsAnswers || datagram.portId !== 0) return false
    const { bytes } = datagram
    if (bytes.length < NLMSG_HDRLEN) return false
    const length = readU32(bytes, 0)
    if (align(length) < bytes.length || length > bytes.length) return this.#claimSeveral(datagram)
    // usually it holds one message
    const owner = this.#ownerOf(bytes, 0, datagram)
    owner?.take(datagram.first())
    return owner !== undefined
  }

  #claimSeveral(datagram: Datagram): boolean {
    let messages: Message[]
    try {
      messages = datagram.messages()
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      return this.#claimMalformed(datagram, error)
    }
    const { bytes } = datagram
    const rest: Datagram[] = []
    /** What ends a request, by its sequence number. */
    const ends = new Map<number, () => void>()
    let start = 0
    for (const message of messages) {
      // looked up for each message: one may end the request that the next belongs to
      const owner = ends.has(message.sequence) ? undefined : this.#ownerOf(bytes, start, datagram)
      if (owner === undefined) rest.push(datagram.part(start, start + message.length))
      else if (isAnswer(message)) ends.set(message.sequence, () => owner.take(message))
      else owner.take(message)
      start += align(message.length)
    }
    if (rest.length === messages.length) return false
    // before its end, so that a request tells what matched none
    for (const part of rest) this.#hand(part)
    for (const end of ends.values()) end()
    return true
  }

  #claimMalformed(datagram: Datagram, error: MalformedError): boolean {
    const { bytes } = datagram
    let isClaimed = false
    for (let start = 0; start + NLMSG_HDRLEN <= bytes.length; ) {
      const owner = this.#ownerOf(bytes, start, datagram)
      if (owner !== undefined) {
        const sequence = readU32(bytes, start + 8)
        owner.takeMalformed(sequence, error)
        isClaimed = true
        // its acknowledgement is still to come
        if (this.#pendingOf(sequence) === undefined) this.#ended.add(sequence)
      }
      const length = readU32(bytes, start)
      if (length < NLMSG_HDRLEN || length > bytes.length - start) break
      start += align(length)
    }
    return isClaimed
  }

  /** The owner of the message at `start`, by its header; undefined if it is for receivers. */
  #ownerOf(bytes: Buffer, start: number, datagram: Datagram): Owner | undefined {
    const portId = readU32(bytes, start + 12)
    if (portId !== this.#endpoint.portId && portId !== 0) return undefined
    const sequence = readU32(bytes, start + 8)
    const pending = this.#pendingOf(sequence)
    // the notification of a socket's own request has the sequence number and port id of the request too
    if (isMulticast(datagram)) return pending?.wantsEcho(sequence) ? pending : undefined
    if (pending === undefined && this.#ended.has(sequence)) return this.#late
    return pending
  }

  #pendingOf(sequence: number): PendingRequest | PendingBatch | PendingDump | undefined {
    for (const batch of this.#batches) if (batch.awaits(sequence)) return batch
    const dump = this.#dump
    const isDumped = dump !== undefined && dump.sequence === sequence && !dump.isDone
    return this.#requests.get(sequence) ?? (isDumped ? dump : undefined)
  }

  readonly #late: Owner = {
    take: message => {
      this.#lateAnswers++
      if (isAnswer(message) || message.type === NLMSG_DONE) this.#ended.delete(message.sequence)
    },
    takeMalformed: () => {
      this.#lateAnswers++
    },
  }
}

/** The mask cannot name a group over 32; NETLINK_PKTINFO can, and is on for sockets in such groups. */
function isMulticast({ groups, group = 0 }: Datagram): boolean {
  return groups !== 0 || group !== 0
}
