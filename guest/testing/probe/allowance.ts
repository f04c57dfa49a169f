// SPDX-License-Identifier: MIT
/** The time of the running test: modules may take their time for each request. */
import { TestRunner } from 'vitest'

/** Of the test's limit: what may be tried, and when it is told what a test was at. */
const SOME = 1 / 3
const NEARLY_ALL = 0.9

const told = new WeakSet<object>()

/**
 * Whether so much of the test's time is gone that the rest of what could be tried is left out. The test's output
 * says so, once.
 */
export function isTimeShort(): boolean {
  const isShort = usedShare() > SOME
  const test = TestRunner.getCurrentTest()
  if (isShort && test !== undefined && !told.has(test)) {
    told.add(test)
    // biome-ignore lint/suspicious/noConsole: the output of a test
    console.warn('the commands are slow: this test leaves out what it has not tried in a third of its time')
  }
  return isShort
}

/** Ends a test that is nearly out of time. @throws Error with what it is doing */
export function requireTime(doing: () => string): void {
  if (usedShare() > NEARLY_ALL) throw new Error(`the test's time is nearly over: it was asking ${doing()}`)
}

function usedShare(): number {
  const test = TestRunner.getCurrentTest()
  const { startTime } = test?.result ?? {}
  return test === undefined || startTime === undefined ? 0 : (Date.now() - startTime) / test.timeout
}
