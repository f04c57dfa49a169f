// SPDX-License-Identifier: MIT
import { expect, test, vi } from 'vitest'
import { isTimeShort, requireTime } from './allowance.ts'

test('of its time a test uses a third for what it may leave out, says so, and tells at the end what it is at', {
  timeout: 1000_000,
}, () => {
  const begin = Date.now()
  const after = (milliseconds: number) => {
    vi.setSystemTime(begin + milliseconds)
    try {
      requireTime(() => 'command 3 (dump)')
      return isTimeShort()
    } finally {
      vi.useRealTimers()
    }
  }
  const warn = vi.spyOn(console, 'warn').mockReturnValue()
  expect(after(0)).toBe(false)
  expect(after(300_000)).toBe(false)
  expect(warn).not.toHaveBeenCalled()
  expect(after(400_000)).toBe(true)
  expect(after(700_000)).toBe(true)
  expect(warn.mock.calls).toEqual([[expect.stringContaining('leaves out what it has not tried')]])
  expect(() => after(950_000)).toThrow("the test's time is nearly over: it was asking command 3 (dump)")
})
