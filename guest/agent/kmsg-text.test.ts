// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { kmsgText } from './kmsg-text.ts'

test.each([
  ['plain', 'plain'],
  ['one\\x0atwo', 'one\ntwo'],
  ['caf\\xc3\\xa9 \\xc2\\xb5s', 'café µs'],
  ['a\\x5cb', 'a\\b'],
  ['\\xff is no UTF-8', 'ÿ is no UTF-8'],
  ['\\x1b[31m', '\x1b[31m'],
  // The kernel escapes backslashes: this is none of its own.
  ['\\xzz', '\\xzz'],
])('%j is %j', (text, meant) => {
  expect(kmsgText(text)).toBe(meant)
})
