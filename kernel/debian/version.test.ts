// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { compareVersions } from './version.ts'

test.each([
  ['6.1.192-1', '6.1.192-2'],
  ['6.1.99-1', '6.1.192-1'],
  ['6.12.117-1~deb12u1', '6.12.117-1'],
  ['7.3.4-1~bpo13+1', '7.3.4-1'],
  ['7.3~rc7-1~exp1', '7.3.1-1'],
  ['1.0~rc1', '1.0'],
  ['1.0', '1.0a'],
  ['1.0a', '1.0+b'],
  ['2.36-9+deb12u14', '2.41-12'],
  ['9.9-9', '1:0.1-1'],
  ['1.0-1', '1.0-1.1'],
  ['1.0', '1.0-1'],
])('%s is before %s', (older, newer) => {
  expect(compareVersions(older, newer)).toBeLessThan(0)
  expect(compareVersions(newer, older)).toBeGreaterThan(0)
})

test('leading zeros and a zero epoch make no difference', () => {
  expect(compareVersions('0:1.02-1', '1.2-1')).toBe(0)
})
