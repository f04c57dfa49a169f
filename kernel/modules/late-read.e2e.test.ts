// SPDX-License-Identifier: MIT
/**
 * An implementation that reads the variable when it tells of it is right, whatever other senders do
 * meanwhile: the suites pass.
 */
import path from 'node:path'
import { expect, test } from 'vitest'
import { runCli } from '../../harness/fixtures/cli.ts'

test('late-read: the suites of several senders and of notifications pass', async () => {
  const suites = ['suites/concurrency', 'suites/multicast', 'generic/notifications']
  const { status, stdout } = await runCli(
    ['--modules', path.join(import.meta.dirname, 'late-read'), '--repeats', '4', ...suites],
    { cwd: path.resolve(import.meta.dirname, '../..') },
  )
  expect(stdout).toMatch(/: 3 files, tests \d+ passed, 0 failed;/)
  expect(status).toBe(0)
})
