import { attributePaths, type RequestSchema } from '../codec/attribute-path.ts'
import { NLM_F_ECHO } from '../codec/constants.ts'
import { isAnswer, type KernelAnswer, parseAnswer } from '../codec/error-message.ts'
import { KernelError } from '../codec/kernel-error.ts'
import type { Message } from '../codec/message.ts'
import { Wait } from './wait.ts'

/** A request that has been sent and not been acknowledged yet, and what came for it so far. */
export class PendingRequest extends Wait<Message[]> {
  readonly #flags: number
  readonly #replies: Message[] = []
  readonly #request: Buffer
  readonly #schema: RequestSchema | undefined

  /** @param request the message as it was sent, and the schema of its payload, by which errors name attributes */
  constructor(flags: number, request: Buffer, schema: RequestSchema | undefined, onEnd: () => void) {
    super(onEnd)
    this.#request = request
    this.#schema = schema
    this.#flags = flags
  }

  /** Whether the sender asked for a copy of the notification, which then is a reply. */
  wantsEcho(): boolean {
    return (this.#flags & NLM_F_ECHO) !== 0
  }

  /** Takes a message with the request's sequence number: a reply, or the answer that ends it. */
  take(message: Message): void {
    if (message.isAcknowledgement) {
      this.resolve(this.#replies)
      return
    }
    if (!isAnswer(message)) {
      this.#replies.push(message)
      return
    }
    try {
      this.reject(refusal(parseAnswer(message), this.#request, this.#schema))
    } catch (error) {
      this.reject(error)
    }
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
