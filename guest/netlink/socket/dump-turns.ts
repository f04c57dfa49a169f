import { Wait } from './wait.ts'

/** One dump at a time for a socket, as the kernel wants it (EBUSY); the others wait in the order in which they came. */
export class DumpTurns {
  #isTaken = false
  readonly #waiting = new Set<Wait<void>>()

  /** Whether anybody waits for the end of the dump before. */
  get isAwaited(): boolean {
    return this.#waiting.size > 0
  }

  /** Takes the turn at once, which is undefined, or a wait for it. */
  take(): Wait<void> | undefined {
    if (!this.#isTaken) {
      this.#isTaken = true
      return undefined
    }
    const turn: Wait<void> = new Wait(() => this.#waiting.delete(turn))
    this.#waiting.add(turn)
    return turn
  }

  /** Gives it to the next, who has it from now on. */
  release(): void {
    const [next] = this.#waiting
    if (next === undefined) this.#isTaken = false
    else next.resolve()
  }

  reject(error: unknown): void {
    for (const turn of [...this.#waiting]) turn.reject(error)
  }
}
