// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { type AttributePolicy, attr } from '../../netlink/index.ts'
import { isBeyond, misread, Surplus } from './misread.ts'
import { dirty } from './nests.ts'

const u32: AttributePolicy = { type: 'U32' }
const text: AttributePolicy = { type: 'NUL_STRING', maximumLength: 8 }
const binary: AttributePolicy = { type: 'BINARY', maximumLength: 8 }

/** What is said of an attribute that was sent, with another one behind it, and read. */
function said(policy: AttributePolicy | undefined, sent: string, read: string) {
  const payload = Buffer.from(sent, 'hex')
  const request = Buffer.concat([Buffer.alloc(20), dirty(1, payload), attr.u32(2, 0x11223344)])
  return misread({ type: 1, payload, policy, request }, [Buffer.from(read, 'hex')])
}

test.each([
  ['another integer', u32, 'ffffffff', 'ffff0000'],
  ['the padding of a short one', undefined, '0102', '0102a5a5'],
  ['what follows in the request', binary, '01020304', '0102030408000200'],
  ['a text that ends early', text, '61626300', '616200'],
  ['the low half of an integer of any width', { type: 'UINT' }, 'fefffffffeffffff', 'feffffff'],
  ['a text that goes on', { ...text, type: 'STRING' }, '61626364', '6162636408000200'],
])('%s is misread', (_what, policy, sent, read) => {
  expect(said(policy, sent, read)).toBe(`attribute 1 was accepted as ${sent}, and is read as ${read}`)
})

test.each([
  ['the same', u32, 'ffffffff', 'ffffffff'],
  ['an integer of another length, which a lenient family takes', u32, 'ffffffffff', 'ffffffff'],
  ['an integer of any width, in four bytes', { type: 'UINT' }, 'fefffff000000000', 'fefffff0'],
  ['milliseconds that are rounded', { type: 'UINT' }, 'feffffffffffffff', 'f8ffffff'],
  ['zeros that fill a buffer', binary, '0102', '0102000000000000'],
  ['an older value behind it', binary, '01020304', '0102030405060708'],
  ['a text with its NUL', { ...text, type: 'STRING' }, '6162', '616200'],
  ['a text of no given length that is cut', { type: 'STRING' }, '616263', '6162'],
])('%s is not', (_what, policy, sent, read) => {
  expect(said(policy, sent, read)).toBeUndefined()
})

/** What is said of values that were sent and read, `sent read` each. */
function surplusOf(policy: AttributePolicy | undefined, ...pairs: string[]): string[] {
  const surplus = new Surplus()
  for (const pair of pairs) {
    const [payload = Buffer.alloc(0), read = payload] = pair.split(' ').map(hex => Buffer.from(hex, 'hex'))
    surplus.note({ type: 1, payload, policy, request: payload }, [read])
  }
  return surplus.faults
}

test('a binary that is read with as many bytes more as ever, not all zero, is read with what is behind it', () => {
  expect(surplusOf(binary, '01 0100', '0102 01025a')).toEqual([
    'attribute 1 comes back with 1 bytes more than were sent, of 1 as of 2: they are not part of it (5a)',
  ])
})

test('a binary that is read with its padding, whatever its length, is read with what is behind it', () => {
  expect(surplusOf(binary, '01 01000000', '0102 01020000', '0102030405 0102030405000000')).toEqual([
    'attribute 1 comes back with its length rounded up to a multiple of 4, of 1 as of 2 as of 5: padding is no part of it',
  ])
  // A block of four bytes, or one length, says nothing.
  expect(surplusOf(binary, '01 01000000', '0102 01020000')).toEqual([])
  expect(surplusOf(binary, '01 01000000', '0102030405 0102030405000000')).toEqual([])
})

test.each([
  ['a NUL behind each', binary, ['01 0100', '0102 010200']],
  ['a block, of which the rest stays', binary, ['01 01a5a5', '0102 0102a5']],
  ['one length alone', binary, ['01 015a', '02 025a']],
  ['the same', binary, ['01 01', '0102 0102']],
  ['a text', text, ['61 6161', '6162 616261']],
])('%s is not', (_what, policy, pairs) => {
  expect(surplusOf(policy, ...pairs)).toEqual([])
})

/** What is said of values of new entries. */
function surplusOfNew(...pairs: string[]): string[] {
  const surplus = new Surplus(true)
  for (const pair of pairs) {
    const [payload = Buffer.alloc(0), read = payload] = pair.split(' ').map(hex => Buffer.from(hex, 'hex'))
    surplus.note({ type: 1, payload, policy: binary, request: payload }, [read])
  }
  return surplus.faults
}

test('a block of a new entry that is filled up with something else each time has what is behind the value', () => {
  expect(surplusOfNew('01 01000000', '0102 01020000', '010203 010203e1')).toEqual([
    'attribute 1 of new entries comes back with 4 bytes, of which fewer were sent: what is behind them is not always the same (e1)',
  ])
})

test.each([
  ['zeros', ['01 01000000', '0102 01020000']],
  ['the same bytes', ['01 01ffffff', '0102 0102ffff']],
  ['one length', ['01 01ff00ff', '02 0200ff00']],
])('a block of a new entry that is filled up with %s is meant', (_what, pairs) => {
  expect(surplusOfNew(...pairs)).toEqual([])
})

test.each([
  ['as it was', '61626300', false],
  ['with what is behind it', '6162637800', true],
  ['with its NUL, and what is behind that', '6162630078', true],
  ['in a block with zeros', '616263000000', false],
  ['as another one', '787878787800', false],
])('a longest text that is told %s', (_how, read, is) => {
  expect(isBeyond(Buffer.from('abc'), Buffer.from(read, 'hex'))).toBe(is)
})
