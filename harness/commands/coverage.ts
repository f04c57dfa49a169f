// SPDX-License-Identifier: MIT
/** `--coverage` of run and merge: its options, and what comes of it. */
import { existsSync, globSync } from 'node:fs'
import path from 'node:path'
import { ExitStatus, messageOf, UsageError } from '../base/errors.ts'
import { requireFolder } from '../base/folders.ts'
import type { PreparedKernel } from '../prepare/prepare.ts'
import { checkSettings, type Settings, SettingsError, type UserSettings } from '../prepare/settings.ts'
import type { Blob } from '../report/blob.ts'
import { type CoverageOptions, forgetCoverage, reportCoverage } from '../report/coverage/coverage.ts'
import { otherSources, type Reached, reachedOn, together } from '../report/coverage/reached.ts'

type Given = NonNullable<UserSettings['coverage']>

/**
 * The settings with those of the command line in their place; undefined if nothing is counted.
 * @param given --coverage, some settings, or nothing
 * @throws UsageError for wrong settings
 */
export function coverageOptions(
  given: boolean | Given | undefined,
  { coverage: before }: Settings,
  root: string,
): CoverageOptions | undefined {
  const { enabled = given === undefined ? before.enabled : true, ...own } =
    typeof given === 'object' ? given : given === undefined ? {} : { enabled: given }
  if (!enabled) return undefined
  const { coverage } = checked({
    coverage: { ...before, ...own, thresholds: { ...before.thresholds, ...own.thresholds } },
  })
  return { ...coverage, reportsDirectory: path.resolve(root, coverage.reportsDirectory) }
}

/** The settings; the file's own were right: what is wrong is the command line's. */
function checked(settings: Pick<UserSettings, 'coverage'>): Settings {
  try {
    return checkSettings(settings)
  } catch (error) {
    throw error instanceof SettingsError ? new UsageError(`--${error.fault}`) : error
  }
}

/**
 * Before anything can fail.
 * @param root the project's folder
 * @throws UsageError for a folder that cannot be written to, or is no place for so many files
 */
export function prepareReports(options: CoverageOptions, root: string): void {
  const { reportsDirectory } = options
  const isAbove = !path.relative(reportsDirectory, root).startsWith('..')
  const sources = existsSync(reportsDirectory)
    ? globSync('{Kbuild,Makefile,*.c}', { cwd: reportsDirectory })
    : []
  if (isAbove || sources.length > 0)
    throw new UsageError(
      `coverage.reportsDirectory: ${reportsDirectory} has ${isAbove ? 'the project' : sources[0]} in it: name a folder for reports alone`,
    )
  requireFolder('coverage.reportsDirectory', reportsDirectory)
  forgetCoverage(options)
}

/** Whether shards have to be merged before thresholds mean anything, and where the run's part goes. */
export interface Part {
  readonly isShard: boolean
  readonly isInBlob: boolean
}

/**
 * What a run has reached, to be reported now or by `merge`. @returns undefined if that is not known, which has been
 * told; the run's other reports come all the same
 */
export async function reachedBy(
  kernels: readonly PreparedKernel[],
  root: string,
  since: number,
): Promise<Reached | undefined> {
  const counted = kernels.flatMap(({ label, delivery, guests }) =>
    guests.coverage ? [{ label, notes: delivery.notes, coverage: guests.coverage }] : [],
  )
  try {
    return await reachedOn(counted, root, since)
  } catch (error) {
    process.stderr.write(`error: coverage is not known: ${messageOf(error)}\n`)
    return undefined
  }
}

/**
 * Writes the reports, and prints the table; of what is in a blob merge does. @returns the exit status: 1 below a
 * threshold, 3 if what was reached is not known
 */
export function endCoverage(
  options: CoverageOptions,
  reached: Reached | undefined,
  root: string,
  { isShard, isInBlob }: Part = { isShard: false, isInBlob: false },
): ExitStatus {
  if (!reached) return ExitStatus.machinery
  if (isInBlob) {
    process.stdout.write('coverage: it is in the blob, and merge reports it and judges its thresholds\n')
    return ExitStatus.passed
  }
  if (Object.keys(reached.sources).length === 0) {
    const why = reached.unprofiled.length > 0 ? `: ${reached.unprofiled.join(', ')} are built without` : ''
    process.stderr.write(`error: coverage is not known: no module under test has counters${why}\n`)
    return ExitStatus.machinery
  }
  const judged = isShard ? { ...options, thresholds: {} } : options
  const { text, below, unwritten } = reportCoverage(reached, judged, root)
  const isUnjudged = isShard && Object.values(options.thresholds).some(each => each !== undefined)
  const unjudged = 'coverage: a shard is not judged by thresholds: run all with --reporter=blob, and merge'
  process.stdout.write([text, ...below, ...(isUnjudged ? [unjudged] : []), ''].join('\n'))
  for (const message of unwritten) process.stderr.write(`error: ${message}\n`)
  return below.length > 0 ? ExitStatus.failed : ExitStatus.passed
}

/**
 * What blobs have of coverage, and how it is reported; undefined if they have none, or it is not wanted.
 * @param given --coverage, some settings, or nothing: then what is there is reported
 * @throws UsageError for wrong settings, if it is wanted and a blob has none, or if sources are others than
 * those that were counted
 */
export function mergedCoverage(
  given: boolean | Given | undefined,
  blobs: readonly Blob[],
  settings: Settings,
  root: string,
): { readonly options: CoverageOptions; readonly reached: Reached; readonly without: string[] } | undefined {
  const own = blobs.flatMap(({ record: { coverage } }) => (coverage ? [coverage] : []))
  const isWanted = coverageOptions(given, settings, root) !== undefined
  const options = coverageOptions(given ?? (own.length > 0 || undefined), settings, root)
  if (!options) return undefined
  const without = blobs.filter(({ record }) => !record.coverage).map(({ file }) => file)
  if (isWanted && without.length > 0)
    throw new UsageError(
      `${without.join(', ')}: there is no coverage in it: run it with --coverage, or merge with --coverage=false`,
    )
  const others = otherSources(own, root)
  if (others.length > 0)
    throw new UsageError(
      `${others.join(', ')}: not what was counted: merge where the sources are those of the runs, or with --coverage=false`,
    )
  prepareReports(options, root)
  return { options, reached: together(own), without }
}
