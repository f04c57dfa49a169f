// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { align } from './align.ts'

const paired = (base: string, head: string) =>
  align([...base], [...head], each => each).map(
    ({ base: a, index, isAfterSame }) => `${a}${index}${isAfterSame ? '' : '?'}`,
  )

test('what both lists have, in their order', () => {
  expect(paired('abc', 'abc')).toEqual(['a0', 'b1', 'c2'])
  expect(paired('abcd', 'abxd')).toEqual(['a0', 'b1', 'd3?'])
  expect(paired('abc', 'xabc')).toEqual(['a0?', 'b1?', 'c2?'])
  expect(paired('aabb', 'ab')).toEqual(['a0', 'b3?'])
  expect(paired('', 'a')).toEqual([])
  expect(paired('abcabc', 'cab')).toEqual(['c2?', 'a3?', 'b4?'])
})

test('very long lists that have little in common take neither the memory nor the time of their product', () => {
  const [long, other] = ['a', 'b'].map(begin =>
    Array.from({ length: 50_000 }, (_, at) => `${begin}${at % 7}`),
  )
  expect(align(long ?? [], [...(other ?? []), 'a0'], each => each)).toEqual([])
})
