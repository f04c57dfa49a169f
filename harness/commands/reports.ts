// SPDX-License-Identifier: MIT
import path from 'node:path'
import { ReportersMap, type Vitest } from 'vitest/node'
import { UsageError } from '../base/errors.ts'
import { completeJson, requireWritable, requireWritten, writeMarkdown, writeReport } from '../report/files.ts'
import { ktap as ktapOf } from '../report/ktap.ts'
import { matrixTable, textTable } from '../report/matrix-table.ts'
import { pageData } from '../report/page/collect.ts'
import { writePage } from '../report/page/write-page.ts'
import { type KernelSummary, knownReportLines, summaryLines } from '../report/summary.ts'
import type { Reporters, VitestOptions } from './vitest-command.ts'

/** Files of reports beside the one on stdout, as named on the command line. */
export interface ReportFiles {
  readonly junit?: string
  readonly json?: string
  /** The table of suites and kernels. */
  readonly markdown?: string
  /** KTAP; '-' is stdout. */
  readonly ktap?: string
  /** A page for a browser. */
  readonly html?: string
}

/** A JUnit report has no projects: the names have the kernels. */
const namesWithKernel = {
  suiteNameTemplate: '{displayName} {filename}',
  classnameTemplate: '{displayName} {filename}',
}

/** Vitest's reporters: the requested ones, and those of --junit and --json. */
export function reporters(given: VitestOptions, { junit, json, ktap }: ReportFiles): Reporters {
  const silent: Reporters = [{}]
  return [
    ...(ktap === '-' && given.reporter === undefined ? silent : asked(given)),
    ...(junit === undefined
      ? []
      : [['junit', { ...namesWithKernel, outputFile: path.resolve(junit) }] as Reporters[number]]),
    ...(json === undefined ? [] : [['json', { outputFile: path.resolve(json) }] as Reporters[number]]),
  ]
}

/** The files of Vitest's reporters, relative to the current folder. */
export function outputFiles(given: VitestOptions, blob?: string): Pick<VitestOptions, 'outputFile'> {
  const { outputFile } = given
  if (typeof outputFile === 'string') return { outputFile: path.resolve(outputFile) }
  const files = Object.entries(outputFile ?? {}).map(([name, file]) => [name, path.resolve(String(file))])
  const all = { ...Object.fromEntries(files), ...(blob === undefined ? {} : { blob }) }
  return Object.keys(all).length === 0 ? {} : { outputFile: all }
}

/**
 * The file of the run's blob; undefined if none is asked for. Vitest's own default has no kernels in its name,
 * so that jobs for different kernels would write the same one.
 */
export function blobFile(given: VitestOptions, labels: readonly string[], root: string): string | undefined {
  if (!asked(given).includes('blob')) return undefined
  const { outputFile, shard } = given
  const file = typeof outputFile === 'object' ? outputFile.blob : outputFile
  if (file !== undefined) return path.resolve(file)
  const name = ['blob', ...labels, ...(shard === undefined ? [] : [shard])].join('-')
  return path.join(root, '.vitest/blob', `${name.replaceAll(/[^\w.+~-]/g, '-')}.json`)
}

/**
 * Ends the report: the table of several kernels, and a line for each; on stderr where stdout is for KTAP.
 */
export function printTable(
  kernels: readonly KernelSummary[],
  total: number,
  { ktap }: Pick<ReportFiles, 'ktap'>,
): void {
  const stream = ktap === '-' ? process.stderr : process.stdout
  if (kernels.length > 1) stream.write(`${textTable(matrixTable(kernels))}\n\n`)
  for (const line of knownReportLines(kernels)) stream.write(`${line}\n`)
  stream.write(`${summaryLines(kernels, total).join('\n')}\n`)
}

/**
 * Completes the reports in files with what Vitest does not know.
 * @param since when the run began, in milliseconds since 1970
 */
export function completeReports(
  { junit, json, markdown, ktap, html }: ReportFiles,
  vitest: Vitest,
  kernels: readonly KernelSummary[],
  total: number,
  since: number,
): void {
  if (junit !== undefined) requireWritten(path.resolve(junit), since)
  if (json !== undefined) completeJson(path.resolve(json), kernels)
  if (markdown !== undefined) writeMarkdown(path.resolve(markdown), kernels, total)
  if (ktap === '-') process.stdout.write(ktapOf(vitest, kernels))
  else if (ktap !== undefined) writeReport(path.resolve(ktap), ktapOf(vitest, kernels))
  if (html !== undefined) writePage(path.resolve(html), pageData(vitest, kernels, total))
}

/**
 * Checks the places of all reports before the run.
 * @throws UsageError for one that cannot be written, that no reporter writes, or that two would write
 */
export function checkReports(given: VitestOptions, { junit, json, markdown, ktap, html }: ReportFiles): void {
  const places = new Map<string, string>()
  for (const [option, file] of [
    ...Object.entries({ '--junit': junit, '--json': json, '--markdown': markdown, '--html': html }),
    ['--ktap', ktap === '-' ? undefined : ktap] as const,
    ...outputOptions(given),
  ]) {
    if (file === undefined) continue
    const place = path.resolve(file)
    const other = places.get(place)
    if (other !== undefined) throw new UsageError(`${other} and ${option} would both write ${file}`)
    places.set(place, option)
    // completeJson adds the kernels to Vitest's report.
    requireWritable(file, option === '--json')
  }
}

/**
 * Vitest's reporters that write a file (5.1.1: those that read outputFile). Custom reporters may do so too.
 */
const writers = new Set(['blob', 'json', 'junit'])

/** The files of --outputFile by the option for each reporter. */
function outputOptions(given: VitestOptions): [option: string, file: string][] {
  const names = asked(given).flatMap(reporter => (typeof reporter === 'string' ? [reporter] : []))
  const writing = names.filter(name => writers.has(name) || !Object.hasOwn(ReportersMap, name))
  const { outputFile } = given
  if (typeof outputFile === 'string') {
    if (writing.length === 0)
      throw new UsageError(
        `--outputFile: no reporter that writes a file is asked for: add one of ${[...writers].join(', ')}`,
      )
    return writing.map(name => [`--reporter ${name}`, outputFile])
  }
  return Object.entries(outputFile ?? {}).map(([name, file]) => {
    if (!writing.includes(name))
      throw new UsageError(`--outputFile.${name}: no reporter ${name} that writes a file is asked for`)
    return [`--outputFile.${name}`, String(file)]
  })
}

/** The requested reporters; a path is relative to the current folder. */
function asked({ reporter }: VitestOptions): Reporters {
  const names = reporter === undefined ? ['default'] : [reporter].flat()
  return names.map(name => (/^\.\.?\//.test(name) ? path.resolve(name) : name))
}
