// SPDX-License-Identifier: MIT
import { styleText } from 'node:util'
import { DefaultReporter, type TestCase, type TestModule } from 'vitest/node'
import { isNotRun, notRunOf } from './not-run.ts'

/** Vitest's default reporter, in which several tests of a file that did not run have one line. */
export class TerminalReporter extends DefaultReporter {
  /** Whether tests that did not run are left out: the file has a line for them. */
  #together = false

  protected override printTestModule(module: TestModule): void {
    const groups = notRunOf(module)
    this.#together = groups.some(({ count }) => count > 1)
    super.printTestModule(module)
    if (!this.#together || this.ctx.config.hideSkippedTests) return
    for (const { text } of groups) this.log(styleText('gray', `   ↓ ${text}`))
  }

  protected override printTestCase(state: ReturnType<TestModule['state']>, test: TestCase): void {
    if (!this.#together || !isNotRun(test)) super.printTestCase(state, test)
  }
}
