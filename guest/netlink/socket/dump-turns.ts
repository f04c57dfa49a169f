// SPDX-License-Identifier: MIT
import { Wait } from './wait.ts'

/**
 * One dump at a time for a socket: the kernel refuses a second (EBUSY). The others wait in the order in which
 * they came.
 */
export class DumpTurns {
  #isTaken = false
  readonly #waiting = new Set<Wait<void>>()

  /** Whether a dump waits for its turn. */
  get isAwaited(): boolean {
    return this.#waiting.size > 0
  }

  /** Takes the turn at once and returns undefined, or returns a wait for it. */
  take(): Wait<void> | undefined {
    if (!this.#isTaken) {
      this.#isTaken = true
      return undefined
    }
    const turn: Wait<void> = new Wait(() => this.#waiting.delete(turn))
    this.#waiting.add(turn)
    return turn
  }

  /** Passes the turn to the next. */
  release(): void {
    const [next] = this.#waiting
    if (next === undefined) this.#isTaken = false
    else next.resolve()
  }

  reject(error: unknown): void {
    for (const turn of [...this.#waiting]) turn.reject(error)
  }
}
