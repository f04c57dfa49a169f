// SPDX-License-Identifier: MIT
import { MalformedError } from '../codec/errors.ts'
import { align } from '../codec/integers.ts'
import type { Message } from '../codec/message.ts'
import type { Datagram } from './datagram.ts'
import { OverflowError } from './errors.ts'
import { isTurnDue, SMALL, turn } from './fairness.ts'
import { nextIdentity } from './identity.ts'
import type { WaitOptions } from './wait.ts'

/** What a subscription hands out, told apart by `kind`. */
export type SubscriptionEvent =
  /** A message, and its datagram: sender, group, network namespace. */
  | { readonly kind: 'message'; readonly message: Message; readonly datagram: Datagram }
  /**
   * Messages were lost between the previous event and the next: a copy of the kernel's state has to be read
   * again.
   */
  | { readonly kind: 'lost'; readonly error: OverflowError }
  /** Bytes that are no messages. The kernel sends none, but with `fromKernel: false` any process may. */
  | { readonly kind: 'malformed'; readonly error: MalformedError; readonly datagram: Datagram }

/** What to subscribe to. The time limit is for each event; a monitor uses Infinity. */
export interface SubscriptionOptions extends WaitOptions {
  /** Groups to join at once and to leave at the end, except those that the socket was in before. */
  readonly groups?: readonly number[]
  /**
   * Whether to pass over datagrams of other processes, which any process may send to a port id. True if not
   * given, except on NETLINK_USERSOCK, where all datagrams come from processes.
   */
  readonly fromKernel?: boolean
}

/** The parts of a socket that a subscription needs. */
interface Receiver {
  /** @throws NetlinkError if there is another reader */
  start(reader: object): void
  stop(reader: object): void
  receive(options: WaitOptions): Promise<Datagram>
  receiveReady(): Datagram[]
}

/**
 * All that comes to a socket and is no answer to a request, as an async iterator that reports lost messages
 * and goes on. It reads as it is iterated: unread messages stay in the kernel. It ends when the loop is left,
 * by {@link return} or `await using`. A deadline, a signal and closing the socket make {@link next} fail as
 * `receive` does; a later `next` tries again.
 */
export class Subscription implements AsyncIterableIterator<SubscriptionEvent, undefined>, AsyncDisposable {
  /** Unique in this process: two subscriptions are never equal in comparisons of objects. */
  readonly identity: number = nextIdentity()
  readonly #receiver: Receiver
  readonly #options: WaitOptions
  readonly #fromKernel: boolean
  readonly #onEnd: (unread: readonly Datagram[]) => void
  /** Read ahead. */
  #datagrams: Datagram[] = []
  #nextDatagram = 0
  #datagram: Datagram | undefined
  #messages: Message[] = []
  #position = 0
  #isEnded = false
  /** Ends waiting calls when the subscription ends. */
  readonly #end = new AbortController()
  /** The last of the calls that wait. */
  #last: Promise<unknown> | undefined

  /** {@link Socket.subscribe} makes it. */
  constructor(
    receiver: Receiver,
    options: WaitOptions,
    fromKernel: boolean,
    onEnd: (unread: readonly Datagram[]) => void,
  ) {
    this.#receiver = receiver
    this.#options = options
    this.#fromKernel = fromKernel
    this.#onEnd = onEnd
  }

  /** The next event, without waiting if it is there already. */
  next(): Promise<IteratorResult<SubscriptionEvent, undefined>> {
    // an async function for each message costs as much as all else
    const isFree = this.#last === undefined && !this.#isEnded && !this.#options.signal?.aborted
    // the event loop needs a turn also while there is always more
    const isDue = isTurnDue(SMALL)
    const value = isFree && !isDue ? this.#takeReady() : undefined
    return value === undefined ? this.#queue(isDue) : Promise.resolve({ done: false, value })
  }

  /** One after the other, in the order of the calls. */
  #queue(isDue: boolean): Promise<IteratorResult<SubscriptionEvent, undefined>> {
    const before = this.#last
    const next = before === undefined ? this.#receive(isDue) : before.then(() => this.#receive(isDue))
    const last: Promise<unknown> = next
      .catch(() => {})
      .then(() => {
        if (this.#last === last) this.#last = undefined
      })
    this.#last = last
    return next
  }

  async #receive(isDue: boolean): Promise<IteratorResult<SubscriptionEvent, undefined>> {
    if (this.#isEnded) return { done: true, value: undefined }
    this.#receiver.start(this)
    try {
      if (isDue) await turn()
      return await this.#receiveNext()
    } catch (error) {
      this.#receiver.stop(this)
      throw error
    }
  }

  async #receiveNext(): Promise<IteratorResult<SubscriptionEvent, undefined>> {
    while (!this.#isEnded) {
      this.#options.signal?.throwIfAborted()
      try {
        if (this.#nextDatagram >= this.#datagrams.length) {
          this.#datagrams = this.#receiver.receiveReady()
          this.#nextDatagram = 0
          if (this.#datagrams.length === 0) {
            const datagram = await this.#wait()
            if (datagram === undefined) break
            this.#datagrams = [datagram]
          }
        }
      } catch (error) {
        if (!(error instanceof OverflowError)) throw error
        return { done: false, value: { kind: 'lost', error } }
      }
      const value = this.#takeReady()
      if (value !== undefined) return { done: false, value }
    }
    return { done: true, value: undefined }
  }

  /**
   * The next datagram; undefined if the subscription has ended meanwhile: then the datagram stays for others.
   */
  async #wait(): Promise<Datagram | undefined> {
    const { signal: own } = this.#end
    const signal = this.#options.signal ? AbortSignal.any([own, this.#options.signal]) : own
    try {
      const datagram = await this.#receiver.receive({ ...this.#options, signal })
      if (!this.#isEnded) return datagram
      this.#onEnd([datagram])
    } catch (error) {
      if (error !== own.reason) throw error
    }
    return undefined
  }

  /** The next message of the current datagram, else the first event of the next datagram that has one. */
  #takeReady(): SubscriptionEvent | undefined {
    const next = this.#take()
    if (next !== undefined) return next
    const datagram = this.#datagrams[this.#nextDatagram]
    if (datagram === undefined) return undefined
    this.#nextDatagram++
    if (this.#fromKernel && datagram.portId !== 0) return undefined
    try {
      // usually the only one
      const message = datagram.first()
      if (align(message.length) >= datagram.length) return { kind: 'message', message, datagram }
      this.#messages = datagram.messages()
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      return { kind: 'malformed', error, datagram }
    }
    this.#datagram = datagram
    this.#position = 0
    return this.#take()
  }

  /** Ends it, and leaves the groups that were joined for it. */
  async return(): Promise<IteratorResult<SubscriptionEvent, undefined>> {
    if (!this.#isEnded) {
      this.#isEnded = true
      this.#receiver.stop(this)
      this.#end.abort()
      this.#onEnd([...this.#unreadPart(), ...this.#datagrams.slice(this.#nextDatagram)])
      this.#messages = []
    }
    return { done: true, value: undefined }
  }

  /** The messages of the current datagram that were not handed out. */
  #unreadPart(): Datagram[] {
    if (this.#datagram === undefined || this.#position >= this.#messages.length) return []
    const read = this.#messages.slice(0, this.#position)
    const start = read.reduce((sum, { length }) => sum + align(length), 0)
    return [this.#datagram.part(start, this.#datagram.bytes.length)]
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  #take(): SubscriptionEvent | undefined {
    const message = this.#messages[this.#position]
    if (message === undefined || this.#datagram === undefined) return undefined
    this.#position++
    return { kind: 'message', message, datagram: this.#datagram }
  }
}
