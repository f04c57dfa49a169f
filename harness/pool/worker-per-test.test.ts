// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { shuffled } from './worker-per-test.ts'

test('tests are shuffled by the seed, and none is lost', () => {
  const tests = Array.from({ length: 50 }, (_, number) => ({ id: `1_${number}` }))
  const once = shuffled(tests, 1)
  expect(once).toHaveLength(50)
  expect(new Set(once)).toEqual(new Set(tests))
  expect(once).not.toEqual(tests)
  expect(shuffled(tests.toReversed(), 1)).toEqual(once)
  expect(shuffled(tests, 2)).not.toEqual(once)
})
