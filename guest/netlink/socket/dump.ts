// SPDX-License-Identifier: MIT
import { NetlinkError } from '../codec/errors.ts'
import type { Message } from '../codec/message.ts'
import { nextIdentity } from './identity.ts'
import type { RequestOptions } from './request.ts'

/**
 * How a dump waits, and what happens when it is interrupted. The time limit is for each attempt as a whole,
 * without the time that its reader takes between the parts.
 */
export interface DumpOptions extends RequestOptions {
  /**
   * How often to start again when the kernel says that the table changed during the dump (NLM_F_DUMP_INTR),
   * so that messages may be missing or doubled. With retries, messages are handed out only after a complete
   * dump; a DumpInterruptedError says that there was none. 0 if not given: messages are handed out as they
   * come, and {@link Dump.isInterrupted} tells.
   */
  readonly retries?: number
}

/**
 * A dump: the messages of a request with NLM_F_DUMP, to be iterated once or collected once. Nothing is sent
 * before that. The kernel makes the messages as they are read, so that a large dump is never in memory as a
 * whole. Leaving the loop early discards the rest, and throws a TimeoutError if the rest does not end.
 */
export class Dump implements AsyncIterable<Message> {
  /** Unique in this process: two dumps are never equal in comparisons of objects. */
  readonly identity: number = nextIdentity()
  /** Whether the kernel has said so far that the table changed during the dump: NLM_F_DUMP_INTR. */
  isInterrupted = false
  /** How often it was started: more than once only with {@link DumpOptions.retries}. */
  attempts = 0
  readonly #parts: AsyncGenerator<Message[], void, void>
  #isTaken = false

  /** `run` yields the messages of a datagram at a time; {@link Socket.dump} provides it. */
  constructor(run: (dump: Dump) => AsyncGenerator<Message[], void, void>) {
    this.#parts = run(this)
  }

  [Symbol.asyncIterator](): AsyncGenerator<Message, void, void> {
    return this.#iterate(this.#take())
  }

  async *#iterate(parts: AsyncIterable<Message[]>): AsyncGenerator<Message, void, void> {
    for await (const part of parts) yield* part
  }

  /** Only one reader: another would miss what the first one takes. */
  #take(): AsyncIterable<Message[]> {
    if (this.#isTaken) throw new NetlinkError('a dump is read once: make another by socket.dump()')
    this.#isTaken = true
    return this.#parts
  }

  /** All messages, in order. */
  async collect(): Promise<Message[]> {
    const messages: Message[] = []
    for await (const part of this.#take()) for (const message of part) messages.push(message)
    return messages
  }
}
