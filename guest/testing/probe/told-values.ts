// SPDX-License-Identifier: MIT
import { MalformedError, type Message } from '../../netlink/index.ts'

/** Values of an attribute that were told: some of the first and of the last, each once. */
export class ToldValues {
  readonly #values = new Map<number, Buffer[]>()

  /** @param start where attributes begin in a reply's payload */
  noteReplies(replies: readonly Message[], start: number): void {
    for (const reply of [...replies.slice(0, NOTED), ...replies.slice(NOTED).slice(-NOTED)])
      try {
        for (const { type, payload } of reply.attributes(start)) this.note(type, payload)
      } catch (error) {
        // It is told as malformed.
        if (!(error instanceof MalformedError)) throw error
      }
  }

  note(type: number, payload: Buffer): void {
    if (payload.length === 0 || payload.length > LONGEST) return
    const known = this.#values.get(type) ?? []
    this.#values.set(type, known)
    if (known.some(each => each.equals(payload))) return
    known.push(Buffer.from(payload))
    if (known.length > 2 * KEPT) known.splice(KEPT, 1)
  }

  of(type: number): readonly Buffer[] {
    return this.#values.get(type) ?? []
  }

  clear(): void {
    this.#values.clear()
  }
}

/** Of the first values, and of the last. */
const KEPT = 3
/** Bytes of what may be a name. */
const LONGEST = 256
/** Of the first replies to a request, and of the last. */
const NOTED = 16
