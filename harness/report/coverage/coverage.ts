// SPDX-License-Identifier: MIT
/** What the tests reach of the modules: by test file and in all, as a table, in files, and against thresholds. */
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { CoverageSummary } from 'istanbul-lib-coverage'
import libReport from 'istanbul-lib-report'
import reports, { type ReportOptions } from 'istanbul-reports'
import { inColumns } from '../../base/columns.ts'
import { messageOf } from '../../base/errors.ts'
import { forgetReport } from '../files.ts'
import { istanbulMap, type Reached } from './reached.ts'

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

/** What is printed, which thresholds are not reached, and which reports could not be written. */
export interface CoverageResult {
  readonly text: string
  readonly below: readonly string[]
  readonly unwritten: readonly string[]
}

/** What Istanbul's reporters write, without the pages of single folders and files ({@link pageFolders}). */
const reportFiles: { readonly [reporter in keyof ReportOptions]?: readonly string[] } = {
  clover: ['clover.xml'],
  cobertura: ['cobertura-coverage.xml'],
  html: ['index.html'],
  'html-spa': ['index.html'],
  json: ['coverage-final.json'],
  'json-summary': ['coverage-summary.json'],
  lcov: ['lcov.info', 'lcov-report/index.html'],
  lcovonly: ['lcov.info'],
}

/** Below which folders they write a page for each folder and source. */
const pageFolders: { readonly [reporter in keyof ReportOptions]?: string } = {
  html: '.',
  lcov: 'lcov-report',
}

/** Removes what an earlier run has left in the place of these reports, as {@link forgetReport} does. */
export function forgetCoverage({ reporter, reportsDirectory }: CoverageOptions): void {
  const folders = reporter.flatMap(each => pageFolders[each] ?? [])
  const pages = folders.flatMap(folder => pagesBelow(path.join(reportsDirectory, folder)))
  const files = reporter.flatMap(each => reportFiles[each] ?? [])
  for (const file of [...pages, ...files.map(name => path.join(reportsDirectory, name))]) forgetReport(file)
}

/** Of sources that may be gone since; others than Istanbul's are not ours. */
function pagesBelow(folder: string): string[] {
  const pages = globSync('**/*.{c,h}.html', { cwd: folder }).map(page => path.join(folder, page))
  return pages.filter(page => readFileSync(page, 'utf8').includes('https://istanbul.js.org/'))
}

/** Writes the reports. The table of Istanbul's `text` goes to stdout. */
export function reportCoverage(
  reached: Reached,
  { reporter, reportsDirectory, thresholds }: CoverageOptions,
  root: string,
): CoverageResult {
  const map = istanbulMap(reached, root)
  const context = libReport.createContext({
    dir: reportsDirectory,
    coverageMap: map,
    defaultSummarizer: 'nested',
  })
  const unwritten = reporter.flatMap(name => {
    try {
      // Where no terminal limits it, no uncovered line is cut off.
      const maxCols = process.stdout.columns ?? 0
      reports.create(name, { projectRoot: root, maxCols }).execute(context)
      return []
    } catch (error) {
      return [`coverage report ${name}: ${messageOf(error)}`]
    }
  })
  const summary = map.getCoverageSummary()
  const files = Object.entries(reached.byFile).sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    text: [
      ...(files.length > 0
        ? [
            'lines by test file:',
            inColumns(files.map(([file, lines]) => [`  ${file}`, shareOf(lines, summary)])),
          ]
        : []),
      ...(reached.lost.length > 0
        ? [`not in it: what ran in the lost guests of ${reached.lost.join(', ')}`]
        : []),
      ...(reached.unprofiled.length > 0
        ? [
            `not in it: sources without counters, or that the build has made: ${reached.unprofiled.join(', ')}`,
          ]
        : []),
      ...(reporter.some(name => name !== 'text' && name !== 'text-summary')
        ? [`coverage reports: ${path.relative(root, reportsDirectory) || '.'}`]
        : []),
    ].join('\n'),
    below: belowThresholds(summary, thresholds),
    unwritten,
  }
}

function shareOf(ran: Reached['byFile'][string], { lines: { total } }: CoverageSummary): string {
  const covered = Object.values(ran).reduce((sum, lines) => sum + lines.length, 0)
  // Cut as Istanbul's are: 100 % is all.
  const share = total === 0 ? 100 : Math.floor((10_000 * covered) / total) / 100
  return `${share} % (${covered} of ${total})`
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
