// SPDX-License-Identifier: MIT
/** `run --coverage`: its options, and what comes of it. */
import path from 'node:path'
import { ExitStatus, messageOf } from '../base/errors.ts'
import type { PreparedKernel } from '../prepare/prepare.ts'
import { checkSettings, type Settings, type UserSettings } from '../prepare/settings.ts'
import { type CoverageOptions, reportCoverage } from '../report/coverage/coverage.ts'

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
  const { coverage } = checkSettings({
    coverage: { ...before, ...own, thresholds: { ...before.thresholds, ...own.thresholds } },
  })
  return { ...coverage, reportsDirectory: path.resolve(root, coverage.reportsDirectory) }
}

/**
 * Writes the reports of a run, and prints the table. @returns the run's exit status: 1 below a threshold, 3 if
 * that is not known; the run's other reports come all the same
 */
export async function endCoverage(
  options: CoverageOptions,
  kernels: readonly PreparedKernel[],
  root: string,
): Promise<ExitStatus> {
  const counted = kernels.flatMap(({ label, delivery, guests }) =>
    guests.coverage ? [{ label, notes: delivery.notes, coverage: guests.coverage }] : [],
  )
  try {
    const { text, below } = await reportCoverage(counted, options, root)
    process.stdout.write([text, ...below, ''].join('\n'))
    return below.length > 0 ? ExitStatus.failed : ExitStatus.passed
  } catch (error) {
    process.stderr.write(`error: coverage is not known: ${messageOf(error)}\n`)
    return ExitStatus.machinery
  }
}
