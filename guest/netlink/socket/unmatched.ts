import { MalformedError } from '../codec/errors.ts'
import type { Message } from '../codec/message.ts'
import type { Datagram } from './datagram.ts'
import { UnmatchedError } from './errors.ts'

/** Messages that are kept to be shown; all are counted. */
const SHOWN = 16

/** What came from the kernel while something waited, answered nothing, and had nobody else to go to. */
export class Unmatched {
  readonly #messages: Message[] = []
  #count = 0
  #malformed: MalformedError | undefined

  add(datagram: Datagram): void {
    try {
      for (const message of datagram.messages()) {
        this.#count++
        if (this.#messages.length < SHOWN) this.#messages.push(message)
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      this.#malformed ??= error
    }
  }

  /** Why what waited for the sequence number `wanted` has failed, though it was acknowledged. */
  error(wanted: string): UnmatchedError | MalformedError {
    return this.#malformed ?? new UnmatchedError(this.#messages, this.#count, wanted)
  }
}
