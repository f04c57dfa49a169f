// SPDX-License-Identifier: MIT
import { constants } from 'node:os'
import { expect, test } from 'vitest'
import { statusOf } from './session.ts'

test.each([
  [{ code: 0, signal: null }, 0],
  [{ code: 3, signal: null }, 3],
  [{ code: null, signal: 'SIGKILL' }, 137],
  // `kill -34 $$`: not a success.
  [{ code: null, signal: null }, 128],
])('%j is status %i', (exit, status) => {
  expect(statusOf(exit, constants.signals)).toBe(status)
})
