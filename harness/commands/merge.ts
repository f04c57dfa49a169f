// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Vitest } from 'vitest/node'
import { ExitStatus, MachineryError, UsageError } from '../base/errors.ts'
import { modulesUnderTest } from '../prepare/delivery.ts'
import { labelsOf } from '../prepare/matrix.ts'
import { ownFramesHidden } from '../prepare/project.ts'
import type { Settings } from '../prepare/settings.ts'
import { type RunRecord, readBlobs, refuse } from '../report/blob.ts'
import { absent, type KernelFacts } from '../report/kernel-facts.ts'
import { inOrder, mending, mergeKernels, rowOrder } from '../report/merged.ts'
import { sourceFinder } from '../report/source-files.ts'
import { allSkipped, exitStatusOf, type KernelSummary, summarize, worstOf } from '../report/summary.ts'
import { endCoverage, mergedCoverage } from './coverage.ts'
import {
  annotate,
  checkReports,
  completeReports,
  forgetOutputFiles,
  forgetReports,
  outputFiles,
  printTable,
  type ReportFiles,
  reporters,
} from './reports.ts'
import { parseVitestArguments, startReport, type VitestCall, type VitestOptions } from './vitest-command.ts'
import { VitestFiles } from './vitest-files.ts'

/** The options of `merge` beside Vitest's. */
export interface MergeOptions extends ReportFiles {
  /** Kernels that must be among the blobs, as those of `run`. */
  readonly kernel?: string
  readonly matrix?: boolean
}

/** Vitest's options that shape a report. */
const ofReports = new Set([
  ...['reporter', 'outputFile', 'silent', 'hideSkippedTests', 'slowTestThreshold', 'expandSnapshotDiff'],
  ...['color', 'clearScreen', 'run', 'passWithNoTests'],
])

/**
 * Makes one report of the blobs of several runs, as if they had been one. It needs no QEMU and no kernel.
 * @param rest the folder of the blobs, and Vitest's own options, as written
 * @throws UsageError if the blobs cannot be merged
 */
export async function merge(
  options: MergeOptions,
  rest: readonly string[],
  settings: Settings,
  root: string,
): Promise<ExitStatus> {
  const { folder, given, coverage: wanted } = parse(rest)
  checkReports(given, options, root)
  forgetReports(options)
  forgetOutputFiles(given)
  const theirs = new VitestFiles()
  const blobs = readBlobs(folder)
  const records = blobs.map(({ record }) => record)
  const { kernels: found, problems } = mergeKernels(blobs)
  refuse(problems, folder)
  const coverage = mergedCoverage(wanted, blobs, settings, root)
  const labels = expected(options, settings)
  const order = rowOrder(labels, records, [...(settings.kernels ?? []), ...settings.matrix])
  const kernels = inOrder(withAbsent(found, labels, folder), order)

  let isMerged = false
  const end = {
    onTestRunEnd() {
      isMerged = true
    },
  }
  const { reporter: _, ...vitestOptions } = given
  const vitest = await withTemporaryFolder(async merged => {
    for (const [index, blob] of blobs.entries())
      writeFileSync(path.join(merged, `${index}.json`), blob.inFolder(root))
    return await startReport([], {
      ...vitestOptions,
      root,
      config: false,
      watch: false,
      mergeReports: merged,
      // What nothing ran means is decided below.
      passWithNoTests: true,
      projects: kernels.map(({ label }) => ({
        extends: false,
        root,
        test: { name: label, include: [], ...ownFramesHidden },
      })),
      reporters: [mending(records), ...reporters(given, options, theirs), end],
      ...outputFiles(given),
    })
  })
  if (!isMerged) throw new MachineryError(`Vitest cannot merge ${folder}: its own words are above`)
  const failedByVitest = process.exitCode !== undefined && process.exitCode !== 0
  const summaries = kernels.map(kernel => summarize(vitest, kernel))
  const total = records.reduce((sum, record) => sum + record.total, 0)
  printTable(summaries, total, options)
  const find = sourceFinder(modulesUnderTest(settings, root))
  annotate(given, vitest, summaries, { ...options, find })
  const passWithNoTests = given.passWithNoTests ?? records.every(record => record.passWithNoTests)
  const nothing = passWithNoTests ? [] : whyNothingRan(vitest, summaries, records)
  for (const message of nothing) process.stderr.write(`error: ${message}\n`)
  const unhandled = records.some(({ unhandledErrors }) => unhandledErrors > 0)
  const status = worstOf([
    exitStatusOf(vitest, summaries),
    ...(unhandled ? [ExitStatus.failed] : []),
    ...nothing.map(() => ExitStatus.usage),
  ])
  const ofCoverage = coverage ? endCoverage(coverage.options, coverage.reached, root) : ExitStatus.passed
  if (coverage && coverage.without.length > 0)
    process.stdout.write(`not in it: ${coverage.without.join(', ')}, which ran without --coverage\n`)
  const failed = failedByVitest || records.some(record => record.failed)
  const all = status === ExitStatus.passed ? (failed ? ExitStatus.failed : ofCoverage) : status
  completeReports(options, { vitest, theirs }, summaries, { total, passed: all === ExitStatus.passed, find })
  return all
}

/** The one folder, and the options for the report. @throws UsageError for options that are about running */
function parse(rest: readonly string[]): {
  folder: string
  given: VitestOptions
  coverage: VitestCall['coverage']
} {
  const { filters, run, project, execArgv, coverage } = parseVitestArguments(rest)
  const [folder, ...more] = filters
  if (folder === undefined) throw new UsageError('merge needs the folder with the blobs')
  if (more.length > 0) throw new UsageError(`merge takes one folder, not also ${more.join(' ')}`)
  const others = Object.keys({ ...run, ...project }).filter(name => !ofReports.has(name))
  const [other] = execArgv.length > 0 ? ['execArgv', ...others] : others
  if (other !== undefined) throw new UsageError(`--${other} has no place here: merge runs no tests`)
  if ([run.reporter].flat().includes('blob'))
    throw new UsageError('--reporter=blob has no place here: merge reads blobs, and writes other reports')
  return { folder, given: run, coverage }
}

/** The kernels that the command line asks for; none if it asks for none. */
function expected(options: MergeOptions, settings: Settings): string[] {
  return options.kernel === undefined && !options.matrix ? [] : labelsOf(options, settings)
}

/** All kernels, with a failed row for each that no blob has. */
function withAbsent(found: readonly KernelFacts[], labels: readonly string[], folder: string): KernelFacts[] {
  const missing = labels.filter(label => !found.some(kernel => kernel.label === label))
  return [...found, ...missing.map(label => absent(label, `no blob in ${folder} has it`))]
}

/** What did not run at all, which must not look like a pass. */
function whyNothingRan(
  vitest: Vitest,
  kernels: readonly KernelSummary[],
  records: readonly RunRecord[],
): string[] {
  const pattern = records.find(record => record.testNamePattern !== undefined)?.testNamePattern
  if (pattern !== undefined && allSkipped(vitest)) return [`no test's name matches ${pattern}`]
  return kernels
    .filter(({ suites, error }) => suites.length === 0 && error === undefined)
    .map(({ label }) => `no test file ran on ${label}`)
}

async function withTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-merge-'))
  const clear = () => rmSync(folder, { recursive: true, force: true })
  // Ctrl-C ends this process at once.
  process.once('exit', clear)
  try {
    return await work(folder)
  } finally {
    process.off('exit', clear)
    clear()
  }
}
