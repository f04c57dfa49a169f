// SPDX-License-Identifier: MIT
import path from 'node:path'
import { configDefaults } from 'vitest/config'
import type { Reporter, Vitest } from 'vitest/node'
import { lockFileName } from '../../kernel/lock-file.ts'
import { ExitStatus, UsageError } from '../base/errors.ts'
import { literally } from '../base/globs.ts'
import { consoleProgress } from '../base/progress.ts'
import { pruneWhenDue } from '../base/stock.ts'
import type { GuestSource } from '../pool/guest-source.ts'
import { Lanes } from '../pool/lanes.ts'
import { packageFolders, sourcesUnderTest, withModules } from '../prepare/delivery.ts'
import { isPrepared, type KernelOfRun, labelsOf, prepareKernels } from '../prepare/matrix.ts'
import { guestsAtOnce } from '../prepare/prepare.ts'
import { kernelProject } from '../prepare/project.ts'
import { type Settings, settingsFile } from '../prepare/settings.ts'
import { checkWorkerArguments } from '../prepare/worker-arguments.ts'
import { completeJson, requireWritten, writeMarkdown } from '../report/files.ts'
import { matrixTable, textTable } from '../report/matrix-table.ts'
import { exitStatusOf, summarize, summaryLines } from '../report/summary.ts'
import { checkReports, outputFiles, type ReportFiles, reporters } from './reports.ts'
import { parseVitestArguments, startReport } from './vitest-command.ts'
import { watchDelivery } from './watch.ts'

/** The options of `run` beside Vitest's. */
export interface RunOptions extends ReportFiles {
  readonly kernel?: string
  readonly matrix?: boolean
  readonly modules?: string
  /** Diagrams of passed tests, too. */
  readonly trace?: boolean
  /** False: the files of a kernel share guests. */
  readonly isolate?: boolean
}

/**
 * Runs the test files in guests; each kernel is a Vitest project.
 * @param rest filters and Vitest's own options, as written
 */
export async function run(
  options: RunOptions,
  rest: readonly string[],
  settings: Settings,
  root: string,
): Promise<ExitStatus> {
  const started = performance.now()
  const startedAt = Date.now()
  const { filters, run: given, project, execArgv } = parseVitestArguments(rest)
  checkReports(given, options)
  await checkWorkerArguments(execArgv)
  const progress = consoleProgress()
  const tested = withModules(settings, options.modules)
  const { globals, disableConsoleIntercept, maxConcurrency } = project
  const worker = { execArgv, settings: { globals, disableConsoleIntercept, maxConcurrency } }
  const kernels = await prepareKernels(labelsOf(options, settings), {
    settings: tested,
    root,
    progress,
    worker,
    trace: options.trace,
  })
  const prepared = kernels.filter(isPrepared)
  const atOnce = guestsAtOnce(Math.max(...prepared.map(({ spec }) => spec.machine.memory)))
  // Vitest's --isolate=false means the same. `reporter` would replace all `reporters`, which include it
  // already.
  const { isolate = options.isolate ?? true, reporter: _, watch = false, run: once, ...vitestOptions } = given
  // With a guest for each test (vm.isolate), tests break their kernels: they never share.
  const shared = !isolate && settings.vm.isolate === 'file'
  // The lanes limit how many guests are at work, unless the user limits Vitest's workers.
  const limited = vitestOptions.maxWorkers !== undefined || vitestOptions.fileParallelism === false
  const lanes = shared ? new Lanes<GuestSource>(limited ? Number.POSITIVE_INFINITY : atOnce) : undefined
  // While Vitest starts.
  for (const { guests } of prepared.slice(0, shared ? atOnce : 1)) guests.restoreFirst()

  const plan = { settings, root, options: project, atOnce, lanes }
  const vitest = await startReport(filters, {
    ...vitestOptions,
    root,
    config: false,
    watch: watch && once !== true,
    ...(vitestOptions.changed === undefined ? {} : { forceRerunTriggers: beyondImports(tested, root) }),
    projects: kernels.map(kernel => kernelProject(kernel, plan)),
    reporters: [...reporters(given, options), foresight(kernels, shared)],
    ...outputFiles(given),
  })
  // Vitest sets it for failed tests, and also for slow imports and a failed reporter.
  const failedByVitest = process.exitCode !== undefined && process.exitCode !== 0
  if (vitest.shouldKeepServer()) {
    // Vitest's own keys and signals end watch mode.
    watchDelivery(vitest, prepared, tested, root)
    await new Promise<void>(resolve => vitest.onClose(() => resolve()))
    return ExitStatus.passed
  }
  const summaries = kernels.map(kernel => summarize(vitest, kernel))
  await vitest.close()
  await Promise.all(prepared.map(({ guests }) => guests.close()))
  await pruneStock(settings, startedAt)
  const nothing = nothingRan(vitest, rest, failedByVitest && vitestOptions.changed !== undefined)
  if (nothing !== undefined && !vitest.config.passWithNoTests) throw new UsageError(nothing)
  const total = performance.now() - started
  if (summaries.length > 1) process.stdout.write(`${textTable(matrixTable(summaries))}\n\n`)
  process.stdout.write(`${summaryLines(summaries, total).join('\n')}\n`)
  // With --passWithNoTests or --changed the run passes, and says that no test did.
  if (nothing !== undefined) progress.note(`nothing ran: ${nothing}`)
  // Last, so that a report that cannot be written does not hide the result.
  if (options.junit !== undefined) requireWritten(path.resolve(options.junit), startedAt)
  if (options.json !== undefined) completeJson(path.resolve(options.json), summaries)
  if (options.markdown !== undefined) writeMarkdown(path.resolve(options.markdown), summaries, total)
  const status = exitStatusOf(vitest, summaries)
  return status === ExitStatus.passed && failedByVitest ? ExitStatus.failed : status
}

/**
 * Keeps the cache within its limits, without what this run used. A failure to prune does not fail the run.
 */
async function pruneStock({ cache }: Settings, since: number): Promise<void> {
  await pruneWhenDue({ age: cache.days * 86_400_000, size: cache.gigabytes * 1e9 }, since).catch(() => {})
}

/** What all test files depend on without importing it: if it changes, --changed runs them all. */
function beyondImports(settings: Settings, root: string): string[] {
  const folders = [...sourcesUnderTest(settings, root), ...packageFolders]
  const files = [settingsFile, lockFileName].map(name => path.join(root, name))
  return [
    ...configDefaults.forceRerunTriggers,
    ...files.map(literally),
    ...folders.map(folder => `${literally(folder)}/**`),
  ]
}

/** Tells each kernel's guests how many files will run, and whether files share guests. */
function foresight(kernels: readonly KernelOfRun[], shared: boolean): Reporter {
  return {
    onTestRunStart(specifications) {
      for (const { label, guests } of kernels.filter(isPrepared))
        guests.expect(specifications.filter(({ project }) => project.name === label).length, shared)
    },
  }
}

/**
 * Why nothing ran, which must not look like a pass; undefined if something ran.
 * @param changeFailed whether Vitest has failed a run with --changed
 * @throws UsageError if Vitest could not look for files
 */
function nothingRan(vitest: Vitest, rest: readonly string[], changeFailed: boolean): string | undefined {
  const asked = rest.length > 0 ? ` (asked for: ${rest.join(' ')})` : ''
  const modules = vitest.state.getTestModules()
  const unhandled = vitest.state.getUnhandledErrors().length
  if (modules.length === 0 && unhandled > 0)
    throw new UsageError(`Vitest could not run that${asked}: see above`)
  // Without files, Vitest fails a run with --changed only if git does.
  if (modules.length === 0 && changeFailed)
    throw new UsageError('--changed: git does not tell what has changed; its own words are above')
  if (modules.length === 0) return `no test file matches${asked}`
  const tests = modules.flatMap(module => [...module.children.allTests()])
  const errors = unhandled + vitest.state.getFailedFilepaths().length
  const { testNamePattern } = vitest.config
  if (errors === 0 && testNamePattern && tests.every(test => test.result().state === 'skipped'))
    return `no test's name matches${asked}`
  return undefined
}
