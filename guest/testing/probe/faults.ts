// SPDX-License-Identifier: MIT
/** What is wrong, collected over the requests of a test, and told once. */
import { expect } from 'vitest'

/** The test that told a fault first, by what it is about and its words without numbers. */
export type Told = Map<string, string>

/** The faults of one test. */
export class Faults {
  readonly #about: string
  readonly #told: Told
  readonly #lines: string[] = []
  readonly #times = new Map<string, number>()

  /** @param about the operation; a fault of all its answers is not told by each test again */
  constructor(about: string, told: Told) {
    this.#about = about
    this.#told = told
  }

  /** Notes faults that came with the request `what`. */
  add(what: string, faults: readonly string[]): void {
    const test = expect.getState().currentTestName ?? ''
    for (const fault of faults) {
      const key = `${this.#about} ${fault.replace(/\d+/g, '#')}`
      const first = this.#told.get(key) ?? test
      this.#told.set(key, first)
      const times = (this.#times.get(key) ?? 0) + 1
      this.#times.set(key, times)
      if (first === test && times <= EXAMPLES) this.#lines.push(`${what}: ${fault}`)
    }
  }

  /** Fails the test if there are any. */
  end(): void {
    const [first, ...more] = this.#lines
    if (first !== undefined) expect.fail([first, ...more.slice(0, SHOWN), ...left(more.length)].join('\n'))
  }
}

/** Lines that a test shows, and those of them that differ in numbers alone. */
const SHOWN = 20
const EXAMPLES = 3

function left(count: number): string[] {
  return count > SHOWN ? [`... and ${count - SHOWN} more`] : []
}
