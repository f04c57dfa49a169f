// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { foldObjects } from './lost-memory.ts'

const object = (address: string, backtrace: string, file = '') =>
  `unreferenced object 0x${address} (size 64):
  comm "MainThread", pid 72, jiffies 4294900926${file && ` (in the time of ${file})`}
  hex dump (first 4 bytes):
    00 00 00 00  ....
  backtrace (crc ${address}):
    ${backtrace}+0x1/0x2 [m]
    genl_rcv+0x1/0x2`

test('objects with the same backtrace are one, with the files in whose time they were allocated', () => {
  const report = [
    object('1', 'add', 'a.test.ts'),
    object('2', 'add', 'b.test.ts'),
    object('3', 'set', 'a.test.ts'),
    object('4', 'add', 'b.test.ts'),
  ].join('\n')
  expect(foldObjects(report)).toBe(
    `${object('1', 'add', 'a.test.ts')}
(2 more with this backtrace, in the time of b.test.ts)
${object('3', 'set', 'a.test.ts')}`,
  )
  expect(foldObjects([object('1', 'add'), object('2', 'add')].join('\n'))).toBe(
    `${object('1', 'add')}\n(1 more with this backtrace)`,
  )
})

test('what is no report of objects stays as it is', () => {
  expect(foldObjects('kmemleak has given up')).toBe('kmemleak has given up')
})
