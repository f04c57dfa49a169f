// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { showCompared } from './visible-comparison.ts'

const red = '\u001b[31mred'
const shown = '␛[31mred'

test('escapes of values, wherever they are', () => {
  const actual = { [red]: [red, 1, { deep: red }], map: new Map([[red, red]]), set: new Set([red]) }
  const error = { actual, expected: red }
  showCompared(error)
  expect(error).toEqual({
    actual: { [shown]: [shown, 1, { deep: shown }], map: new Map([[shown, shown]]), set: new Set([shown]) },
    expected: shown,
  })
  expect(actual[red]).toEqual([red, 1, { deep: red }])
})

test('what has none stays the same, and what cannot be read or written does no harm', () => {
  const actual = { a: ['b'], c: new Map([[1, { d: null }]]), e: new Date(0) }
  const error = Object.freeze({ actual, expected: red })
  showCompared(error)
  expect(error.actual).toBe(actual)
  const own: { self?: unknown } = {}
  own.self = own
  const hostile = Object.defineProperty({ expected: own }, 'actual', {
    get: () => {
      throw new Error('no')
    },
  })
  for (const thrown of [hostile, undefined, null, 'a', { actual: own }]) showCompared(thrown)
})
