import { MalformedError } from '../codec/errors.ts'
import { align } from '../codec/integers.ts'
import type { Datagram } from './datagram.ts'
import type { Endpoint } from './endpoint.ts'
import { ClosedError, OverflowError } from './errors.ts'
import type { TraceEvent } from './options.ts'
import type { PendingBatch } from './pending-batch.ts'
import type { PendingDump } from './pending-dump.ts'
import type { PendingRequest } from './pending-request.ts'
import { unwatch, watch } from './poller.ts'
import { receiveDatagram, receiveDatagrams } from './receive-buffer.ts'
import { Wait, type WaitOptions } from './wait.ts'

/** What comes to a socket: read, and given to who it is for. */
export class Inbox {
  readonly #endpoint: Endpoint
  readonly #trace: ((event: TraceEvent) => void) | undefined
  #isWatched = false
  /** What came while only requests were waited for. */
  readonly #held: (Datagram | OverflowError)[] = []
  readonly #receivers = new Set<Wait<Datagram>>()
  readonly #requests = new Map<number, PendingRequest>()
  readonly #batches = new Set<PendingBatch>()
  #dump: PendingDump | undefined
  /** Messages were lost: if what is left in the receive buffer does not answer a request, nothing will. */
  #overflow: OverflowError | undefined

  constructor(endpoint: Endpoint, trace: ((event: TraceEvent) => void) | undefined) {
    this.#endpoint = endpoint
    this.#trace = trace
  }

  addRequest(sequence: number, pending: PendingRequest): void {
    this.#requests.set(sequence, pending)
  }

  removeRequest(sequence: number): void {
    this.#requests.delete(sequence)
  }

  addBatch(pending: PendingBatch): void {
    this.#batches.add(pending)
  }

  removeBatch(pending: PendingBatch): void {
    this.#batches.delete(pending)
  }

  addDump(pending: PendingDump): void {
    this.#dump = pending
  }

  removeDump(pending: PendingDump): void {
    if (this.#dump === pending) this.#dump = undefined
  }

  /** Puts back what a reader took and did not use. */
  unread(datagrams: readonly Datagram[]): void {
    this.#held.unshift(...datagrams)
  }

  /** {@link Socket.receive}; `timeout` is the socket's own. */
  async receive(options: WaitOptions, timeout: number): Promise<Datagram> {
    options.signal?.throwIfAborted()
    if (this.#receivers.size === 0) {
      const datagram = this.receiveNow()
      if (datagram) return datagram
    }
    const wait: Wait<Datagram> = new Wait(() => this.#receivers.delete(wait))
    this.#receivers.add(wait)
    this.arm(wait, 'datagram', options, timeout)
    return await wait.outcome()
  }

  receiveNow(): Datagram | undefined {
    const { fd } = this.#endpoint
    const held = this.#held.shift()
    if (held instanceof OverflowError) throw held
    if (held !== undefined) return held
    for (;;) {
      const datagram = this.#read(fd)
      if (datagram === undefined || !this.#claim(datagram)) return datagram
    }
  }

  receiveReady(): Datagram[] {
    const { fd } = this.#endpoint
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

  /** Lets a wait that has to wait do so; `timeout` is for those that are not told otherwise. */
  arm<T>(wait: Wait<T>, awaited: string, options: WaitOptions, timeout: number): void {
    if (wait.isSettled) return
    const { fd } = this.#endpoint
    if (!this.#isWatched) {
      watch(fd, () => this.pump())
      this.#isWatched = true
    }
    wait.arm(awaited, options.timeout ?? timeout, options.signal)
  }

  /** Hands out what has come, until there is no more or nobody wants any: an answer costs one call, not two. */
  pump(): void {
    while (!this.#endpoint.isClosed && this.#isAwaited) {
      try {
        const { fd } = this.#endpoint
        // of several answers, several at once; of one, the reply and the acknowledgement
        const datagrams =
          this.#requests.size > 1 || this.#batches.size > 0
            ? this.#readSeveral(fd)
            : this.#requests.size > 0 && this.#dump === undefined
              ? this.#readSeveral(fd, 2)
              : this.#read(fd)
        if (datagrams === undefined) return
        for (const datagram of Array.isArray(datagrams) ? datagrams : [datagrams])
          if (!this.#claim(datagram)) this.#hand(datagram)
      } catch (error) {
        this.#fail(error)
      }
    }
  }

  /** Reads what is left of an abandoned dump: the kernel makes the next part when one is read, until the last. */
  discard(pending: PendingDump): void {
    while (!pending.isDone && !this.#endpoint.isClosed) {
      try {
        const datagram = this.#read(this.#endpoint.fd)
        if (datagram === undefined) break
        if (!this.#claim(datagram)) this.#hand(datagram)
      } catch (error) {
        this.#fail(error)
      }
    }
  }

  /** What still waits fails with a ClosedError; to be called before the endpoint is closed. */
  close(): void {
    if (this.#isWatched) unwatch(this.#endpoint.fd)
    this.#held.length = 0
    this.#rejectAnswers(new ClosedError())
    this.#dump = undefined
    for (const wait of [...this.#receivers]) wait.reject(new ClosedError())
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
      if (pending === undefined || (first.portId !== this.#endpoint.portId && first.portId !== 0))
        return false
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
}
