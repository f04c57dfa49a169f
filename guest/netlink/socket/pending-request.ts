// SPDX-License-Identifier: MIT
import { attributePaths, type RequestSchema } from '../codec/attribute-path.ts'
import { NLM_F_DUMP, NLM_F_ECHO, NLMSG_DONE } from '../codec/constants.ts'
import { isAnswer, type KernelAnswer, parseAnswer, parseDone } from '../codec/error-message.ts'
import type { MalformedError } from '../codec/errors.ts'
import { KernelError } from '../codec/kernel-error.ts'
import type { Message } from '../codec/message.ts'
import type { Datagram } from './datagram.ts'
import { Unmatched } from './unmatched.ts'
import { Wait } from './wait.ts'

/** A request that is not acknowledged yet, and its replies so far. */
export class PendingRequest extends Wait<Message[]> {
  readonly sequence: number
  readonly #flags: number
  readonly #replies: Message[] = []
  readonly #request: Buffer
  readonly #schema: RequestSchema | undefined
  #isAnswered = false
  #unmatched: Unmatched | undefined

  /** @param request the message as it was sent; errors name attributes by the schema of its payload */
  constructor(
    sequence: number,
    flags: number,
    request: Buffer,
    schema: RequestSchema | undefined,
    onEnd: () => void,
  ) {
    super(onEnd)
    this.sequence = sequence
    this.#request = request
    this.#schema = schema
    this.#flags = flags
  }

  /** Whether its last message has come. */
  get isAnswered(): boolean {
    return this.#isAnswered
  }

  /** The messages that answered nothing, in words. */
  get besides(): string {
    return this.#unmatched?.error(`${this.sequence}`).message ?? ''
  }

  /** Whether the sender asked for a copy of the notification, which is then a reply. */
  wantsEcho(): boolean {
    return (this.#flags & NLM_F_ECHO) !== 0
  }

  /** Takes a message with the request's sequence number: a reply, or the answer that ends it. */
  take(message: Message): void {
    const isDone = message.type === NLMSG_DONE && (this.#flags & NLM_F_DUMP) === NLM_F_DUMP
    if (!isDone && !isAnswer(message)) {
      this.#replies.push(message)
      return
    }
    this.#isAnswered = true
    try {
      const answer = isDone ? parseDone(message, this.#request) : parseAnswer(message)
      if (answer.errno !== 0) this.reject(refusal(answer, this.#request, this.#schema))
      else if (this.#unmatched) this.reject(this.#unmatched.error(`${this.sequence}`))
      else this.resolve(this.#replies)
    } catch (error) {
      this.reject(error)
    }
  }

  /** Its answer is no message. */
  takeMalformed(_sequence: number, error: MalformedError): void {
    this.reject(error)
  }

  /** A datagram came that answers nothing. */
  note(datagram: Datagram): void {
    this.#unmatched ??= new Unmatched()
    this.#unmatched.add(datagram)
  }
}

/** The error for a request that the kernel refused. */
export function refusal(
  answer: KernelAnswer,
  request: Buffer,
  schema: RequestSchema | undefined,
): KernelError {
  return new KernelError(answer, schema && attributePaths(request, answer.extendedAck, schema))
}
