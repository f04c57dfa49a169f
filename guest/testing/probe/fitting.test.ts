// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import type { AttributePolicy } from '../../netlink/index.ts'
import { limitsOf } from './fitting.ts'

test('the limits of attributes are tried from those of few values to those of many', () => {
  const policies = new Map<number, AttributePolicy>([
    [1, { type: 'U32', minimum: 0n, maximum: 0xffffffffn }],
    [2, { type: 'U8', minimum: 0n, maximum: 32n }],
    [3, { type: 'NUL_STRING', maximumLength: 8 }],
    [4, { type: 'U8', minimum: 3n, maximum: 3n }],
  ])
  const tried = limitsOf({ types: [...policies.keys()], policyOf: type => policies.get(type) })
  expect(tried.map(own => [...own].map(([type, payload]) => `${type} ${payload.toString('hex')}`))).toEqual([
    ['4 03'],
    ['2 20'],
    ['2 00'],
    ['1 ffffffff'],
    ['1 00000000'],
  ])
})
