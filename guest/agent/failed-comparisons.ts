// SPDX-License-Identifier: MIT
import type { chai } from 'vitest'

/**
 * Calls `note` with each comparison of Vitest that fails, also with those that Vitest catches by itself:
 * expect.soft(), and hooks.
 */
export function watchComparisons(
  { Assertion, util }: typeof chai,
  note: (thrown: unknown, negated: boolean) => void,
): void {
  const { assert } = Assertion.prototype
  Assertion.prototype.assert = function (...given) {
    try {
      assert.apply(this, given)
    } catch (error) {
      note(error, util.flag(this, 'negate') === true)
      throw error
    }
  }
}
