// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { ToldValues } from './told-values.ts'

test('of the values that were told, the first and the last are known', () => {
  const told = new ToldValues()
  const number = (value: number) => Buffer.from([value])
  for (let value = 0; value < 20; value++) {
    told.note(1, number(value))
    told.note(1, number(0))
  }
  told.note(2, Buffer.alloc(0))
  told.note(2, Buffer.alloc(257))
  expect(told.of(1)).toEqual([0, 1, 2, 17, 18, 19].map(number))
  expect(told.of(2)).toEqual([])
  told.clear()
  expect(told.of(1)).toEqual([])
})
