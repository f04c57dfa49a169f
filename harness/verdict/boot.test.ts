// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { KernelLog } from '../guest/kernel-log.ts'
import { BrokenKernel, bootSplats } from './boot.ts'

/** A guest whose kernel has logged these lines, and logs more on request. */
function booted(...lines: string[]) {
  const log = new KernelLog()
  const say = (text: string, priority = 4) => log.push(Buffer.from(`${priority},${log.next},1,-;${text}\n`))
  for (const line of lines) say(line)
  return {
    label: 'tree:linux',
    log,
    ask: async ({ text }: { text: string }) => {
      // Later than the answer, as in a real guest.
      setImmediate(() => say(text, 15))
    },
  }
}

test('what a kernel reports before any test is found, once each, and ends the preparation as a failure of the kernel', async () => {
  const guest = booted(
    'Linux version 6.1',
    'refcount_t: underflow; use-after-free.',
    'Run /init as init process',
  )
  const splats = await bootSplats(guest, undefined)
  expect(splats).toHaveLength(1)
  const error = new BrokenKernel(guest.label, splats)
  expect(error).toMatchObject({ status: 1, details: expect.stringContaining('refcount_t: underflow') })
  expect(error.message).toContain('tree:linux is broken before any test begins')
  expect(error.message).toMatch(/: refcount: refcount_t: underflow; use-after-free\.$/)
})

test('a kernel that boots as it should has reported nothing', async () => {
  expect(await bootSplats(booted('Linux version 6.1', 'Run /init as init process'), undefined)).toEqual([])
})
