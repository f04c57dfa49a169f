// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { visible, visibleInColour } from './visible.ts'

test('what a terminal would obey is shown', () => {
  expect(visible('a\u001b[2J\r\u0007\u007f\tb\r\n\u009b\u202ec')).toBe('a␛[2J␍␇␡\tb\n\\u009b\\u202ec')
})

test('colours stay where Vitest has put them, and nothing else that begins alike', () => {
  const coloured = '\u001b[31m- red\u001b[39m \u001b[1mbold\u001b[22m \u001b[m'
  expect(visibleInColour(coloured)).toBe(coloured)
  for (const hostile of ['\u001b[8m', '\u001b[2J', '\u001b]0;title\u0007', '\u001b[31;8m', '\u001b[5m'])
    expect(visibleInColour(`${coloured}${hostile}`)).toBe(`${coloured}${visible(hostile)}`)
})
