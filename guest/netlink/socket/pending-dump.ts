import type { RequestSchema } from '../codec/attribute-path.ts'
import { NLM_F_DUMP_INTR, NLMSG_DONE } from '../codec/constants.ts'
import { isAnswer, type KernelAnswer, parseAnswer, parseDone } from '../codec/error-message.ts'
import type { MalformedError } from '../codec/errors.ts'
import type { Message } from '../codec/message.ts'
import type { Datagram } from './datagram.ts'
import { refusal } from './pending-request.ts'
import { Unmatched } from './unmatched.ts'
import { Wait } from './wait.ts'

/** A dump that the kernel is in the middle of: what came and was not taken yet, and how it ended. */
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

  /** Nobody takes what comes any more, and yet it comes. */
  get isLeft(): boolean {
    return this.#onDone !== undefined
  }

  /** Whether somebody waits for more. */
  get isAwaited(): boolean {
    return this.#wait !== undefined
  }

  /** What came and answers nothing, in words. */
  get besides(): string {
    return this.#unmatched?.error(`${this.sequence}`).message ?? ''
  }

  /** Notifications with a dump's sequence number there are none of. */
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
      // it was the last message, whatever it says
      this.#isDone = true
      this.reject(error)
      this.#onDone?.()
    }
  }

  /** What has come for it is no message; the kernel may still go on with it. */
  takeMalformed(_sequence: number, error: MalformedError): void {
    this.reject(error)
  }

  /** Something came that answers nothing. */
  note(datagram: Datagram): void {
    this.#unmatched ??= new Unmatched()
    this.#unmatched.add(datagram)
  }

  /** Ends it for who waits for it now or later. The kernel may still go on with it. */
  reject(error: unknown): void {
    this.#error ??= error
    this.#wait?.reject(error)
  }

  /** What comes from now on is thrown away; `onDone` is called when the last of it has come. */
  leave(onDone: () => void): void {
    this.#messages = []
    this.#onDone = onDone
  }

  /** Nothing more will come of it, though it has not ended. */
  abandon(): void {
    this.#isDone = true
    this.#onDone?.()
  }

  /** Takes what has come, and throws why nothing more will come. */
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
