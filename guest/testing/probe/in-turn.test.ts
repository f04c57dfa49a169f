// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { inTurn } from './in-turn.ts'

test('one of each kind in turn, in the order that they have', () => {
  const trials = [
    { type: 1, what: 'a' },
    { type: 1, what: 'b' },
    { type: 1, what: 'c' },
    { type: 4, what: 'd' },
    { type: 2, what: 'e' },
    { type: 2, what: 'f' },
  ]
  expect(inTurn(trials, ({ type }) => type).map(({ what }) => what)).toEqual(['a', 'd', 'e', 'b', 'f', 'c'])
  expect(inTurn([], String)).toEqual([])
})
