// SPDX-License-Identifier: MIT
import type { RequestSchema } from '../codec/attribute-path.ts'
import { NLM_F_DUMP_INTR, NLMSG_DONE } from '../codec/constants.ts'
import { isAnswer, type KernelAnswer, parseAnswer, parseDone } from '../codec/error-message.ts'
import type { MalformedError } from '../codec/errors.ts'
import type { Message } from '../codec/message.ts'
import type { Datagram } from './datagram.ts'
import { refusal } from './pending-request.ts'
import { Unmatched } from './unmatched.ts'
import { Wait } from './wait.ts'

/** A dump in progress: the messages that were not taken yet, and its end. */
export class PendingDump {
  readonly sequence: number
  /** 'dump of type 18, sequence number 1' */
  readonly name: string
  /** Whether any message so far had NLM_F_DUMP_INTR. */
  isInterrupted = false
  readonly #request: Buffer
  readonly #schema: RequestSchema | undefined
  #messages: Message[] = []
  #isDone = false
  #onDone: (() => void) | undefined
  #error: unknown
  #wait: Wait<void> | undefined
  #unmatched: Unmatched | undefined

  constructor(type: number, sequence: number, request: Buffer, schema: RequestSchema | undefined) {
    this.sequence = sequence
    this.name = `dump of type ${type}, sequence number ${sequence}`
    this.#request = request
    this.#schema = schema
  }

  /** Nothing more will come. */
  get isDone(): boolean {
    return this.#isDone
  }

  /** Its reader has left, and the kernel has not ended it. */
  get isLeft(): boolean {
    return this.#onDone !== undefined
  }

  /** Whether somebody waits for more. */
  get isAwaited(): boolean {
    return this.#wait !== undefined
  }

  /** The messages that answered nothing, in words. */
  get besides(): string {
    return this.#unmatched?.error(`${this.sequence}`).message ?? ''
  }

  /** A dump has no echo. */
  wantsEcho(): boolean {
    return false
  }

  take(message: Message): void {
    if ((message.flags & NLM_F_DUMP_INTR) !== 0) this.isInterrupted = true
    try {
      if (message.type === NLMSG_DONE) this.#end(parseDone(message, this.#request))
      else if (isAnswer(message)) this.#end(parseAnswer(message))
      else if (!this.isLeft) this.#messages.push(message)
      this.#wait?.resolve()
    } catch (error) {
      // it was the last message, right or wrong
      this.#isDone = true
      this.reject(error)
      this.#onDone?.()
    }
  }

  /** A part of it is no message; the kernel may still go on with it. */
  takeMalformed(_sequence: number, error: MalformedError): void {
    this.reject(error)
  }

  /** A datagram came that answers nothing. */
  note(datagram: Datagram): void {
    this.#unmatched ??= new Unmatched()
    this.#unmatched.add(datagram)
  }

  /** Ends it for its reader, now or later. The kernel may still go on with it. */
  reject(error: unknown): void {
    this.#error ??= error
    this.#wait?.reject(error)
  }

  /** Throws away what comes from now on; `onDone` is called after the last message. */
  leave(onDone: () => void): void {
    this.#messages = []
    this.#onDone = onDone
  }

  /** No more messages will come, though it has not ended. */
  abandon(): void {
    this.#isDone = true
    this.#onDone?.()
  }

  /** Takes what has come. @throws the reason why no more will come */
  drain(): Message[] {
    if (this.#error !== undefined) throw this.#error
    const messages = this.#messages
    this.#messages = []
    return messages
  }

  /** A wait for more; undefined if {@link drain} has something to return or to throw. */
  more(): Wait<void> | undefined {
    if (this.#messages.length > 0 || this.#isDone || this.#error !== undefined) return undefined
    this.#wait = new Wait(() => {
      this.#wait = undefined
    })
    return this.#wait
  }

  #end(answer: KernelAnswer): void {
    this.#isDone = true
    if (answer.errno !== 0) this.#error ??= refusal(answer, this.#request, this.#schema)
    else if (this.#unmatched) this.#error ??= this.#unmatched.error(`${this.sequence}`)
    this.#onDone?.()
  }
}
