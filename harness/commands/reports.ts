// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import {
  type Reporter,
  ReportersMap,
  type TestCase,
  type TestModule,
  type TestSuite,
  type Vitest,
  version as vitestVersion,
} from 'vitest/node'
import { HarnessError, messageOf, UsageError } from '../base/errors.ts'
import { isOnGitHub } from '../report/annotations.ts'
import { failuresOf, failuresOutside } from '../report/failures.ts'
import { completedJson, forgetReport, onStdout, requireWritable, writeReport } from '../report/files.ts'
import { githubReport, testAnnotations } from '../report/github.ts'
import { junit as junitOf } from '../report/junit.ts'
import { ktap as ktapOf } from '../report/ktap.ts'
import { markdown as markdownOf, type Outcome } from '../report/markdown.ts'
import { matrixTable, textTable } from '../report/matrix-table.ts'
import { pageData } from '../report/page/collect.ts'
import { writePage } from '../report/page/write-page.ts'
import type { FindSource } from '../report/source-files.ts'
import { type KernelSummary, knownReportLines, summaryLines } from '../report/summary.ts'
import { CompleteFlatTap, CompleteTap } from '../report/tap.ts'
import { TerminalReporter } from '../report/terminal.ts'
import { oneLine } from '../report/text.ts'
import type { Reporters, VitestOptions } from './vitest-command.ts'
import { fileReporters, isWriting, type VitestFiles } from './vitest-files.ts'

/** Files of reports beside the one on stdout, as named on the command line; '-' is stdout, in place of that one. */
export interface ReportFiles {
  readonly junit?: string
  readonly json?: string
  /** The table of suites and kernels, and the failures. */
  readonly markdown?: string
  readonly ktap?: string
  /** A page for a browser. */
  readonly html?: string
}

/** Vitest's reporter for GitHub, in place of which there is ours. */
const annotating = 'github-actions'

/** Vitest's reporters, in which tests that did not run are told. */
const completing: ReadonlyMap<unknown, (summary: boolean) => Reporter> = new Map<
  string,
  (summary: boolean) => Reporter
>([
  ['default', summary => new TerminalReporter({ summary })],
  ['tap', () => new CompleteTap()],
  ['tap-flat', () => new CompleteFlatTap()],
])

/** Whether failures are shown beside the lines of a pull request. */
export function annotates(given: VitestOptions): boolean {
  return isOnGitHub() || asked(given).includes(annotating)
}

/** The options of reports in files. */
const options = ['junit', 'json', 'markdown', 'ktap', 'html'] as const

/** The report that is on stdout in place of the usual one. */
function onlyReport(files: ReportFiles): (typeof options)[number] | undefined {
  return options.find(option => files[option] === onStdout)
}

/** Whether a file is asked for. */
export function hasReports(files: ReportFiles): boolean {
  return options.some(option => files[option] !== undefined)
}

/** Where everything goes that is no report in a file. */
function streamOf(files: ReportFiles): NodeJS.WriteStream {
  return onlyReport(files) === undefined ? process.stdout : process.stderr
}

/**
 * Vitest's reporters: the requested ones, and that of --json.
 * @param theirs those that write files
 * @param summary whether a terminal shows what is running, redrawn all the time
 */
export function reporters(
  given: VitestOptions,
  files: ReportFiles,
  theirs: VitestFiles,
  { summary = true }: { readonly summary?: boolean } = {},
): Reporters {
  const shown: Reporters =
    onlyReport(files) !== undefined && given.reporter === undefined
      ? [consoleOnStderr()]
      : // Vitest's would say the same again.
        asked(given)
          .filter(name => name !== annotating)
          .map(name => completing.get(name)?.(summary) ?? name)
          .map(name => (typeof name === 'string' && isWriting(name) ? theirs.reporter(name) : name))
  return [
    ...shown,
    ...(annotates(given) ? [testAnnotations()] : []),
    ...(files.json === undefined ? [] : [theirs.json]),
  ]
}

/** What tests print, where stdout is for a report that has no place for it. */
function consoleOnStderr(): Reporter {
  let vitest: Vitest | undefined
  let before = ''
  return {
    onInit(context) {
      vitest = context
    },
    onUserConsoleLog({ content, taskId, type }) {
      const task = taskId === undefined ? undefined : vitest?.state.idMap.get(taskId)
      const entity = task && vitest?.state.getReportedEntity(task)
      const heading = entity ? `${type} | ${headingOf(entity)}\n` : ''
      process.stderr.write(heading === before ? content : heading + content)
      before = heading
    },
  }
}

/** As the usual report names what has printed something. */
function headingOf(entity: TestModule | TestSuite | TestCase): string {
  const module = entity.type === 'module' ? entity : entity.module
  const file = `|${module.project.name}| ${module.relativeModuleId}`
  return entity.type === 'module' ? file : `${file} > ${entity.fullName}`
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
 * Ends the report: the table of several kernels, and a line for each; on stderr where stdout is for another.
 */
export function printTable(kernels: readonly KernelSummary[], total: number, files: ReportFiles): void {
  const stream = streamOf(files)
  if (kernels.length > 1) stream.write(`${textTable(matrixTable(kernels))}\n\n`)
  for (const line of knownReportLines(kernels)) stream.write(`${line}\n`)
  stream.write(`${summaryLines(kernels, total).join('\n')}\n`)
}

/** Tells GitHub of the failures, if anybody wants that; on stderr where stdout is for another report. */
export function annotate(
  given: VitestOptions,
  vitest: Vitest,
  kernels: readonly KernelSummary[],
  { find, ...files }: { readonly find: FindSource } & ReportFiles,
): void {
  if (annotates(given))
    attempt('the annotations for GitHub', () => streamOf(files).write(githubReport(vitest, kernels, find)))
}

/**
 * In watch mode, which nothing completes, a reporter that writes the reports anew after each run.
 * @param outcome what is known after it
 */
export function writingReports(
  files: ReportFiles,
  theirs: VitestFiles,
  outcome: (vitest: Vitest) => {
    readonly kernels: readonly KernelSummary[]
    readonly outcome: Outcome & { readonly find: FindSource }
  },
): Reporter {
  let vitest: Vitest
  return {
    onInit(context) {
      vitest = context
    },
    onTestRunEnd() {
      const now = outcome(vitest)
      completeReports(files, { vitest, theirs }, now.kernels, now.outcome)
    },
  }
}

/** Writes the reports in files: each, also if another cannot be written. */
export function completeReports(
  { junit, json, markdown, ktap, html }: ReportFiles,
  { vitest, theirs }: { readonly vitest: Vitest; readonly theirs: VitestFiles },
  kernels: readonly KernelSummary[],
  outcome: Outcome & { readonly find: FindSource },
): void {
  const write = (file: string | undefined, text: () => string) => {
    if (file !== undefined) attempt(`the report ${file}`, () => writeReport(file, text()))
  }
  write(junit, () => junitOf(vitest, kernels))
  write(json, () => completedJson(theirs.jsonText, kernels, failuresOutside(vitest)))
  write(markdown, () => markdownOf(kernels, failuresOf(vitest, kernels), outcome))
  write(ktap, () => ktapOf(vitest, kernels))
  if (html !== undefined)
    attempt(`the report ${html}`, () => writePage(html, pageData(vitest, kernels, outcome)))
}

/**
 * Removes the reports of an earlier run, before anything can end this one: nobody is to take them for its own.
 */
export function forgetReports(files: ReportFiles): void {
  for (const option of options) {
    const file = files[option]
    if (file !== undefined) forgetReport(file)
  }
}

/** The same for the files of Vitest's reporters. @param blob as in {@link outputFiles} */
export function forgetOutputFiles(given: VitestOptions, blob?: string): void {
  for (const [, file] of outputOptions(given)) forgetReport(path.resolve(file))
  if (blob !== undefined) forgetReport(blob)
}

/**
 * Writes a report; one that cannot be written or made is told of in a line, and does not change what the run has found.
 * @param what is written
 */
export function attempt(what: string, write: () => void): void {
  try {
    write()
  } catch (error) {
    const why =
      error instanceof HarnessError
        ? error.message
        : `cannot make ${what}, which is a fault of netlink-vmtest's: ${placed(error)}`
    process.stderr.write(`error: ${why}\n`)
  }
}

/** An error of ours on one line, with the place that it comes from. */
function placed(error: unknown): string {
  const [, at] = /^ {4}at (.*)$/m.exec((error instanceof Error && error.stack) || '') ?? []
  return oneLine([messageOf(error), at].filter(Boolean).join(', at '))
}

/**
 * Checks the places of all reports before the run.
 * @param root the project's folder
 * @throws UsageError for one that cannot be written, that no reporter writes, or that two would write
 */
export function checkReports(given: VitestOptions, files: ReportFiles, root: string): void {
  if (asked(given).includes('html')) requirePage(root)
  const places = new Map<string, string>()
  for (const [option, file] of [
    ...options.map(option => [`--${option}`, files[option]] as const),
    ...outputOptions(given),
  ]) {
    if (file === undefined) continue
    const isOnStdout = file === onStdout && !option.startsWith('--outputFile')
    const place = isOnStdout ? onStdout : path.resolve(file)
    const other = places.get(place)
    if (other !== undefined) throw new UsageError(`${other} and ${option} would both write ${file}`)
    places.set(place, option)
    // completeBlob() adds the kernels to Vitest's blob.
    if (!isOnStdout) requireWritable(file, option.endsWith('blob'))
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

/** The files of --outputFile by the option for each reporter. */
function outputOptions(given: VitestOptions): [option: string, file: string][] {
  const names = asked(given).flatMap(reporter => (typeof reporter === 'string' ? [reporter] : []))
  const writing = names.filter(
    // Custom reporters may do so too.
    name => isWriting(name) || (name !== 'html' && !Object.hasOwn(ReportersMap, name)),
  )
  const { outputFile } = given
  if (typeof outputFile === 'string') {
    if (writing.length === 0)
      throw new UsageError(
        `--outputFile: no reporter that writes a file is asked for: add one of ${fileReporters.join(', ')}`,
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
