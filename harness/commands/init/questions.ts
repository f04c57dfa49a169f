// SPDX-License-Identifier: MIT
import { createInterface } from 'node:readline'
import { UsageError } from '../../base/errors.ts'
import { signalStatus } from '../../base/process.ts'

/** Questions on stderr, answered by lines of stdin; some may be typed in advance. Ctrl-C ends this process. */
export class Questions implements Disposable {
  readonly #terminal = createInterface({ input: process.stdin, output: process.stderr })
  readonly #lines: AsyncIterator<string>

  constructor() {
    this.#lines = this.#terminal[Symbol.asyncIterator]()
    // readline takes the key in raw mode, so that no signal comes.
    this.#terminal.on('SIGINT', () => process.exit(signalStatus('SIGINT')))
  }

  [Symbol.dispose](): void {
    this.#terminal.close()
  }

  /**
   * Asks until there is an answer that `read` takes.
   * @param read the answer's value, for an empty one the usual; undefined for what is no answer
   * @throws UsageError when the input ends
   */
  async ask<T>(question: string, read: (answer: string) => T | undefined): Promise<T> {
    for (;;) {
      this.#terminal.setPrompt(`${question} `)
      this.#terminal.prompt()
      const { value, done } = await this.#lines.next()
      if (done) throw new UsageError('init got no answer, and the folder is as it was: give --yes')
      const answer = read(value.trim())
      if (answer !== undefined) return answer
    }
  }
}
