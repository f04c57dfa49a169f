// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { followForeground, isForeground } from './terminal.ts'

test.each([
  ['7 (a b) c) S 1 7 7 34816 7 4194304', true],
  ['8 (node) S 1 8 7 34816 7 4194304', false],
  ['8 (node) S 1 8 8 0 -1 4194304', true],
])('%s: %s', (stat, expected) => {
  expect(isForeground(stat)).toBe(expected)
})

test('told at once, and when the process goes on', async () => {
  const told: boolean[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  const here = isForeground(readFileSync('/proc/self/stat', 'utf8'))
  onTestFinished(
    followForeground(now => {
      if (told.push(now) === 2) resolve()
    }),
  )
  expect(told).toEqual([here])
  if (!here) return
  process.kill(process.pid, 'SIGCONT')
  await promise
  expect(told).toEqual([true, true])
})
