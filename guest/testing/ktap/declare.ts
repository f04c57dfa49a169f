// SPDX-License-Identifier: MIT
import { describe, it } from 'vitest'
import type { Verdict } from './verdicts.ts'

/** A test failed where the guest's code has no line for it. */
class KtapFailure extends Error {
  override readonly name = 'KtapFailure'

  constructor(message: string) {
    super(message)
    // A stack would lead into this package.
    this.stack = `${this.name}: ${message}`
  }
}

/** Declares tests of which the verdict is known, in the suite that is being collected. */
export function declareTests(verdicts: readonly Verdict[]): void {
  for (const { name, state, text, tests } of verdicts) {
    if (tests.length > 0) describe(name, () => declareTests(tests))
    else
      it(name, context => {
        if (state === 'skipped') context.skip(text)
        if (state === 'failed') throw new KtapFailure(text)
      })
  }
}
