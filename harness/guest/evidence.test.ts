// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { evidenceOf, plainConsole } from './evidence.ts'
import { KernelLog } from './kernel-log.ts'

test('the console is shown from where the kernel began to complain, without terminal sequences', () => {
  const console =
    '\x1bc\x1b[?7lSeaBIOS\r\nboot noise\r\n[ 5.0] BUG: unable to handle page fault\r\n[ 5.1] Kernel panic - not syncing: Fatal\r\n'
  expect(evidenceOf(new KernelLog(), console, 0)).toBe(
    'console:\n[ 5.0] BUG: unable to handle page fault\n[ 5.1] Kernel panic - not syncing: Fatal',
  )
})

test('escapes that the kernel was made to write are shown, those of the firmware are not', () => {
  const console = '\x1bc\x1b[?7lSeaBIOS\r\n[    0.000000] Linux\r\n[    5.000000] \x1b[31mred\r\n'
  expect(plainConsole(console)).toBe('SeaBIOS\n[    0.000000] Linux\n[    5.000000] ␛[31mred\n')
})

test('log records from before the test are left out', () => {
  const log = new KernelLog()
  log.push(Buffer.from('6,1,1000000,-;boot\n6,2,2000000,-;test\n'))
  expect(evidenceOf(log, '', 2)).toBe('kernel log:\n[    2.000000] test')
})

test('nothing said, nothing shown', () => {
  expect(evidenceOf(new KernelLog(), '', 0)).toBe('')
})

/** A log whose record 1 is of before the test, and a console that has more than has come of the log. */
const since = (...records: readonly string[]) => {
  const log = new KernelLog()
  log.push(Buffer.from(['6,1,1000000,-;before the test', ...records, ''].join('\n')))
  return log
}
const panic = '[    3.000000] Kernel panic - not syncing: sysrq triggered crash'

test('the console is shown from where the test began, also what only it has', () => {
  const console = `[    0.500000] boot\r\n[    1.000000] before the test\r\n[    2.000000] the last words\r\n${panic}\r\n`
  expect(evidenceOf(since(), console, 2)).toBe(`console:\n[    2.000000] the last words\n${panic}`)
  // Without a complaint, too.
  expect(evidenceOf(since(), console.slice(0, -panic.length - 2), 2)).toBe(
    'console:\n[    2.000000] the last words',
  )
})

test('a restored guest of which no record has come: all that its console has', () => {
  const console = `[    2.000000] the last words\r\n${panic}\r\n`
  expect(evidenceOf(new KernelLog(), console, 0)).toBe(`console:\n[    2.000000] the last words\n${panic}`)
})

test('what both have is shown once, whoever has printed it', () => {
  const log = since(
    '4,2,2000000,-;BUG: unable to handle',
    '4,3,2000001,-;two\\x0alines',
    '6,4,2000002,-;odd \u001b',
  )
  const console = `[    1.000000] before the test\n[    2.000000][  T12] BUG: unable to handle\n[    2.000001][  T12] two\n[    2.000001][  T12] lines\n[    2.000002] odd \u001b\n${panic}\n`
  const shown = evidenceOf(log, console, 2)
  expect(shown.match(/BUG: unable/g)).toHaveLength(1)
  expect(shown.match(/odd/g)).toHaveLength(1)
  expect(shown.slice(shown.indexOf('console:'))).toBe(`console:\n${panic}`)
})

test('a cut is told', () => {
  const many = (count: number, what: string) =>
    Array.from({ length: count }, (_, i) => `[    2.${String(i).padStart(6, '0')}] ${what} ${i}`).join('\n')
  const shown = evidenceOf(since(), `${many(50, 'early')}\n${panic}\n${many(80, 'trace')}\n`, 2)
  expect(shown).toContain('console:\n... 30 lines before\n[    2.000030] early 30')
  expect(shown).toMatch(/trace 58\n\.\.\. and 21 more lines$/)
  const log = since(...Array.from({ length: 50 }, (_, i) => `6,${i + 2},${2_000_000 + i},-;record ${i}`))
  expect(evidenceOf(log, '', 2)).toMatch(
    /^kernel log:\n\.\.\. 10 records before\n\[ {4}2\.000010\] record 10\n/,
  )
})

test('a long report is told from its beginning on, and the console does not tell its end', () => {
  const record = (text: string, i: number) => `4,${i + 2},${2_000_000 + i},-;${text}`
  const texts = [
    ...Array.from({ length: 30 }, (_, i) => `early ${i}`),
    'BUG: kernel NULL pointer dereference, address: 0000000000000000',
    'Oops: 0000 [#1] PREEMPT SMP',
    ...Array.from({ length: 60 }, (_, i) => `trace ${i}`),
  ]
  const console = texts.map((text, i) => `[    2.${String(i).padStart(6, '0')}][  T12] ${text}\n`).join('')
  const shown = evidenceOf(since(...texts.map(record)), `${console}${panic}\n`, 2).split('\n')
  expect(shown.slice(0, 8)).toEqual([
    'kernel log:',
    '... 25 records before',
    ...[25, 26, 27, 28, 29].map(i => `[    2.${String(i).padStart(6, '0')}] early ${i}`),
    '[    2.000030] BUG: kernel NULL pointer dereference, address: 0000000000000000',
  ])
  expect(shown.slice(-5)).toEqual([
    '[    2.000069] trace 37',
    '... and 22 more records',
    '',
    'console:',
    panic,
  ])
  // A program's words are no complaint, and what reports begin with can be given.
  const said = texts.map((text, i) => record(i === 2 ? 'WARNING: of it' : text, i))
  said[1] = '12,3,2000001,-;WARNING: of a program'
  expect(evidenceOf(since(...said), '', 2, /^WARNING: /)).toMatch(
    /^kernel log:\n(.*early 0\n)(.*\n){41}... and 50 more/,
  )
  // A short one leaves room for what was before it.
  const short = evidenceOf(since(...texts.slice(0, 32).map(record)), '', 2)
  expect(short).toMatch(/^kernel log:\n\[ {4}2\.000000\] early 0\n/)
  const longer = ['one before', ...texts].slice(0, 42).map(record)
  expect(evidenceOf(since(...longer), '', 2)).toContain('... 2 records before')
})

test("marks of the harness are no part of anybody's log", () => {
  const id = '0f8fad5b-d9cb-469f-a165-70867728950e'
  const marks = ['the log up to here', `end of ${id}`, `ready, ${id}`, `time, ${id}`]
  const log = since(
    ...marks.map((mark, at) => `12,${at + 2},2000000,-;netlink-vmtest: ${mark}`),
    '12,6,2000001,-;netlink-vmtest: of a user',
  )
  const console = marks.map(mark => `[    2.000000] netlink-vmtest: ${mark}\n`).join('')
  expect(evidenceOf(log, console + panic, 2)).toBe(
    `kernel log:\n[    2.000001] netlink-vmtest: of a user\n\nconsole:\n${panic}`,
  )
})
