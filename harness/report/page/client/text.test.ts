// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { counted, duration, uncoloured, visible } from './text.ts'

test('what a terminal or the direction of text would obey is seen instead', () => {
  expect(visible('a\u001b[31mb\u0000\u007f\r\nc\td\re')).toBe('a␛[31mb␀␡\nc\td␍e')
  expect(visible('\u202eevil\u2066 \u009b1m')).toBe('\\u202eevil\\u2066 \\u009b1m')
  expect(visible('<b>ä 😀</b>')).toBe('<b>ä 😀</b>')
})

test('colours that Vitest has added are none of the text', () => {
  expect(uncoloured('\u001b[32m- a\u001b[39m \u001b]0;title\u0007')).toBe('- a ␛]0;title␇')
})

test.each([
  [0.4, '0 ms'],
  [999, '999 ms'],
  [999.6, '1.0 s'],
  [59_940, '59.9 s'],
  [59_960, '1 min 0 s'],
  [125_000, '2 min 5 s'],
])('%d milliseconds are %s', (milliseconds, text) => {
  expect(duration(milliseconds)).toBe(text)
})

test('one test, two tests', () => {
  expect([counted(1, 'test'), counted(2, 'test')]).toEqual(['1 test', '2 tests'])
})
