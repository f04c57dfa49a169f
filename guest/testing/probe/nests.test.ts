// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { parseAttributes } from '../../netlink/index.ts'
import { EACH_LIMIT, variations } from './nests.ts'

test('a nest is tried with one element more than fixed arrays have, each as the others', () => {
  const policies = new Map([[1, new Map([[4, { type: 'U16' }]])]])
  const trials = variations(
    2,
    { type: 'NESTED', policyIndex: 1 },
    { policies, variant: 80, counts: EACH_LIMIT },
  )
  const counts = trials.flatMap(({ inside, payload }) => {
    if (inside?.count === undefined) return []
    const all = parseAttributes(payload)
    expect(all.every(({ type, payload }) => type === 4 && payload.equals(inside.payload))).toBe(true)
    expect(all).toHaveLength(inside.count)
    return [inside.count]
  })
  expect(counts).toEqual(EACH_LIMIT)
})

test('what is inside of a list of nests is varied as what is inside of a nest', () => {
  const policies = new Map([[1, new Map([[4, { type: 'U16' }]])]])
  const insideOf = (type: string) =>
    variations(2, { type, policyIndex: 1 }, { policies, variant: 80 }).flatMap(({ inside }) => inside ?? [])
  expect(insideOf('NESTED_ARRAY')).toEqual(insideOf('NESTED'))
  expect(insideOf('NESTED_ARRAY')).not.toEqual([])
})
