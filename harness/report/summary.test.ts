// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import type { TestModule, Vitest } from 'vitest/node'
import { ExitStatus } from '../base/errors.ts'
import type { KernelFacts } from './kernel-facts.ts'
import { knownReportLines, summarize, summaryLines } from './summary.ts'

const kernel: KernelFacts = {
  label: 'debian-6.1',
  release: '6.1.0',
  origin: '',
  startTimes: [],
  guests: { forked: 0, restored: 0, booted: 0 },
  losses: [],
  knownReports: [],
  isReady: true,
  obstacles: [],
  missing: [],
}

/** A file that has not ended, as after --bail, with tests of these states. */
function unfinished(...states: readonly ('passed' | 'failed')[]): TestModule {
  const tests = states.map(state => ({
    type: 'test',
    ok: () => state !== 'failed',
    result: () => ({ state, errors: state === 'failed' ? [{ name: 'AssertionError' }] : undefined }),
    diagnostic: () => ({ duration: 40 }),
  }))
  return {
    type: 'module',
    project: { name: kernel.label },
    relativeModuleId: 'a.test.ts',
    children: { allTests: () => tests },
    ok: () => true,
    errors: () => [],
    diagnostic: () => ({ duration: 1 }),
  } as unknown as TestModule
}

const summaryOf = (module: TestModule) =>
  summarize({ state: { getTestModules: () => [module] } } as unknown as Vitest, kernel)

test('a file with a failed test has failed, whether or not it came to its end', () => {
  const { status, suites, failed } = summaryOf(unfinished('passed', 'failed'))
  expect({ status, failed, ok: suites[0]?.ok }).toEqual({ status: ExitStatus.failed, failed: 1, ok: false })
  expect(summaryOf(unfinished('passed')).status).toBe(ExitStatus.passed)
})

test('the time of a file whose guest was lost is that of its tests', () => {
  const module = unfinished('passed', 'failed')
  expect(summaryOf(module).suites[0]?.duration).toBe(1)
  const lost = { ...module, diagnostic: () => ({ duration: 0 }) } as unknown as TestModule
  expect(summaryOf(lost).suites[0]?.duration).toBe(80)
})

test('one file is no files', () => {
  const [line] = summaryLines([summaryOf(unfinished('passed'))], 1)
  expect(line).toMatch(/: 1 file, tests 1 passed/)
})

test('known reports are told where they came, and where no kernel needed them', () => {
  const of = (label: string, a: number, b: number, state: 'passed' | 'failed' = 'passed') => ({
    ...summaryOf(unfinished(state)),
    label,
    knownReports: [
      { report: 'WARN "a"', reason: 'slow', count: a },
      { report: 'BUG', reason: 'old', count: b },
    ],
  })
  expect(knownReportLines([of('x', 1, 0), of('y', 2, 0)])).toEqual([
    'x: known report WARN "a", once (slow)',
    'y: known report WARN "a", 2 times (slow)',
    'known report BUG did not come: remove it from knownReports (old)',
  ])
  expect(knownReportLines([of('x', 0, 1), of('y', 0, 0, 'failed')])).toEqual([
    'x: known report BUG, once (old)',
  ])
})
