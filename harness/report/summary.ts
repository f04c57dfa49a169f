// SPDX-License-Identifier: MIT
import type { TestCase, TestModule, Vitest } from 'vitest/node'
import { ExitStatus } from '../base/errors.ts'
import { seconds } from '../base/progress.ts'
import { guestLostError } from '../pool/unfinished.ts'
import { type KernelFacts, sumOf } from './kernel-facts.ts'
import { isNotRun, notRunText } from './not-run.ts'

/** Numbers of tests by result. */
export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Tests that did not run because their guest was lost, or a hook before them has failed. */
  readonly notRun: number
}

/** The result of a test file on a kernel. */
export interface SuiteSummary extends Counts {
  /** Its path relative to the project's folder. */
  readonly suite: string
  /** Whether it passed, outside its tests too. */
  readonly ok: boolean
  /** Milliseconds of its tests and hooks. */
  readonly duration: number
  /** How many tests did not run, and why; not there if all did. */
  readonly note?: string
}

/** The result of a kernel's run. */
export interface KernelSummary extends Counts {
  readonly label: string
  /** `uname -r`; empty if there was no kernel. */
  readonly release: string
  /** Packages and versions, or the tree that it was built in; empty if there was no kernel. */
  readonly origin: string
  readonly suites: readonly SuiteSummary[]
  /** The median of its guests' times to a loaded worker, in milliseconds; undefined if none started. */
  readonly bootTime: number | undefined
  /** How many guests came to be in each way. */
  readonly guests: KernelFacts['guests']
  /** Its part in the run's exit status. */
  readonly status: ExitStatus
  /** Why it could not run at all; undefined if it did. */
  readonly error: string | undefined
  /** Why it or a shard of it could not run, with a compiler's output. */
  readonly obstacles: KernelFacts['obstacles']
  /** What of its run is not there, in words; undefined if all is. */
  readonly incomplete: string | undefined
  /** The configuration's known reports, and how often each came. */
  readonly knownReports: KernelFacts['knownReports']
}

/** Summarizes Vitest's state of a kernel's project. */
export function summarize(vitest: Vitest, facts: KernelFacts): KernelSummary {
  const { label, release, origin, startTimes, isReady, obstacles, missing } = facts
  const modules = vitest.state.getTestModules().filter(module => module.project.name === label)
  return {
    label,
    release,
    origin,
    ...count(modules),
    suites: modules.map(summarizeSuite).toSorted((a, b) => (a.suite < b.suite ? -1 : 1)),
    bootTime: median(startTimes),
    guests: facts.guests,
    knownReports: facts.knownReports,
    status: worstOf([
      ...(isReady ? [statusOf(modules, facts)] : []),
      ...obstacles.map(({ status }) => status),
      ...missing.map(() => ExitStatus.machinery),
    ]),
    error: isReady ? undefined : [...new Set(obstacles.map(({ message }) => message))].join('; '),
    obstacles,
    incomplete:
      missing.length === 0 ? undefined : missing.map(shard => `shard ${shard} is missing`).join(', '),
  }
}

function summarizeSuite(module: TestModule): SuiteSummary {
  const note = notRunText(module)
  return {
    suite: module.relativeModuleId,
    ...count([module]),
    ok: isOk(module),
    duration: durationOf(module),
    ...(note === undefined ? {} : { note }),
  }
}

/** Milliseconds of a file's tests and hooks. The guest of a lost one has told only those of its tests. */
export function durationOf(module: TestModule): number {
  const { duration } = module.diagnostic()
  if (duration > 0) return duration
  return [...module.children.allTests()].reduce((sum, test) => sum + (test.diagnostic()?.duration ?? 0), 0)
}

function count(modules: readonly TestModule[]): Counts {
  const tests = modules.flatMap(module => [...module.children.allTests()])
  const number = (test: (test: TestCase) => boolean) => tests.filter(test).length
  const state = (test: TestCase) => test.result().state
  return {
    passed: number(test => state(test) === 'passed'),
    failed: number(test => state(test) === 'failed'),
    skipped: number(test => state(test) === 'skipped' && !isNotRun(test)),
    notRun: number(isNotRun),
  }
}

/**
 * What to tell of the configuration's known reports: those that came, for each kernel, and those that no kernel
 * of a passed run needed.
 */
export function knownReportLines(summaries: readonly KernelSummary[]): string[] {
  const came = summaries.flatMap(({ label, knownReports }) =>
    knownReports
      .filter(({ count }) => count > 0)
      .map(
        ({ report, reason, count }) =>
          `${label}: known report ${report}, ${count === 1 ? 'once' : `${count} times`} (${reason})`,
      ),
  )
  // After a failure nobody knows what else would have come.
  if (summaries.some(({ status }) => status !== ExitStatus.passed)) return came
  const unneeded = sumOf(summaries.flatMap(({ knownReports }) => knownReports)).filter(
    ({ count }) => count === 0,
  )
  return [
    ...came,
    ...unneeded.map(
      ({ report, reason }) => `known report ${report} did not come: remove it from knownReports (${reason})`,
    ),
  ]
}

/** A line for each kernel: the last lines of a run's output. */
export function summaryLines(summaries: readonly KernelSummary[], total: number): string[] {
  return summaries.map(summary => {
    if (summary.error !== undefined) return `${summary.label}: did not run: ${summary.error}`
    const tests = [
      `${summary.passed} passed`,
      `${summary.failed} failed`,
      ...(summary.skipped > 0 ? [`${summary.skipped} skipped`] : []),
      ...(summary.notRun > 0 ? [`${summary.notRun} not run`] : []),
    ].join(', ')
    // A file can fail without a failed test: by a hook, or a kernel report between tests.
    const failed = summary.suites.filter(({ ok }) => !ok).length
    const files = `${summary.suites.length} ${summary.suites.length === 1 ? 'file' : 'files'}${failed > 0 ? ` (${failed} failed)` : ''}`
    const boot = summary.bootTime === undefined ? 'never booted' : `boot ${seconds(summary.bootTime)}`
    const { forked, restored, booted } = summary.guests
    const others = [
      ...(restored > 0 ? [`${restored} restored`] : []),
      ...(booted > 0 ? [`${booted} booted`] : []),
    ]
    const guests = forked === 0 ? '' : `; ${[`${forked} guests forked`, ...others].join(', ')}`
    const incomplete = summary.incomplete === undefined ? '' : `; ${summary.incomplete}`
    return `${summary.label} (${summary.release}): ${files}, tests ${tests}; ${boot}, total ${seconds(total)}${guests}${incomplete}`
  })
}

/** The exit status of a run: 3 (machinery), or that of an unknown kernel, only if nothing else failed. */
export function exitStatusOf(vitest: Vitest, summaries: readonly KernelSummary[]): ExitStatus {
  if (vitest.state.getUnhandledErrors().length > 0) return ExitStatus.failed
  return worstOf(summaries.map(({ status }) => status))
}

/** The status of several parts: a failure of what is tested comes before one of the machinery or the command. */
export function worstOf(statuses: readonly ExitStatus[]): ExitStatus {
  const order = [ExitStatus.failed, ExitStatus.machinery, ExitStatus.usage]
  return order.find(status => statuses.includes(status)) ?? ExitStatus.passed
}

/** Whether nothing has failed, and every test was skipped: with -t, no test has such a name. */
export function allSkipped({ state }: Vitest): boolean {
  const tests = state.getTestModules().flatMap(module => [...module.children.allTests()])
  const errors = state.getUnhandledErrors().length + state.getFailedFilepaths().length
  return errors === 0 && tests.every(test => test.result().state === 'skipped')
}

/** Whether a file passed, or had no failure when the run stopped (--bail). */
function isOk(module: TestModule): boolean {
  return module.ok() && [...module.children.allTests()].every(test => test.ok())
}

/** A kernel's status: 3 if the machinery caused every failure. */
function statusOf(modules: readonly TestModule[], { losses }: KernelFacts): ExitStatus {
  if (modules.every(isOk)) return ExitStatus.passed
  const failures = modules
    .flatMap(module => [module, ...module.children.allTests()])
    .filter(entity => errorsOf(entity).length > 0)
  const machineryOnly =
    failures.length > 0 &&
    failures.every(entity => errorsOf(entity).every(error => error.name === guestLostError)) &&
    losses.every(cause => cause === 'machinery')
  return machineryOnly ? ExitStatus.machinery : ExitStatus.failed
}

function errorsOf(entity: TestModule | TestCase): readonly { name?: string }[] {
  return entity.type === 'module' ? entity.errors() : (entity.result().errors ?? [])
}

/** The middle of a list of numbers; undefined for an empty one. */
export function median(numbers: readonly number[]): number | undefined {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]
}
