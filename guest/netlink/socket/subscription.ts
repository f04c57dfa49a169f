import { MalformedError } from '../codec/errors.ts'
import { align } from '../codec/integers.ts'
import type { Message } from '../codec/message.ts'
import type { Datagram } from './datagram.ts'
import { OverflowError } from './errors.ts'
import { nextIdentity } from './identity.ts'
import type { WaitOptions } from './wait.ts'

/** What a subscription hands out, told apart by `kind`. */
export type SubscriptionEvent =
  /** A message, and the datagram it came in: sender, group, network namespace. */
  | { readonly kind: 'message'; readonly message: Message; readonly datagram: Datagram }
  /** Messages were lost between the event before and the one after: whoever keeps a state has to read it anew. */
  | { readonly kind: 'lost'; readonly error: OverflowError }
  /** Bytes that are no messages. The kernel sends none, but with `fromKernel: false` anybody may. */
  | { readonly kind: 'malformed'; readonly error: MalformedError; readonly datagram: Datagram }

/** What to subscribe to. The time limit is for the wait for each event; Infinity is what a monitor wants. */
export interface SubscriptionOptions extends WaitOptions {
  /** Groups to join at once and to leave at the end, those that the socket was in before excepted. */
  readonly groups?: readonly number[]
  /**
   * Whether datagrams of other processes are passed over, which anybody may send to a port id: true if not given, but for
   * NETLINK_USERSOCK, where only processes speak.
   */
  readonly fromKernel?: boolean
}

/** The parts of a socket that a subscription needs. */
interface Receiver {
  receive(options: WaitOptions): Promise<Datagram>
  receiveReady(): Datagram[]
}

/**
 * All that comes to a socket and is no answer to a request, as an async iterator that goes on after messages were lost, and says so.
 * It reads as it is iterated: what waits, waits in the kernel. Ends by leaving the loop, {@link return} or `await using`; a
 * deadline, a signal and closing the socket make {@link next} fail as they do with `receive`, and a later `next` is tried anew.
 */
export class Subscription implements AsyncIterableIterator<SubscriptionEvent, undefined>, AsyncDisposable {
  /** No other has it, in this process: two are never equal, whoever compares objects. */
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

  /** What is there already is taken without waiting; one `next` at a time. */
  next(): Promise<IteratorResult<SubscriptionEvent, undefined>> {
    // an async function for each message would cost as much as all else
    const value = this.#isEnded || this.#options.signal?.aborted ? undefined : this.#takeReady()
    return value === undefined ? this.#receive() : Promise.resolve({ done: false, value })
  }

  async #receive(): Promise<IteratorResult<SubscriptionEvent, undefined>> {
    while (!this.#isEnded) {
      // also where there is always more without waiting
      this.#options.signal?.throwIfAborted()
      try {
        if (this.#nextDatagram >= this.#datagrams.length) {
          this.#datagrams = this.#receiver.receiveReady()
          this.#nextDatagram = 0
          if (this.#datagrams.length === 0) this.#datagrams = [await this.#receiver.receive(this.#options)]
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

  /** Of the messages of a datagram the next, else the first event of the next datagram, if it has one. */
  #takeReady(): SubscriptionEvent | undefined {
    const next = this.#take()
    if (next !== undefined) return next
    const datagram = this.#datagrams[this.#nextDatagram]
    if (datagram === undefined) return undefined
    this.#nextDatagram++
    if (this.#fromKernel && datagram.portId !== 0) return undefined
    try {
      // most often the only one
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

  /** Ends it: groups that were joined for it are left. */
  async return(): Promise<IteratorResult<SubscriptionEvent, undefined>> {
    if (!this.#isEnded) {
      this.#isEnded = true
      this.#messages = []
      this.#onEnd(this.#datagrams.slice(this.#nextDatagram))
    }
    return { done: true, value: undefined }
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
