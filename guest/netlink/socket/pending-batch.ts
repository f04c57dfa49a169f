import { NLM_F_ECHO } from '../codec/constants.ts'
import { isAnswer, parseAnswer } from '../codec/error-message.ts'
import { type Message, parseMessages } from '../codec/message.ts'
import { refusal } from './pending-request.ts'
import type { BatchRequest } from './request.ts'
import { Wait } from './wait.ts'

/** The requests of a batch: one wait for all of them, for a promise each would cost more than the kernel's answer. */
export class PendingBatch extends Wait<void> {
  readonly #requests: readonly BatchRequest[]
  readonly #sequences: readonly number[]
  readonly #datagram: Buffer
  /** Of those that have any. */
  readonly #replies = new Map<number, Message[]>()
  readonly #results: (PromiseSettledResult<Message[]> | undefined)[]
  #unanswered: number

  /**
   * @param sequences of the requests, in their order
   * @param datagram all of them as they were sent
   * @param onEnd called once, when nothing more is to come for any
   */
  constructor(
    requests: readonly BatchRequest[],
    sequences: readonly number[],
    datagram: Buffer,
    onEnd: () => void,
  ) {
    super(onEnd)
    this.#requests = requests
    this.#sequences = sequences
    this.#datagram = datagram
    this.#results = requests.map(() => undefined)
    this.#unanswered = requests.length
  }

  /** Whether the request of that number is one of these, and has no answer yet. */
  awaits(sequence: number): boolean {
    const index = this.#indexOf(sequence)
    return index !== -1 && this.#results[index] === undefined
  }

  wantsEcho(sequence: number): boolean {
    return ((this.#requests[this.#indexOf(sequence)]?.flags ?? 0) & NLM_F_ECHO) !== 0
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

  /** The request of that number has been done. False if it is none of these, or has its answer already. */
  acknowledge(sequence: number): boolean {
    const index = this.#indexOf(sequence)
    if (index === -1 || this.#results[index] !== undefined) return false
    this.#end(index, { status: 'fulfilled', value: this.#replies.get(index) ?? [] })
    return true
  }

  #end(index: number, result: PromiseSettledResult<Message[]>): void {
    this.#results[index] = result
    if (--this.#unanswered === 0) this.resolve()
  }

  /** The results, when it has been resolved or rejected: those without an answer failed for the reason that it ended. */
  async results(): Promise<PromiseSettledResult<Message[]>[]> {
    let reason: unknown
    try {
      await this.outcome()
    } catch (error) {
      reason = error
    }
    return this.#results.map(result => result ?? { status: 'rejected', reason })
  }

  #reason(message: Message, index: number): unknown {
    try {
      const request = parseMessages(this.#datagram)[index]
      return refusal(parseAnswer(message), request?.bytes ?? this.#datagram, this.#requests[index]?.schema)
    } catch (error) {
      return error
    }
  }

  #indexOf(sequence: number): number {
    const index = sequence - (this.#sequences[0] ?? 0)
    // sequence numbers begin again at 1
    return this.#sequences[index] === sequence ? index : this.#sequences.indexOf(sequence)
  }
}
