import type { TestCase, TestModule, Vitest } from 'vitest/node'
import { ExitStatus } from './errors.ts'
import { guestLostError, notRunNote } from './pool/unfinished.ts'
import type { PreparedKernel } from './prepare.ts'
import { seconds } from './progress.ts'

/** What became of one kernel's run. */
export interface KernelSummary {
  readonly label: string
  /** uname -r. */
  readonly release: string
  readonly files: number
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Tests that never ran because their guest was lost. */
  readonly notRun: number
  /** The median of its guests' times to a loaded worker, in milliseconds; undefined when none came up. */
  readonly bootTime: number | undefined
  /** Whether every failure of it was the machinery's. */
  readonly machineryOnly: boolean
}

/** Counts what Vitest knows of a kernel's project. */
export function summarize(vitest: Vitest, { kernel, guests }: PreparedKernel): KernelSummary {
  const modules = vitest.state.getTestModules().filter(module => module.project.name === kernel.label)
  const tests = modules.flatMap(module => [...module.children.allTests()])
  const count = (test: (test: TestCase) => boolean) => tests.filter(test).length
  const state = (test: TestCase) => test.result().state
  const failures = [...modules, ...tests].filter(entity => errorsOf(entity).length > 0)
  const { statistics } = guests
  return {
    label: kernel.label,
    release: statistics.release || kernel.release,
    files: modules.length,
    passed: count(test => state(test) === 'passed'),
    failed: count(test => state(test) === 'failed'),
    skipped: count(test => state(test) === 'skipped' && !isNotRun(test)),
    notRun: count(isNotRun),
    bootTime: median(statistics.startTimes),
    machineryOnly:
      failures.length > 0 &&
      failures.every(entity => errorsOf(entity).every(error => error.name === guestLostError)) &&
      statistics.losses.every(loss => loss.cause === 'machinery'),
  }
}

/** One line a kernel, then nothing: the last thing that a run prints. */
export function summaryLines(summaries: readonly KernelSummary[], total: number): string[] {
  return summaries.map(summary => {
    const tests = [
      `${summary.passed} passed`,
      `${summary.failed} failed`,
      ...(summary.skipped > 0 ? [`${summary.skipped} skipped`] : []),
      ...(summary.notRun > 0 ? [`${summary.notRun} not run`] : []),
    ].join(', ')
    const boot = summary.bootTime === undefined ? 'never booted' : `boot ${seconds(summary.bootTime)}`
    return `${summary.label} (${summary.release}): ${summary.files} files, tests ${tests}; ${boot}, total ${seconds(total)}`
  })
}

/** The exit status of a run: 3 only when nothing but the machinery failed. */
export function exitStatusOf(vitest: Vitest, summaries: readonly KernelSummary[]): ExitStatus {
  const modules = vitest.state.getTestModules()
  const unhandled = vitest.state.getUnhandledErrors().length > 0
  if (!unhandled && modules.every(module => module.ok())) return ExitStatus.passed
  if (unhandled) return ExitStatus.failed
  const failed = summaries.filter(summary =>
    modules.some(module => module.project.name === summary.label && !module.ok()),
  )
  return failed.every(summary => summary.machineryOnly) ? ExitStatus.machinery : ExitStatus.failed
}

function errorsOf(entity: TestModule | TestCase): readonly { name?: string }[] {
  return entity.type === 'module' ? entity.errors() : (entity.result().errors ?? [])
}

function isNotRun(test: TestCase): boolean {
  const result = test.result()
  return result.state === 'skipped' && result.note?.startsWith(notRunNote) === true
}

/** The middle of a list of numbers; undefined for an empty one. */
export function median(numbers: readonly number[]): number | undefined {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]
}
