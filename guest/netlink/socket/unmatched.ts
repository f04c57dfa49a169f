// SPDX-License-Identifier: MIT
import { MalformedError } from '../codec/errors.ts'
import type { Message } from '../codec/message.ts'
import type { Datagram } from './datagram.ts'
import { UnmatchedError } from './errors.ts'

/** Messages that are kept for the error's text; all are counted. */
const SHOWN = 16

/** Messages of the kernel that came while something waited, answered nothing, and have no receiver. */
export class Unmatched {
  readonly #messages: Message[] = []
  #count = 0
  #malformed: MalformedError | undefined

  add(datagram: Datagram): void {
    try {
      if (datagram.bytes.length === 0) throw new MalformedError('a datagram without any bytes', 0)
      for (const message of datagram.messages()) {
        this.#count++
        if (this.#messages.length < SHOWN) this.#messages.push(message)
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      this.#malformed ??= error
    }
  }

  /** The error of a request that was acknowledged; `wanted` is its sequence number. */
  error(wanted: string): UnmatchedError | MalformedError {
    return this.#malformed ?? new UnmatchedError(this.#messages, this.#count, wanted)
  }
}
