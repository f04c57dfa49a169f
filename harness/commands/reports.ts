// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { type Reporter, ReportersMap, type Vitest, version as vitestVersion } from 'vitest/node'
import { MachineryError, messageOf, UsageError } from '../base/errors.ts'
import { isOnGitHub } from '../report/annotations.ts'
import { failuresOf } from '../report/failures.ts'
import { completeJson, requireWritable, writeReport } from '../report/files.ts'
import { githubReport, testAnnotations } from '../report/github.ts'
import { junit as junitOf } from '../report/junit.ts'
import { ktap as ktapOf } from '../report/ktap.ts'
import { markdown as markdownOf, type Outcome } from '../report/markdown.ts'
import { matrixTable, textTable } from '../report/matrix-table.ts'
import { pageData } from '../report/page/collect.ts'
import { writePage } from '../report/page/write-page.ts'
import type { FindSource } from '../report/source-files.ts'
import { type KernelSummary, knownReportLines, summaryLines } from '../report/summary.ts'
import { TerminalReporter } from '../report/terminal.ts'
import type { Reporters, VitestOptions } from './vitest-command.ts'

/** Files of reports beside the one on stdout, as named on the command line. */
export interface ReportFiles {
  readonly junit?: string
  readonly json?: string
  /** The table of suites and kernels, and the failures. */
  readonly markdown?: string
  /** KTAP; '-' is stdout. */
  readonly ktap?: string
  /** A page for a browser. */
  readonly html?: string
}

/** Vitest's reporter for GitHub, in place of which there is ours. */
const annotating = 'github-actions'

/** Whether failures are shown beside the lines of a pull request. */
export function annotates(given: VitestOptions): boolean {
  return isOnGitHub() || asked(given).includes(annotating)
}

/** Vitest's reporters: the requested ones, and that of --json. */
export function reporters(given: VitestOptions, { json, ktap }: ReportFiles): Reporters {
  const silent: Reporters = [{}]
  return [
    ...(ktap === '-' && given.reporter === undefined
      ? silent
      : // Vitest's would say the same again.
        asked(given)
          .filter(name => name !== annotating)
          .map(name => (name === 'default' ? new TerminalReporter() : name))),
    ...(annotates(given) ? [testAnnotations()] : []),
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

/** Tells GitHub of the failures, if anybody wants that; on stderr where stdout is for KTAP. */
export function annotate(
  given: VitestOptions,
  vitest: Vitest,
  kernels: readonly KernelSummary[],
  { find, ktap }: { readonly find: FindSource } & Pick<ReportFiles, 'ktap'>,
): void {
  if (!annotates(given)) return
  const stream = ktap === '-' ? process.stderr : process.stdout
  stream.write(githubReport(vitest, kernels, find))
}

function writeJunit(file: string, vitest: Vitest, kernels: readonly { readonly label: string }[]): void {
  const labels = kernels.map(({ label }) => label)
  writeReport(path.resolve(file), junitOf(vitest, labels))
}

/** In watch mode, which nothing completes, a reporter that writes the JUnit report anew after each run. */
export function writingJunit(file: string, kernels: readonly { readonly label: string }[]): Reporter {
  let vitest: Vitest
  return {
    onInit(context) {
      vitest = context
    },
    onTestRunEnd() {
      try {
        writeJunit(file, vitest, kernels)
      } catch (error) {
        process.stderr.write(`  ${messageOf(error)}\n`)
      }
    },
  }
}

/** Completes the reports in files with what Vitest does not know: each, also if another cannot be written. */
export function completeReports(
  { junit, json, markdown, ktap, html }: ReportFiles,
  vitest: Vitest,
  kernels: readonly KernelSummary[],
  outcome: Outcome & { readonly find: FindSource },
): void {
  if (junit !== undefined) attempt(() => writeJunit(junit, vitest, kernels))
  if (json !== undefined) attempt(() => completeJson(path.resolve(json), kernels))
  if (markdown !== undefined)
    attempt(() => {
      writeReport(path.resolve(markdown), markdownOf(kernels, failuresOf(vitest, kernels), outcome))
    })
  if (ktap === '-') process.stdout.write(ktapOf(vitest, kernels))
  else if (ktap !== undefined) attempt(() => writeReport(path.resolve(ktap), ktapOf(vitest, kernels)))
  if (html !== undefined) attempt(() => writePage(path.resolve(html), pageData(vitest, kernels, outcome)))
}

/** Writes a report; one that cannot be written is told of, and does not change what the run has found. */
export function attempt(write: () => void): void {
  try {
    write()
  } catch (error) {
    if (!(error instanceof MachineryError)) throw error
    process.stderr.write(`error: ${error.message}\n`)
  }
}

/**
 * Checks the places of all reports before the run.
 * @param root the project's folder
 * @throws UsageError for one that cannot be written, that no reporter writes, or that two would write
 */
export function checkReports(
  given: VitestOptions,
  { junit, json, markdown, ktap, html }: ReportFiles,
  root: string,
): void {
  if (asked(given).includes('html')) requirePage(root)
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

/** Looks for the package of Vitest's html reporter; without it Vitest offers to install it, or ends. */
function requirePage(root: string): void {
  const needed = `npm i -D @vitest/ui@${vitestVersion}`
  let version: string
  try {
    const found = createRequire(path.join(root, 'package.json')).resolve('@vitest/ui/package.json')
    version = JSON.parse(readFileSync(found, 'utf8')).version
  } catch (error) {
    throw new UsageError(`--reporter=html needs the npm package @vitest/ui: ${needed}`, { cause: error })
  }
  if (version !== vitestVersion)
    throw new UsageError(
      `--reporter=html needs @vitest/ui of Vitest's version, ${vitestVersion}, not ${version}: ${needed}`,
    )
}

/**
 * Vitest's reporters that write a file (5.1.1: those that read outputFile). Custom reporters may do so too.
 */
const writers = new Set(['blob', 'json', 'junit'])

/** The files of --outputFile by the option for each reporter. */
function outputOptions(given: VitestOptions): [option: string, file: string][] {
  const names = asked(given).flatMap(reporter => (typeof reporter === 'string' ? [reporter] : []))
  const writing = names.filter(
    name => writers.has(name) || (name !== 'html' && !Object.hasOwn(ReportersMap, name)),
  )
  const { outputFile } = given
  if (typeof outputFile === 'string') {
    if (writing.length === 0)
      throw new UsageError(
        `--outputFile: no reporter that writes a file is asked for: add one of ${[...writers].join(', ')}`,
      )
    return writing.map(name => [`--reporter ${name}`, outputFile])
  }
  return Object.entries(outputFile ?? {}).map(([name, file]) => {
    if (name === 'html')
      throw new UsageError('--outputFile.html has no effect: the html reporter writes .vitest/index.html')
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
