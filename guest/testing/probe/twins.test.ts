// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { attr, parseAttributes } from '../../netlink/index.ts'
import type { Operation } from './family.ts'
import { formsOf, twins } from './twins.ts'

const operation = (policy: Operation['policy']): Operation => ({
  command: 1,
  kind: 'do',
  privilege: 'none',
  policy,
})
const one = operation(
  new Map([
    [1, { type: 'U32' }],
    [2, { type: 'U8' }],
    [3, { type: 'BINARY' }],
    [4, { type: 'NUL_STRING' }],
  ]),
)
const other = operation(new Map([[2, { type: 'U16' }]]))
const told = (...attributes: readonly Buffer[]) =>
  twins(parseAttributes(Buffer.concat(attributes)), formsOf([one, other, operation(undefined)]))

test('integers whose length differs between policies are not known', () => {
  expect(formsOf([one, other])).toEqual(
    new Map<number, unknown>([
      [1, 4],
      [4, 'text'],
    ]),
  )
})

test('an integer told twice is two attributes if one has another length', () => {
  expect(told(attr.u32(1, 5), attr.u64(1, 5n))).toEqual([
    'attribute 1 is told twice, with 4 bytes as its policy says, and with 8: that is another attribute',
  ])
  expect(told(attr.u32(1, 5), attr.u32(1, 6))).toEqual([])
  expect(told(attr.u64(1, 5n), attr.u64(1, 6n))).toEqual([])
  expect(told(attr.u8(2, 5), attr.u16(2, 6))).toEqual([])
  expect(told(attr.binary(3, Buffer.alloc(1)), attr.binary(3, Buffer.alloc(2)))).toEqual([])
})

test('a text told twice is two attributes if one is no text', () => {
  expect(told(attr.string(4, 'eth0'), attr.nested(4, attr.u16(1, 7)))).toEqual([
    'attribute 4 is told twice, as a text as its policy says, and as something else: that is another attribute',
  ])
  expect(told(attr.string(4, 'eth0'), attr.string(4, 'eth1'))).toEqual([])
  // A command of its own may tell it in its own way.
  expect(told(attr.nested(4, attr.u16(1, 7)))).toEqual([])
})
