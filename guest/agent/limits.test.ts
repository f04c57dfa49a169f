// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { idleTimeOf } from './idleness.ts'

let idle: number
beforeEach(() => {
  vi.useFakeTimers()
  vi.resetModules()
  idle = 0
})
afterEach(() => void vi.useRealTimers())

/** Limits that keep the faked timers, and what a limit of 500 ms has done since. */
async function limited(slowness: number, delay = 500) {
  const { Limits } = await import('./limits.ts')
  const longest: number[] = []
  const limits = new Limits(
    limit => void longest.push(limit),
    () => idle,
  )
  limits.begin([500], slowness)
  const timers = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout }
  limits.bound(timers)
  const ended = vi.fn()
  const timer = timers.setTimeout(ended, delay)
  /** Time passes, with the guest idle or at work. */
  const pass = (milliseconds: number, isIdle: boolean) => {
    for (let passed = 0; passed < milliseconds; passed += 10) {
      if (isIdle) idle += 10
      vi.advanceTimersByTime(10)
    }
  }
  const explained = (message: string) => {
    const error = { message, stack: `Error: ${message}\n    at x` }
    limits.explain([error])
    return error
  }
  return { limits, timers, timer, ended, pass, explained, longest }
}

test('a slow kernel: who waits in an idle guest is given the time of other kernels, and told so', async () => {
  const { limits, ended, pass, explained } = await limited(5)
  expect(limits.patienceOf(500)).toBe(100)
  pass(90, true)
  expect(ended).not.toHaveBeenCalled()
  pass(20, true)
  expect(ended).toHaveBeenCalledOnce()
  expect(explained('Test timed out in 500ms.\nIf')).toEqual({
    message: expect.stringMatching(
      /^Test timed out: in 100ms of its time the guest had nothing to do .*500ms/,
    ),
    stack: expect.stringMatching(/^Error: Test timed out: in 100ms .*\n {4}at x$/s),
  })
})

test('who works has all of the time, with what was idle before and between', async () => {
  const { ended, pass, explained } = await limited(5)
  pass(60, true)
  pass(370, false)
  pass(30, true)
  pass(30, false)
  expect(ended).not.toHaveBeenCalled()
  pass(10, false)
  expect(ended).toHaveBeenCalledOnce()
  expect(explained('Test timed out in 500ms.').message).toBe('Test timed out in 500ms.')
})

test('a limit that is met is cleared as any timer; one of a test itself, or of a usual kernel, is as it is', async () => {
  const met = await limited(5)
  clearTimeout(met.timer)
  met.pass(1000, true)
  expect(met.ended).not.toHaveBeenCalled()
  for (const [slowness, delay] of [
    [5, 499],
    [1, 500],
  ] as const) {
    const { limits, ended, pass } = await limited(slowness, delay)
    expect(limits.patienceOf(499)).toBe(0)
    pass(490, true)
    expect(ended).not.toHaveBeenCalled()
    pass(10, true)
    expect(ended).toHaveBeenCalledOnce()
  }
})

test('the longest limit that runs is told, when one begins, is met, or ends', async () => {
  const { timers, timer, pass, longest } = await limited(1)
  const inner = timers.setTimeout(() => {}, 50)
  timers.clearTimeout(inner)
  timers.setTimeout(() => {}, 900)
  timers.clearTimeout(timer)
  expect(longest).toEqual([500, 500, 500, 900, 900])
  pass(900, false)
  timers.clearTimeout(undefined)
  expect(longest.slice(5)).toEqual([0])
})

test('without /proc nothing is known to be idle', async () => {
  const { ended, pass } = await limited(5)
  idle = Number.NaN
  pass(490, true)
  expect(ended).not.toHaveBeenCalled()
})

test('idle time of /proc/stat: waiting for a disk counts, and of several CPUs the least that it can be', () => {
  const stat = (...cpus: string[]) => `${cpus.join('\n')}\nintr 1 2 3\nctxt 4\n`
  expect(idleTimeOf(stat('cpu  1 2 3 400 5 6 7 0 0 0', 'cpu0 1 2 3 400 5 6 7 0 0 0'), 9_999)).toBe(4_050)
  expect(idleTimeOf(stat('cpu  0 0 0 1500 0 0 0 0 0 0', 'cpu0 x', 'cpu1 x'), 10_000)).toBe(5_000)
  expect(idleTimeOf('', 0)).toBeNaN()
})
