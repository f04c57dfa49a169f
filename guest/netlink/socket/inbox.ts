/**
 * What comes to a socket: read, and given to whom it belongs. The rules, of which README.md tells users:
 *
 * 1. What another process sent, and what was sent to a group, is the receivers'. But the copy of a notification that a request
 *    asked for by NLM_F_ECHO, and that has its sequence number and port id, is a reply.
 * 2. Each message that the kernel sent to this socket alone is the request's, batch's or dump's that waits for its sequence number, if it
 *    carries the socket's port id, or 0 as some families leave it.
 * 3. If one ended without its answer, by its limit for instance, what comes for it is passed over, and counted. So it is with
 *    what is left of a dump.
 * 4. Bytes that are no messages make fail what the header that can still be read belongs to by 2.
 * 5. All else is the receivers', whoever asks first: {@link Inbox.receive}, a subscription. On a socket that nobody ever received on, nor
 *    sent by hand on, it makes fail whatever waits meanwhile, once the kernel acknowledges it.
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
import { ClosedError, OverflowError, TimeoutError } from './errors.ts'
import { isTurnDue, now, turn } from './fairness.ts'
import type { TraceEvent } from './options.ts'
import type { PendingBatch } from './pending-batch.ts'
import type { PendingDump } from './pending-dump.ts'
import type { PendingRequest } from './pending-request.ts'
import { unwatch, watch } from './poller.ts'
import { receiveDatagram, receiveDatagrams } from './receive-buffer.ts'
import { Wait, type WaitOptions } from './wait.ts'

/** To whom messages that answer something belong. */
interface Owner {
  take(message: Message): void
  takeMalformed(sequence: number, error: MalformedError): void
}

/** Milliseconds that are read at a time, before others have their turn. */
const SLICE = 10
/** And how often the clock is read: after so many datagrams. */
const COUNTED = 16
/** Datagrams that a call which never waits passes over at most. */
const PASSED_OVER = 4096

export class Inbox {
  readonly dumpTurns = new DumpTurns()
  readonly #endpoint: Endpoint
  readonly #trace: ((event: TraceEvent) => void) | undefined
  #isWatched = false
  #isPumpDue = false
  /** Whether somebody has ever asked for what is no answer. */
  #listens = false
  /** The subscription that reads now: nobody else may. */
  #reader: object | undefined
  /** What came while only requests were waited for. */
  readonly #held: (Datagram | OverflowError)[] = []
  readonly #receivers = new Set<Wait<Datagram>>()
  readonly #requests = new Map<number, PendingRequest>()
  readonly #batches = new Set<PendingBatch>()
  #dump: PendingDump | undefined
  readonly #ended = new EndedRequests()
  #lateAnswers = 0
  /** Messages were lost: if what is left in the receive buffer does not answer a request, nothing will. */
  #overflow: OverflowError | undefined

  constructor(endpoint: Endpoint, trace: ((event: TraceEvent) => void) | undefined) {
    this.#endpoint = endpoint
    this.#trace = trace
  }

  /** What the kernel is asked for now, in words. */
  get dumpName(): string {
    return this.#dump?.name ?? 'dump'
  }

  /** Messages that were passed over because what they answer had ended. */
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
   * Ends a dump for who reads it, and gives the turn to the next one. What the kernel has left of it is thrown away: it makes the next
   * part when one is read, until the last.
   * @param limit milliseconds to read; what comes after that is thrown away as others read, and the turn is given when it has ended
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

  /** No part of what was left is there, nor is one being made. */
  #abandon(pending: PendingDump): void {
    this.#ended.add(pending.sequence)
    pending.abandon()
  }

  /** Somebody will want what is no answer. */
  listen(): void {
    this.#listens = true
  }

  /** Makes `reader` the only one who reads, until {@link stopReading}. @throws NetlinkError where another is */
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

  /** Puts back what a reader took and did not use. */
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
    options.signal?.throwIfAborted()
    if (this.#receivers.size === 0) {
      const datagram = this.receiveNow()
      if (datagram !== undefined) {
        if (isTurnDue()) await turn()
        return datagram
      }
    }
    const wait: Wait<Datagram> = new Wait(() => this.#receivers.delete(wait))
    this.#receivers.add(wait)
    this.arm(wait, (limit, besides) => new TimeoutError('datagram', limit, besides), options, timeout)
    return await wait.outcome()
  }

  receiveNow(): Datagram | undefined {
    const { fd } = this.#endpoint
    const held = this.#held.shift()
    if (held instanceof OverflowError) throw held
    if (held !== undefined) return held
    for (let passed = 0; passed < PASSED_OVER; passed++) {
      const datagram = this.#read(fd)
      if (datagram === undefined || !this.#claim(datagram)) return datagram
      // what is no answer may have come with answers
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

  /** Lets a wait that has to wait do so; `timeout` is for those that are not told otherwise. */
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
    wait.arm(() => expired(limit, besides()), limit, options.signal)
  }

  /** Hands out what has come, until there is no more or nobody wants any: an answer costs one call, not two. */
  pump(): void {
    let since: number | undefined
    for (let taken = 1; !this.#endpoint.isClosed && this.#isAwaited; taken++) {
      try {
        const { fd } = this.#endpoint
        // of several answers, several at once; of one, the reply and the acknowledgement
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

  /** What still waits fails with a ClosedError; to be called before the endpoint is closed. */
  close(): void {
    if (this.#isWatched) unwatch(this.#endpoint.fd)
    this.#held.length = 0
    this.#rejectAnswers(new ClosedError())
    this.#dump = undefined
    this.dumpTurns.reject(new ClosedError())
    for (const wait of [...this.#receivers]) wait.reject(new ClosedError())
  }

  /** The descriptor is edge-triggered: of what is left unread nobody would tell. */
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

  /** Gives what is no answer to who waits for it first, or keeps it. */
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

  /** Reads a datagram and gives it to whom it belongs; undefined if there was none. */
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
    // who traces wants to see them all
    const isAwaited = this.#batches.size > 0 && this.#trace === undefined ? this.#acknowledge : undefined
    return this.#watchReading(() => receiveDatagrams(fd, most, isAwaited))
  }

  /** Takes an acknowledgement that is one of a batch's. */
  readonly #acknowledge = (sequence: number, portId: number): boolean => {
    if (portId !== this.#endpoint.portId && portId !== 0) return false
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

  /** Gives a datagram to those whose messages are in it; false if it is all the receivers'. */
  #claim(datagram: Datagram): boolean {
    if (!this.#expectsAnswers || datagram.portId !== 0) return false
    const { bytes } = datagram
    if (bytes.length < NLMSG_HDRLEN) return false
    const length = readU32(bytes, 0)
    if (align(length) < bytes.length || length > bytes.length) return this.#claimSeveral(datagram)
    // most often there is one message in it
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
    let start = 0
    for (const message of messages) {
      // looked up anew for each: what one message ends, the next is no answer to
      const owner = this.#ownerOf(bytes, start, datagram)
      if (owner === undefined) rest.push(datagram.part(start, start + message.length))
      else owner.take(message)
      start += align(message.length)
    }
    if (rest.length === messages.length) return false
    for (const part of rest) this.#hand(part)
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
        // its acknowledgement will follow
        if (this.#pendingOf(sequence) === undefined) this.#ended.add(sequence)
      }
      const length = readU32(bytes, start)
      if (length < NLMSG_HDRLEN || length > bytes.length - start) break
      start += align(length)
    }
    return isClaimed
  }

  /** Whose the message is that begins at `start`, by its header; undefined if it is the receivers'. */
  #ownerOf(bytes: Buffer, start: number, datagram: Datagram): Owner | undefined {
    const portId = readU32(bytes, start + 12)
    if (portId !== this.#endpoint.portId && portId !== 0) return undefined
    const sequence = readU32(bytes, start + 8)
    const pending = this.#pendingOf(sequence)
    // the notification of a socket's own request has the request's sequence number and port id as well
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

/** NETLINK_PKTINFO, which is on for sockets in groups over 32, knows the group where the mask does not. */
function isMulticast({ groups, group = 0 }: Datagram): boolean {
  return groups !== 0 || group !== 0
}
