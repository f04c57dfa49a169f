// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { type AttributePolicy, attr } from '../../netlink/index.ts'
import { isListTold, isNestTold } from './nest-told.ts'

const inner = new Map<number, AttributePolicy>([
  [1, { type: 'NUL_STRING', maximumLength: 16 }],
  [2, { type: 'BINARY', maximumLength: 64 }],
  [3, { type: 'U8', minimum: 0n, maximum: 7n }],
])
const nest = (key: string, value: string, priority: number, ...more: Buffer[]) =>
  Buffer.concat([attr.string(1, key), attr.binary(2, Buffer.from(value)), attr.u8(3, priority), ...more])
const isTold = (told: Buffer) => isNestTold(inner, new Map(), nest('key', 'value', 1), told)

test.each([
  ['as it was', nest('key', 'value', 1)],
  ['with more inside', nest('key', 'value', 1, attr.u32(4, 9))],
  ['with a longer value', nest('key', 'value and what is behind it', 1)],
  ['with another priority', nest('key', 'value', 2)],
])('a nest is told %s', (_how, told) => {
  expect(isTold(told)).toBe(true)
})

test.each([
  ['of another key and value', nest('other', 'else', 1)],
  ['with nothing inside', Buffer.alloc(0)],
  ['that is broken', Buffer.from([200, 0, 1, 0])],
])('a nest %s is another one', (_how, told) => {
  expect(isTold(told)).toBe(false)
})

test('where only values of few tell nests from each other, these count', () => {
  const few = new Map([...inner].filter(([type]) => type === 3))
  expect(isNestTold(few, new Map(), attr.u8(3, 1), Buffer.concat([attr.u8(3, 1), attr.u32(4, 1)]))).toBe(true)
  expect(isNestTold(few, new Map(), attr.u8(3, 1), attr.u8(3, 2))).toBe(false)
})

test('a list of nests is told where each of them is', () => {
  const isListThere = (...nests: Buffer[]) =>
    isListTold(inner, new Map(), attr.nested(1, nest('key', 'value', 1)), Buffer.concat(nests))
  expect(isListThere(attr.nested(7, nest('a', 'b', 2)), attr.nested(8, nest('key', 'other', 1)))).toBe(true)
  expect(isListThere(attr.nested(1, nest('a', 'b', 2)))).toBe(false)
  expect(isListThere()).toBe(false)
})
