// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { linesOf } from './log-text.ts'

const line = (sequence: number, time: number, text: string, caller?: string, level?: number) => ({
  ...{ sequence, time, text, caller, level },
})

test('lines of dmesg and consoles, with and without times, levels and callers', () => {
  expect(
    linesOf(
      'bare\r\n[    1.000002] timed\n<4>[   12.345678][  T123] by a task\n[    2.000000][    C1] by a processor\n\n',
    ),
  ).toEqual([
    line(0, 0, 'bare'),
    line(1, 1_000_002, 'timed'),
    line(2, 12_345_678, 'by a task', 'T123', 4),
    line(3, 2_000_000, 'by a processor', 'C1'),
  ])
})

test('records of /dev/kmsg, those of several lines too', () => {
  expect(linesOf('4,17,100,-,caller=T9;one\\x0a two\n SUBSYSTEM=x\n')[0]).toEqual(
    line(17, 100, 'one', 'T9', 4),
  )
  expect(linesOf('4,17,100,-,caller=T9;one\\x0a two\n')[1]).toEqual(line(17, 100, ' two', 'T9', 4))
})

test('lines of programs are left out where the text tells', () => {
  expect(linesOf('<14>[    1.000000] by a program\n14,17,100,-;by a program\n')).toEqual([])
  expect(linesOf('<6>[    1.000000] the kernel')).toEqual([line(0, 1_000_000, 'the kernel', undefined, 6)])
})
