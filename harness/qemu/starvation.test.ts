// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { expect, onTestFinished, test, vi } from 'vitest'
import { patientTimer, starvedTime } from './starvation.ts'

test('processes that share too few processors are seen to wait for them', async () => {
  const busy = Array.from({ length: availableParallelism() + 1 }, () =>
    spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }),
  )
  onTestFinished(() => {
    for (const each of busy) each.kill('SIGKILL')
  })
  await vi.waitFor(() => expect(busy.some(({ pid }) => starvedTime(pid ?? 0) > 100)).toBe(true), 30_000)
})

test('a process that is gone has not waited', () => {
  expect(starvedTime(2 ** 22 + 1)).toBe(0)
})

/** Seconds until a timer of one second is late, with this share of starvation. */
async function lateAfter(starvedShare: (now: number) => number): Promise<number> {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const begin = performance.now()
  let late: number | undefined
  patientTimer(
    1,
    1000,
    () => {
      late = (performance.now() - begin) / 1000
    },
    () => starvedShare((performance.now() - begin) / 1000) * 1000,
  )
  await vi.advanceTimersByTimeAsync(100_000)
  return late ?? Infinity
}

test('a limit counts the time in which the process could run', async () => {
  expect(await lateAfter(() => 0)).toBe(1)
  // A counter that misses less than a tenth.
  expect(await lateAfter(now => now * 0.05)).toBe(1)
  // Nothing of the first three seconds.
  expect(await lateAfter(now => Math.min(now, 3))).toBeCloseTo(4, 0)
})

test('a process that never runs is late in the end', async () => {
  expect(await lateAfter(now => now)).toBeCloseTo(31, 0)
})

test('a cleared timer is never late', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const late = vi.fn()
  const timer = patientTimer(1, 1000, late, () => performance.now())
  await vi.advanceTimersByTimeAsync(5_000)
  timer.clear()
  await vi.advanceTimersByTimeAsync(100_000)
  expect(late).not.toHaveBeenCalled()
})
