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

test('what a nest has to be without is not beside what is varied in it', () => {
  const [first, other, left] = [{ type: 'U16' }, { type: 'U16' }, { type: 'U32' }]
  const inner = new Map([
    [1, first],
    [2, other],
    [3, left],
  ])
  const making = { policies: new Map([[1, inner]]), variant: 80, left: new Set([left]) }
  const besides = (varied: number) =>
    variations(2, { type: 'NESTED', policyIndex: 1 }, making)
      .filter(({ what }) => what.startsWith(`inside ${varied}: the value`))
      .map(({ payload }) => parseAttributes(payload).map(({ type }) => type))
  expect(new Set(besides(1).map(String))).toEqual(new Set(['1,2']))
  // The kernel checks it, too.
  expect(new Set(besides(3).map(String))).toEqual(new Set(['1,2,3']))
})
