// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { whyNoShell } from './shell.ts'

test.each([
  [true, true, 'the guest was lost: --gdb stops before that, and --dump keeps its memory'],
  [false, true, 'no test has failed but a hook or the file itself: call what fails there in a test'],
  [false, false, 'nothing has failed'],
])('--debug without a shell: lost %s, failed %s', (lost, failed, why) => {
  expect(whyNoShell(lost, failed)).toBe(`--debug: no shell, for ${why}`)
})
