// SPDX-License-Identifier: MIT
/** Sequence numbers that are remembered; the oldest are forgotten first. */
const MOST = 4096

/**
 * Requests that ended without an answer, by their limit or signal for instance: the answer may still come.
 */
export class EndedRequests {
  readonly #sequences = new Set<number>()

  get isEmpty(): boolean {
    return this.#sequences.size === 0
  }

  has(sequence: number): boolean {
    return this.#sequences.has(sequence)
  }

  add(sequence: number): void {
    if (this.#sequences.size === MOST)
      for (const oldest of this.#sequences) {
        this.#sequences.delete(oldest)
        break
      }
    this.#sequences.add(sequence)
  }

  /** Its answer has come. */
  delete(sequence: number): void {
    this.#sequences.delete(sequence)
  }
}
