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
