// SPDX-License-Identifier: MIT
/** What the tests reach of the modules: by test file and in all, as a table, in files, and against thresholds. */
import path from 'node:path'
import libCoverage, { type CoverageMap, type CoverageSummary } from 'istanbul-lib-coverage'
import libReport from 'istanbul-lib-report'
import reports, { type ReportOptions } from 'istanbul-reports'
import type { Notes } from '../../../kernel/build/profiled.ts'
import { inColumns } from '../../base/columns.ts'
import type { Coverage } from '../../pool/coverage.ts'
import { gcov } from './gcov.ts'
import { coverageMap } from './map.ts'

/** A kernel's part. */
export interface CountedKernel {
  readonly label: string
  readonly notes: readonly Notes[]
  readonly coverage: Coverage
}

export interface CoverageOptions {
  /** Istanbul's reports by their names. */
  readonly reporter: readonly (keyof ReportOptions)[]
  /** Where they are written: an absolute path. */
  readonly reportsDirectory: string
  readonly thresholds: Thresholds
}

/** Per cent. */
export type Thresholds = {
  readonly [measure in 'lines' | 'branches' | 'functions' | 'statements']?: number | undefined
}

/** What is printed, and which thresholds are not reached. */
export interface CoverageResult {
  readonly text: string
  readonly below: readonly string[]
}

/**
 * Writes the reports. The table of Istanbul's `text` goes to stdout.
 * @throws MachineryError if gcov fails; what the file system throws
 */
export async function reportCoverage(
  kernels: readonly CountedKernel[],
  { reporter, reportsDirectory, thresholds }: CoverageOptions,
  root: string,
): Promise<CoverageResult> {
  const all = libCoverage.createCoverageMap({})
  const byFile = new Map<string, CoverageMap>()
  for (const { notes, coverage } of kernels) {
    for (const folder of notes) {
      // What no test file has loaded has not run.
      all.merge(coverageMap(await gcov(folder, []), folder.root))
      for (const [file, counted] of Map.groupBy(coverage.counted, ({ file }) => file)) {
        const map = coverageMap(
          await gcov(
            folder,
            counted.flatMap(({ data }) => data),
          ),
          folder.root,
        )
        all.merge(map)
        const own = byFile.get(file) ?? libCoverage.createCoverageMap({})
        own.merge(map)
        byFile.set(file, own)
      }
    }
  }
  const context = libReport.createContext({
    dir: reportsDirectory,
    coverageMap: all,
    defaultSummarizer: 'nested',
  })
  for (const name of reporter) reports.create(name, { projectRoot: root }).execute(context)
  const lost = kernels.flatMap(({ label, coverage }) => [...coverage.lost].map(file => `${file} (${label})`))
  const summary = all.getCoverageSummary()
  return {
    text: [
      'lines by test file:',
      inColumns([...byFile].sort().map(([file, map]) => [`  ${file}`, shareOf(map.getCoverageSummary())])),
      ...(lost.length > 0 ? [`not in it: what ran in the lost guests of ${lost.join(', ')}`] : []),
      ...(reporter.some(name => name !== 'text' && name !== 'text-summary')
        ? [`coverage reports: ${path.relative(root, reportsDirectory) || '.'}`]
        : []),
    ].join('\n'),
    below: belowThresholds(summary, thresholds),
  }
}

function shareOf({ lines }: CoverageSummary): string {
  return `${lines.pct} % (${lines.covered} of ${lines.total})`
}

/** As with Vitest, a negative threshold is how many may be uncovered. */
export function belowThresholds(summary: CoverageSummary, thresholds: Thresholds): string[] {
  return (['lines', 'branches', 'functions', 'statements'] as const).flatMap(measure => {
    const threshold = thresholds[measure]
    if (threshold === undefined) return []
    const { pct, total, covered } = summary[measure]
    if (threshold < 0)
      return total - covered > -threshold
        ? [`coverage: ${total - covered} ${measure} are not covered, and ${-threshold} may be`]
        : []
    // Where there is nothing to cover Istanbul says 100, or "Unknown" without any file.
    const share = total === 0 ? 0 : pct
    return share < threshold
      ? [`coverage: ${share} % of ${measure} are below the threshold of ${threshold} %`]
      : []
  })
}
