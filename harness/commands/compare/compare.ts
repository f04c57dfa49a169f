// SPDX-License-Identifier: MIT
/** `compare`: the same work on two versions of modules, and what differs. */
import path from 'node:path'
import { ExitStatus, MachineryError, UsageError } from '../../base/errors.ts'
import { consoleProgress, type Progress } from '../../base/progress.ts'
import { type Acceptance, judge, readAcceptances } from '../../compare/accept.ts'
import { type Baseline, readBaseline } from '../../compare/baseline.ts'
import { inOrder, type Side } from '../../compare/comparison.ts'
import { comparisonPageData } from '../../compare/comparison-page.ts'
import type { Finding } from '../../compare/finding.ts'
import {
  type ComparisonReport,
  failedReport,
  jsonReport,
  markdownReport,
  textReport,
} from '../../compare/report.ts'
import { findName, type Named, nameOf, type OpenedSide, openSide } from '../../compare/sides.ts'
import { SpecifiedNames } from '../../compare/specified-names.ts'
import { toldOnce } from '../../compare/told-once.ts'
import { isPrepared, labelsOf } from '../../prepare/matrix.ts'
import type { ProjectOptions } from '../../prepare/project.ts'
import type { Settings } from '../../prepare/settings.ts'
import { checkWorkerArguments } from '../../prepare/worker-arguments.ts'
import { onStdout, requireWritable, writeReport } from '../../report/files.ts'
import { writeComparisonPage } from '../../report/page/write-page.ts'
import { type GivenSpecification, readSpecifications } from '../probe/specifications.ts'
import { pruneStock } from '../prune-stock.ts'
import { attempt } from '../reports.ts'
import { parseVitestArguments, type VitestOptions } from '../vitest-command.ts'
import { commandAgain } from './again.ts'
import { onCommonKernels } from './common-kernels.ts'
import { type Facts, FactsOfSides } from './facts-of-sides.ts'
import { KnownRecordings } from './known-recordings.ts'
import { type PreparedSide, prepareSide, type SidePlan } from './prepared-side.ts'
import { ProbedSides } from './probed-sides.ts'
import { RecordedRuns } from './recorded-run.ts'
import { save } from './save-baseline.ts'
import { refuseUnknownWord } from './unknown-word.ts'
import { Work } from './work.ts'

/** The options of `compare` beside Vitest's. */
export interface CompareOptions {
  readonly kernel?: string
  readonly matrix?: boolean
  /** Files of reports. */
  readonly json?: string
  readonly markdown?: string
  readonly html?: string
  /** Changes that are wanted. */
  readonly accept?: string
  /** Files of YNL specifications. */
  readonly spec?: readonly string[]
  /** False: families are not probed. */
  readonly probe?: boolean
  /** A file that stands in for BASE, to write or to read. */
  readonly saveBaseline?: string
  readonly baseline?: string
}

/**
 * Compares two versions of modules.
 * @param rest BASE, HEAD, filters and Vitest's own options, as written
 * @returns 0 if nothing that matters has changed, 1 if something has
 * @throws UsageError for sides that are not there; MachineryError for one that cannot be built or run
 */
export async function compare(
  options: CompareOptions,
  rest: readonly string[],
  settings: Settings,
  root: string,
): Promise<ExitStatus> {
  const [started, since] = [performance.now(), Date.now()]
  const { filters: words, run: given, project, execArgv, coverage } = parseVitestArguments(rest)
  const refused = Object.keys(given).filter(name => name !== 'testNamePattern')
  const [other] = coverage ? [...refused, 'coverage'] : refused
  if (other !== undefined)
    throw new UsageError(`compare takes no --${other}: of Vitest's options only those of tests`)
  if (words.includes('')) throw new UsageError('an empty word names neither a side nor a test file')
  if (options.baseline !== undefined && options.saveBaseline !== undefined)
    throw new UsageError('--baseline and --save-baseline: one reads a baseline, the other one writes it')
  await checkWorkerArguments(execArgv)
  const { json, markdown, html, saveBaseline } = options
  const stream = streamOf([json, markdown, html])
  for (const file of [json, markdown, html, saveBaseline])
    if (file !== undefined && file !== onStdout) requireWritable(file)
  const acceptances = options.accept === undefined ? [] : readAcceptances(options.accept)
  const baseline = options.baseline === undefined ? undefined : readBaseline(options.baseline)
  const progress = consoleProgress()
  const specifications = readSpecifications(options.spec ?? [], progress.note)
  const { named, rest: wanted, unknown } = await sidesOf(words, options, root)
  // Of a revision the files have other folders.
  const filters = wanted.map(each => (path.isAbsolute(each) ? path.relative(root, each) : each))
  const again = commandAgain({ options, rest, words, filters: filters.length })
  const labels = labelsOf(options, settings)
  const { globals, disableConsoleIntercept, maxConcurrency } = project
  const worker = { execArgv, settings: { globals, disableConsoleIntercept, maxConcurrency } }

  const opened: Opened[] = []
  for (const { side, name } of named)
    opened.push({ side, opened: await openSide(name, { root, settings, side }, progress.note) })
  if (unknown !== undefined)
    refuseUnknownWord(
      unknown,
      opened.map(each => each.opened),
      { root, probes: options.probe !== false },
    )
  const [first, head = first] = opened
  const shown = {
    base: baseline ? `the baseline of ${baseline.made}` : (first?.opened.shown ?? ''),
    head: head?.opened.shown ?? '',
  }
  const plan = { started, shown, labels, worker, progress, baseline, specifications, acceptances, again }
  try {
    return await compareOpened(opened, { ...plan, options, stream, words, filters, project, given })
  } catch (error) {
    if (error instanceof MachineryError) {
      const report = failedReport(error, { ...shown, total: performance.now() - started })
      writeReports(report, ExitStatus.machinery, options)
    }
    throw error
  } finally {
    await pruneStock(settings, since)
  }
}

/** A side whose files are there. */
interface Opened {
  readonly side: Side
  readonly opened: OpenedSide
}

/** What is to be compared, and how. */
interface Plan {
  readonly options: CompareOptions
  /** As performance.now() has it. */
  readonly started: number
  readonly shown: Pick<ComparisonReport, 'base' | 'head'>
  readonly labels: readonly string[]
  readonly worker: SidePlan['worker']
  readonly progress: Progress
  readonly baseline: Baseline | undefined
  readonly specifications: readonly GivenSpecification[]
  readonly acceptances: readonly Acceptance[]
  /** This command, without kernels and files. */
  readonly again: string
  readonly stream: NodeJS.WriteStream
  /** The words of the command line, and those of them that choose files. */
  readonly words: readonly string[]
  readonly filters: string[]
  readonly project: ProjectOptions
  /** Vitest's own options. */
  readonly given: VitestOptions
}

async function compareOpened(opened: readonly Opened[], plan: Plan): Promise<ExitStatus> {
  const { options, labels, progress, worker, baseline, specifications, filters, project, given } = plan
  const prepared: PreparedSide[] = []
  for (const each of opened)
    prepared.push(await prepareSide(each.side, each.opened, { labels, progress, worker }))
  const { sides, lost } = onCommonKernels(prepared)
  const facts = await FactsOfSides.open(sides, progress, baseline && factsIn(baseline))
  using probed = new ProbedSides(options.probe === false ? [] : sides, facts, specifications)
  const ready = sides.map(side => probed.withFiles(side))
  await using runs = await RecordedRuns.open(ready, { filters, project, vitest: given })
  const files = sides.reduce((sum, { side }) => sum + runs.files(side).length, 0)
  if (files === 0) throw new UsageError(nothingRuns(plan.words, filters))
  const work = new Work(runs, sides, progress)
  if (options.saveBaseline !== undefined)
    return await save(options.saveBaseline, work, { sides, facts, lost })
  const known = await KnownRecordings.open(baseline ? undefined : ready[0], {
    filters,
    vitest: given,
    project,
    specifications: specifications.map(({ text }) => text),
  })
  const outcome = baseline ? await work.withBaseline(baseline) : await work.compare(known)

  const names = new SpecifiedNames(specifications.map(({ specification }) => specification))
  const ofModules = facts.findings(names, baseline && factsIn(baseline))
  const all = [
    ...toldOnce(withoutOneSided(outcome.findings, probed), ofModules).map(finding => names.finding(finding)),
    ...ofModules,
  ]
  const { findings, accepted, missing } = judge(
    inOrder(all).map(finding => withCommand(probed.anywhere(finding), plan.again)),
    plan.acceptances,
  )
  const [head] = sides.slice(-1)
  const report: ComparisonReport = {
    ...plan.shown,
    kernels: (head?.kernels ?? [])
      .filter(isPrepared)
      .map(({ label, kernel }) => ({ label, release: kernel.release })),
    ...{ findings, accepted, missing, varying: outcome.varying, runs: work.counts },
    lost: [...outcome.lost, ...lost],
    notes: [...outcome.notes, ...facts.notes],
    total: performance.now() - plan.started,
  }
  plan.stream.write(`${textReport(report)}\n`)
  const status = statusOf(report)
  writeReports(report, status, options)
  return status
}

/** Writes those in files that are wanted. */
function writeReports(
  report: ComparisonReport,
  status: ExitStatus,
  { json, markdown, html }: CompareOptions,
): void {
  const write = (file: string | undefined, text: () => string) => {
    if (file !== undefined) attempt(`the report ${file}`, () => writeReport(placeOf(file), text()))
  }
  write(markdown, () => markdownReport(report))
  if (html !== undefined)
    attempt(`the report ${html}`, () =>
      writeComparisonPage(placeOf(html), comparisonPageData(report, Date.now())),
    )
  write(json, () => jsonReport(report, status))
}

function placeOf(file: string): string {
  return file === onStdout ? file : path.resolve(file)
}

/**
 * Where the text goes: to stderr where stdout is for another report.
 * @throws UsageError for several that are to be there
 */
function streamOf(files: readonly (string | undefined)[]): NodeJS.WriteStream {
  const count = files.filter(file => file === onStdout).length
  if (count > 1) throw new UsageError('one report alone can be on stdout (-): give the others files')
  return count === 0 ? process.stdout : process.stderr
}

/** The facts that a baseline has. */
function factsIn({ kernels }: Baseline): Facts {
  return new Map(kernels.flatMap(({ label, facts }) => (facts ? [[label, facts] as const] : [])))
}

/** Tests of families that only one side has say nothing: that it comes or goes is a finding of its own. */
function withoutOneSided(findings: readonly Finding[], probed: ProbedSides): Finding[] {
  return findings.filter(({ kind, where, was, is }) => {
    const [file = ''] = where.split(' > ', 1)
    const isOneSided = is === undefined || (was === undefined && is !== 'failed')
    return kind !== 'test' || !isOneSided || !probed.has(file)
  })
}

function withCommand(finding: Finding, command: string): Finding {
  return finding.again === undefined ? finding : { ...finding, again: `${command} ${finding.again}` }
}

function statusOf({ findings, lost }: ComparisonReport): ExitStatus {
  if (findings.some(({ matters }) => matters)) return ExitStatus.failed
  return lost.length === 0 ? ExitStatus.passed : ExitStatus.machinery
}

/** The sides that the first words name; what names none is a filter. */
async function sidesOf(
  words: readonly string[],
  { baseline, saveBaseline }: CompareOptions,
  root: string,
): Promise<{
  readonly named: { readonly side: Side; readonly name: Named }[]
  readonly rest: string[]
  /** The word in the place of a side that names none. */
  readonly unknown: string | undefined
}> {
  const [first, second] = words
  if (baseline !== undefined || saveBaseline !== undefined) {
    const side = baseline === undefined ? 'base' : 'head'
    const only = first === undefined ? undefined : await findName(first, root)
    if (only && second !== undefined && (await findName(second, root)))
      throw new UsageError(
        `${side === 'base' ? '--save-baseline' : '--baseline'} takes one side alone: ${first} and ${second} are two`,
      )
    return {
      named: [{ side, name: only ?? 'work tree' }],
      rest: words.slice(only ? 1 : 0),
      unknown: only ? second : first,
    }
  }
  if (first === undefined)
    throw new UsageError('compare needs BASE: a revision, or a folder of modules; or --baseline FILE')
  const base = await nameOf(first, root)
  const head = second === undefined ? undefined : await findName(second, root)
  return {
    named: [
      { side: 'base', name: base },
      { side: 'head', name: head ?? 'work tree' },
    ],
    rest: words.slice(head ? 2 : 1),
    unknown: head ? undefined : second,
  }
}

function nothingRuns(words: readonly string[], filters: readonly string[]): string {
  const [first] = filters
  if (first !== undefined)
    return `no test file matches ${filters.join(' ')}${words.length > filters.length ? `, and ${first} is neither a revision nor a folder of modules` : ''}`
  return 'there is no test file, and the modules register no family of generic netlink to probe: nothing can be compared'
}
