// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { unchanged } from './unchanged.ts'

test('sees each property that has another value, whatever its name', () => {
  const inherited = Object.create({ above: 1 }) as object
  const keys = ['plain', 'with "quotes"\n', 7, Symbol.iterator, 'above', 'missing']
  const holder = Object.assign(inherited, Object.fromEntries(keys.slice(0, 4).map(key => [key, {}])), {
    [Symbol.iterator]: {},
  }) as Record<PropertyKey, unknown>
  const isUnchanged = unchanged(keys.map(key => ({ holder, key, value: holder[key] })))
  expect(isUnchanged()).toBe(true)
  for (const key of keys) {
    const { [key]: kept } = holder
    const isOwn = Object.hasOwn(holder, key)
    holder[key] = 'another'
    expect(isUnchanged(), String(key)).toBe(false)
    if (isOwn) holder[key] = kept
    else delete holder[key]
    expect(isUnchanged(), String(key)).toBe(true)
  }
})

test('of none', () => {
  expect(unchanged([])()).toBe(true)
})
