// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { statusOf } from './session.ts'

test.each([
  [{ code: 0, signal: null }, 0],
  [{ code: 3, signal: null }, 3],
  [{ code: null, signal: 9 }, 137],
  [{ code: null, signal: 34 }, 162],
  // Neither is told: not a success.
  [{ code: null, signal: null }, 128],
])('%j is status %i', (exit, status) => {
  expect(statusOf(exit)).toBe(status)
})
