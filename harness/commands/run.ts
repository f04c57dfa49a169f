import path from 'node:path'
import type { Reporter, Vitest } from 'vitest/node'
import { ExitStatus, UsageError } from '../base/errors.ts'
import { consoleProgress } from '../base/progress.ts'
import { pruneWhenDue } from '../base/stock.ts'
import type { GuestSource } from '../pool/guest-source.ts'
import { Lanes } from '../pool/lanes.ts'
import { withModules } from '../prepare/delivery.ts'
import { isPrepared, type KernelOfRun, labelsOf, prepareKernels } from '../prepare/matrix.ts'
import { guestsAtOnce } from '../prepare/prepare.ts'
import { kernelProject } from '../prepare/project.ts'
import type { Settings } from '../prepare/settings.ts'
import { completeJson, writeMarkdown } from '../report/files.ts'
import { matrixTable, textTable } from '../report/matrix-table.ts'
import { exitStatusOf, summarize, summaryLines } from '../report/summary.ts'
import {
  outputFiles,
  parseVitestArguments,
  type ReportFiles,
  reporters,
  startReport,
} from './vitest-command.ts'
import { watchDelivery } from './watch.ts'

/** The options of `run` that are ours; all others are Vitest's. */
export interface RunOptions extends ReportFiles {
  readonly kernel?: string
  readonly matrix?: boolean
  readonly modules?: string
  /** A file for the table of suites and kernels. */
  readonly markdown?: string
  /** False: files of a kernel share guests. */
  readonly isolate?: boolean
}

/**
 * Runs the test files in guests, a Vitest project for each kernel.
 * @param rest filters, and Vitest's own options, as they were written
 */
export async function run(
  options: RunOptions,
  rest: readonly string[],
  settings: Settings,
  root: string,
): Promise<ExitStatus> {
  const started = performance.now()
  const startedAt = Date.now()
  const vitestArguments = parseVitestArguments(rest)
  const progress = consoleProgress()
  const tested = withModules(settings, options.modules)
  const kernels = await prepareKernels(labelsOf(options, settings), { settings: tested, root, progress })
  const prepared = kernels.filter(isPrepared)
  const atOnce = guestsAtOnce(Math.max(...prepared.map(({ spec }) => spec.machine.memory)))
  // Vitest's own --isolate=false is the same. `reporter` would take the place of all `reporters`, which have what it names.
  const { isolate = options.isolate ?? true, reporter: _, ...vitestOptions } = vitestArguments.options
  // Where each test has a guest of its own, it is because they break kernels.
  const shared = !isolate && settings.vm.isolate === 'file'
  // How many workers Vitest is to have is then what the lanes are; a number that somebody gives it holds by itself.
  const lanes = shared
    ? new Lanes<GuestSource>(vitestOptions.maxWorkers === undefined ? atOnce : Number.POSITIVE_INFINITY)
    : undefined
  // While Vitest starts.
  for (const { guests } of prepared.slice(0, shared ? atOnce : 1)) guests.restoreFirst()

  const vitest = await startReport(vitestArguments.filters, {
    ...vitestOptions,
    root,
    config: false,
    watch: vitestOptions.watch ?? false,
    projects: kernels.map(kernel => kernelProject(kernel, settings, root, atOnce, lanes)),
    reporters: [...reporters(vitestArguments.options, options), foresight(kernels, shared)],
    ...outputFiles(vitestOptions, options),
  })
  if (vitest.shouldKeepServer()) {
    // Watch mode: Vitest's own keys and signals end it.
    watchDelivery(vitest, prepared, tested, root)
    await new Promise<void>(resolve => vitest.onClose(() => resolve()))
    return ExitStatus.passed
  }
  const summaries = kernels.map(kernel => summarize(vitest, kernel))
  await vitest.close()
  await Promise.all(prepared.map(({ guests }) => guests.close()))
  await pruneStock(settings, startedAt)
  refuseEmptyRun(vitest, rest)
  const total = performance.now() - started
  if (summaries.length > 1) process.stdout.write(`${textTable(matrixTable(summaries))}\n\n`)
  process.stdout.write(`${summaryLines(summaries, total).join('\n')}\n`)
  // A file that cannot be written costs nobody the result.
  if (options.json !== undefined) completeJson(path.resolve(options.json), summaries)
  if (options.markdown !== undefined) writeMarkdown(path.resolve(options.markdown), summaries, total)
  return exitStatusOf(vitest, summaries)
}

/** Keeps the cache within its limits; what this run used stays. A cache that cannot be tidied is no reason to fail. */
async function pruneStock({ cache }: Settings, since: number): Promise<void> {
  await pruneWhenDue({ age: cache.days * 86_400_000, size: cache.gigabytes * 1e9 }, since).catch(() => {})
}

/** Tells each kernel's guests how many files are about to run, and whether they share them. */
function foresight(kernels: readonly KernelOfRun[], shared: boolean): Reporter {
  return {
    onTestRunStart(specifications) {
      for (const { label, guests } of kernels.filter(isPrepared))
        guests.expect(specifications.filter(({ project }) => project.name === label).length, shared)
    },
  }
}

/** A run in which nothing ran must not look like one that passed. */
function refuseEmptyRun(vitest: Vitest, rest: readonly string[]): void {
  const asked = rest.length > 0 ? ` (asked for: ${rest.join(' ')})` : ''
  if (vitest.state.getTestModules().length === 0 && vitest.state.getUnhandledErrors().length > 0)
    throw new UsageError(`Vitest could not run that${asked}: see above`)
  if (vitest.state.getTestModules().length === 0) throw new UsageError(`no test file matches${asked}`)
  const tests = vitest.state.getTestModules().flatMap(module => [...module.children.allTests()])
  const errors = vitest.state.getUnhandledErrors().length + vitest.state.getFailedFilepaths().length
  if (errors === 0 && vitest.config.testNamePattern && tests.every(test => test.result().state === 'skipped'))
    throw new UsageError(`no test's name matches${asked}`)
}
