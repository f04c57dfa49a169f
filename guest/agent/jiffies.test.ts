// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { inTimeOf, presentJiffies } from './jiffies.ts'

test("the kernel's list of timers tells the count, which has 64 bits", () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'jiffies-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const list = path.join(folder, 'timer_list')
  writeFileSync(
    list,
    'cpu: 0\n clock 0:\n  .expires_next   : 1 nsecs\njiffies: 4294900926\njiffies: 4294900926\n',
  )
  expect(presentJiffies(list)).toBe(4294900926n)
  expect(presentJiffies(path.join(folder, 'none'))).toBe(0n)
})

test('each object has the name of the last file that had begun', () => {
  const files = [
    { name: 'a.test.ts', jiffies: 100n },
    { name: 'b.test.ts', jiffies: 200n },
  ]
  // To 6.8 with the age.
  const report = (a = '', b = '') =>
    `  comm "node", pid 7, jiffies 199 (age 5.200s)${a}\n  comm "node", pid 7, jiffies 200${b}\n`
  expect(inTimeOf(files, report())).toBe(report(' (in the time of a.test.ts)', ' (in the time of b.test.ts)'))
  expect(inTimeOf(files.slice(1), report())).toBe(report())
  expect(inTimeOf(files, '  comm "swapper/0", pid 1, jiffies 99\n')).toBe(
    '  comm "swapper/0", pid 1, jiffies 99\n',
  )
})
