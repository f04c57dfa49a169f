// SPDX-License-Identifier: MIT
import { NLM_F_ECHO } from '../codec/constants.ts'
import { isAnswer, parseAnswer } from '../codec/error-message.ts'
import type { MalformedError } from '../codec/errors.ts'
import { type Message, parseMessages } from '../codec/message.ts'
import type { Datagram } from './datagram.ts'
import { refusal } from './pending-request.ts'
import type { BatchRequest } from './request.ts'
import { Unmatched } from './unmatched.ts'
import { Wait } from './wait.ts'

/** A request of a batch as it was sent. */
export interface SentRequest {
  readonly request: BatchRequest
  readonly sequence: number
  /** Whether the kernel acknowledges it; if not, it is done when the others are. */
  readonly isAcknowledged: boolean
}

/**
 * The requests of a batch: one wait for all of them, because a promise for each costs more than the kernel's
 * answer.
 */
export class PendingBatch extends Wait<void> {
  readonly #requests: readonly SentRequest[]
  readonly #datagram: Buffer
  /** The replies of the requests that have any. */
  readonly #replies = new Map<number, Message[]>()
  readonly #results: (PromiseSettledResult<Message[]> | undefined)[]
  #unanswered: number
  #unmatched: Unmatched | undefined

  /**
   * @param requests in their order
   * @param datagram all of them as they were sent
   * @param onEnd called once, when no request waits any more
   */
  constructor(requests: readonly SentRequest[], datagram: Buffer, onEnd: () => void) {
    super(onEnd)
    this.#requests = requests
    this.#datagram = datagram
    this.#results = requests.map(() => undefined)
    this.#unanswered = requests.filter(({ isAcknowledged }) => isAcknowledged).length
  }

  /** Sequence numbers of those that wait for their answers. */
  get unanswered(): number[] {
    return this.#requests
      .filter(({ isAcknowledged }, i) => isAcknowledged && this.#results[i] === undefined)
      .map(({ sequence }) => sequence)
  }

  /** The messages that answered nothing, in words. */
  get besides(): string {
    return this.#unmatched?.error(this.#wanted).message ?? ''
  }

  /** Whether the request of that sequence number is in this batch and has no answer yet. */
  awaits(sequence: number): boolean {
    const index = this.#indexOf(sequence)
    return index !== -1 && this.#results[index] === undefined
  }

  wantsEcho(sequence: number): boolean {
    return ((this.#requests[this.#indexOf(sequence)]?.request.flags ?? 0) & NLM_F_ECHO) !== 0
  }

  take(message: Message): void {
    if (message.isAcknowledgement) {
      this.acknowledge(message.sequence)
      return
    }
    const index = this.#indexOf(message.sequence)
    if (index === -1 || this.#results[index] !== undefined) return
    if (isAnswer(message)) {
      this.#end(index, { status: 'rejected', reason: this.#reason(message, index) })
      return
    }
    const replies = this.#replies.get(index)
    if (replies === undefined) this.#replies.set(index, [message])
    else replies.push(message)
  }

  /** The answer to the request of that sequence number is no message. */
  takeMalformed(sequence: number, error: MalformedError): void {
    const index = this.#indexOf(sequence)
    if (index !== -1 && this.#results[index] === undefined)
      this.#end(index, { status: 'rejected', reason: error })
  }

  /** A datagram came that answers nothing. */
  note(datagram: Datagram): void {
    this.#unmatched ??= new Unmatched()
    this.#unmatched.add(datagram)
  }

  /**
   * The kernel acknowledged that sequence number. False if it is not in this batch, or has its answer
   * already.
   */
  acknowledge(sequence: number): boolean {
    const index = this.#indexOf(sequence)
    if (index === -1 || this.#results[index] !== undefined) return false
    this.#end(index, { status: 'fulfilled', value: this.#replies.get(index) ?? [] })
    return true
  }

  /** Settles the batch if no request waits any more. */
  endIfDone(): void {
    if (this.#unanswered === 0) this.resolve()
  }

  #end(index: number, result: PromiseSettledResult<Message[]>): void {
    this.#results[index] = result
    if (this.#requests[index]?.isAcknowledged) this.#unanswered--
    // the kernel has gone no further (nfnetlink_rcv_batch() of net/netfilter/nfnetlink.c)
    else if (result.status === 'rejected') this.reject(result.reason)
    this.endIfDone()
  }

  /** The results, once it is settled: requests without an answer fail with the reason of its end. */
  async results(): Promise<PromiseSettledResult<Message[]>[]> {
    let failed: { readonly reason: unknown } | undefined
    try {
      await this.outcome()
      if (this.#unmatched) failed = { reason: this.#unmatched.error(this.#wanted) }
    } catch (reason) {
      failed = { reason }
    }
    return this.#results.map((result, i) => {
      if (failed !== undefined && (result === undefined || this.#unmatched)) {
        if (result?.status !== 'rejected') return { status: 'rejected', reason: failed.reason }
      }
      return result ?? { status: 'fulfilled', value: this.#replies.get(i) ?? [] }
    })
  }

  get #wanted(): string {
    const [first, last] = [this.#requests[0]?.sequence, this.#requests.at(-1)?.sequence]
    return first === last ? `${first}` : `${first} to ${last}`
  }

  #reason(message: Message, index: number): unknown {
    try {
      const request = parseMessages(this.#datagram)[index]
      const schema = this.#requests[index]?.request.schema
      return refusal(parseAnswer(message), request?.bytes ?? this.#datagram, schema)
    } catch (error) {
      return error
    }
  }

  #indexOf(sequence: number): number {
    const index = sequence - (this.#requests[0]?.sequence ?? 0)
    // sequence numbers begin again at 1
    return this.#requests[index]?.sequence === sequence
      ? index
      : this.#requests.findIndex(request => request.sequence === sequence)
  }
}
