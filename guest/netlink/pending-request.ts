import { NLM_F_ECHO } from './constants.ts'
import { isAnswer, parseAnswer } from './error-message.ts'
import { KernelError } from './errors.ts'
import type { Message } from './message.ts'
import { Wait } from './wait.ts'

/** A request that has been sent and not been acknowledged yet, and what came for it so far. */
export class PendingRequest extends Wait<Message[]> {
  /** Whether the sender asked for a copy of the notification, which then is a reply. */
  readonly wantsEcho: boolean
  readonly #replies: Message[] = []

  constructor(flags: number, onEnd: () => void) {
    super(onEnd)
    this.wantsEcho = (flags & NLM_F_ECHO) !== 0
  }

  /** Takes a message with the request's sequence number: a reply, or the answer that ends it. */
  take(message: Message): void {
    if (!isAnswer(message)) {
      this.#replies.push(message)
      return
    }
    try {
      const answer = parseAnswer(message)
      if (answer.errno === 0) this.resolve(this.#replies)
      else this.reject(new KernelError(answer))
    } catch (error) {
      this.reject(error)
    }
  }
}
