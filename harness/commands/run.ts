// SPDX-License-Identifier: MIT
import { globSync } from 'node:fs'
import path from 'node:path'
import { configDefaults } from 'vitest/config'
import type { Reporter, Vitest } from 'vitest/node'
import { lockFileName } from '../../kernel/lock-file.ts'
import { ExitStatus, UsageError } from '../base/errors.ts'
import { requireFolder } from '../base/folders.ts'
import { literally } from '../base/globs.ts'
import { nearest } from '../base/nearest.ts'
import { consoleProgress } from '../base/progress.ts'
import { findTool, ToolMissing } from '../base/tools.ts'
import type { GuestSource } from '../pool/guest-source.ts'
import { Lanes } from '../pool/lanes.ts'
import { modulesUnderTest, packageFolders, sourcesUnderTest, withModules } from '../prepare/delivery.ts'
import { isPrepared, type KernelOfRun, labelsOf, prepareKernels, whyNoneIsReady } from '../prepare/matrix.ts'
import { guestsAtOnce, type PrepareOptions } from '../prepare/prepare.ts'
import { isShared, kernelProject, type ProjectOptions, type Sharing } from '../prepare/project.ts'
import { type Settings, settingsFile } from '../prepare/settings.ts'
import { checkWorkerArguments } from '../prepare/worker-arguments.ts'
import { recordOf } from '../report/blob.ts'
import { completeBlob, requireWritten } from '../report/files.ts'
import { factsOf, type KernelFacts, ofPart } from '../report/kernel-facts.ts'
import { sourceFinder } from '../report/source-files.ts'
import { allSkipped, exitStatusOf, summarize } from '../report/summary.ts'
import { coverageOptions, endCoverage, prepareReports, reachedBy } from './coverage.ts'
import { pruneStock } from './prune-stock.ts'
import { reportNone } from './report-none.ts'
import {
  annotate,
  annotates,
  attempt,
  blobFile,
  checkReports,
  completeReports,
  forgetOutputFiles,
  hasReports,
  outputFiles,
  printTable,
  type ReportFiles,
  reporters,
  writingReports,
} from './reports.ts'
import { lookAround, whyNoShell } from './shell.ts'
import { parseVitestArguments, startReport, type VitestOptions } from './vitest-command.ts'
import { VitestFiles } from './vitest-files.ts'
import { watchDelivery } from './watch.ts'

/** The options of `run` beside Vitest's. */
export interface RunOptions extends ReportFiles {
  readonly kernel?: string
  readonly matrix?: boolean
  readonly modules?: string
  /** Diagrams of passed tests, too. */
  readonly trace?: boolean
  /** A folder for what all tests have said. */
  readonly capture?: string
  /** Whether guests are forked: in place of the configuration's vm.fork. */
  readonly fork?: boolean
  /** False: the files of a kernel share guests. */
  readonly isolate?: boolean
  /** Whose files share guests if `isolate` is not given. */
  readonly sharing?: Sharing
  /** Whether the guest waits for gdb. */
  readonly gdb?: boolean
  /** Whether a shell is opened in the guest of the first failed test, of those with such a name if it is a text. */
  readonly debug?: boolean | string
  /** Keeps the memory of guests whose kernels die, as the configuration's vm.dump. */
  readonly dump?: boolean
  /** Functions at which gdb stops; any implies `gdb`. */
  readonly break?: readonly string[]
}

/**
 * Runs the test files in guests; each kernel is a Vitest project.
 * @param rest filters and Vitest's own options, as written
 * @param commands the names of all commands, for which a mistyped one may be meant
 */
export async function run(
  options: RunOptions,
  rest: readonly string[],
  settings: Settings,
  root: string,
  commands: readonly string[] = [],
): Promise<ExitStatus> {
  const started = performance.now()
  const startedAt = Date.now()
  const { filters, run: asked, project, execArgv, coverage: wanted } = parseVitestArguments(rest)
  const given = typeof options.debug === 'string' ? { ...asked, testNamePattern: options.debug } : asked
  refuseMistyped(filters, commands, settings.suites, root)
  checkReports(given, options, root)
  const theirs = new VitestFiles()
  const captureFolder = options.capture === undefined ? undefined : path.resolve(options.capture)
  if (captureFolder !== undefined) requireFolder('--capture', captureFolder)
  await checkWorkerArguments(execArgv)
  if (!isPart(filters, given, project) && !given.passWithNoTests && !given.watch)
    requireSuites(settings.suites, root)
  const progress = consoleProgress()
  const own = options.dump ? { ...settings, vm: { ...settings.vm, dump: true } } : settings
  const tested = withModules(own, options.modules)
  const { globals, disableConsoleIntercept, maxConcurrency } = project
  const worker = { execArgv, settings: { globals, disableConsoleIntercept, maxConcurrency } }
  const labels = labelsOf(options, settings)
  const coverage = coverageOptions(wanted, settings, root)
  if (coverage && given.watch) throw new UsageError('--coverage is for whole runs: leave out --watch')
  if (coverage) prepareReports(coverage, root)
  const one = { labels, filters, watches: given.watch === true }
  const gdb = debugging(options, one, settings, root)
  const isAttended = looksAround(options, one, settings, root)
  if (gdb && findTool('gdb') === undefined) progress.note(new ToolMissing('gdb').message)
  let shells = 0
  const attend: typeof lookAround = async (...guest) => {
    shells++
    await lookAround(...guest)
  }
  const blob = blobFile(given, labels, root)
  forgetOutputFiles(given, blob)
  // A kernel that is not available is a row of the merged report, also if it is the only one here.
  const kernels = await prepareKernels(labels, {
    settings: tested,
    root,
    progress,
    worker,
    trace: options.trace,
    captureFolder,
    // A blob may become a page later.
    details: options.html !== undefined || blob !== undefined,
    fork: options.fork,
    coverage: coverage !== undefined,
    gdb,
    attend: isAttended ? attend : undefined,
    orNone: blob !== undefined || hasReports(options),
  })
  const find = sourceFinder(modulesUnderTest(tested, root))
  const failure = blob === undefined ? whyNoneIsReady(kernels) : undefined
  if (failure) {
    await reportNone(kernels, { options, root, find, started })
    throw failure
  }
  const prepared = kernels.filter(isPrepared)
  const atOnce = guestsAtOnce(Math.max(...prepared.map(({ spec }) => spec.machine.memory)))
  // Vitest's --isolate=false means the same. `reporter` would replace all `reporters`, which include it
  // already.
  const { isolate, reporter: _, watch = false, run: once, ...vitestOptions } = given
  const isWanted = isolate === false || options.isolate === false
  const wantedSharing = isWanted ? 'all' : isolate ? undefined : options.sharing
  // With a guest for each test (vm.isolate), tests break their kernels: they never share. Nor does who looks into one.
  const mayShare = settings.vm.isolate === 'file' && !gdb && !isAttended
  const sharing = mayShare ? wantedSharing : undefined
  const shared = prepared.some(({ guests }) => isShared(guests, sharing))
  // The lanes limit how many guests are at work, unless the user limits Vitest's workers.
  const limited = vitestOptions.maxWorkers !== undefined || vitestOptions.fileParallelism === false
  const lanes = shared ? new Lanes<GuestSource>(limited ? Number.POSITIVE_INFINITY : atOnce) : undefined
  // While Vitest starts.
  for (const { guests } of prepared.slice(0, shared ? atOnce : 1)) guests.restoreFirst()

  const summariesOf = (report: Vitest, facts: readonly KernelFacts[]) =>
    (given.shard === undefined ? facts : facts.map(ofPart)).map(kernel => summarize(report, kernel))
  const factsNow = () =>
    kernels.map(factsOf).map(each => (isPart(filters, given, project) ? ofPart(each) : each))
  /** After a run of watch mode. */
  const soFar = (report: Vitest) => {
    const summaries = summariesOf(report, factsNow())
    const passed = exitStatusOf(report, summaries) === ExitStatus.passed
    return { kernels: summaries, outcome: { total: performance.now() - started, passed, find } }
  }
  const plan = { settings, root, options: project, atOnce, lanes, sharing }
  const vitest = await startReport(filters, {
    ...vitestOptions,
    root,
    config: false,
    watch: watch && once !== true,
    ...(vitestOptions.changed === undefined ? {} : { forceRerunTriggers: beyondImports(tested, root) }),
    projects: kernels.map(kernel => kernelProject(kernel, plan)),
    reporters: [
      ...reporters(given, options, theirs, { summary: !isAttended }),
      ...(watch && hasReports(options) ? [writingReports(options, theirs, soFar)] : []),
      foresight(kernels, guests => (isShared(guests, sharing) ? 'files' : settings.vm.isolate)),
    ],
    ...outputFiles(given, blob),
    // stdin is the first shell's.
    ...(isAttended ? { bail: 1, retry: 0 } : {}),
    // The lines of tests, for failures without a stack.
    ...(annotates(given) ? { includeTaskLocation: true } : {}),
    // Vitest would refuse more shards than files; whether there is any file is seen below.
    ...(given.shard === undefined ? {} : { passWithNoTests: true }),
  })
  // Vitest sets it for failed tests, and also for slow imports and a failed reporter.
  const failedByVitest = process.exitCode !== undefined && process.exitCode !== 0
  if (vitest.shouldKeepServer()) {
    // Vitest's own keys and signals end watch mode.
    watchDelivery(vitest, prepared, tested, root)
    await new Promise<void>(resolve => vitest.onClose(() => resolve()))
    return ExitStatus.passed
  }
  await vitest.close()
  await Promise.all(prepared.map(({ guests }) => guests.close()))
  await pruneStock(settings, startedAt)
  const nothing = await whyNothingRan(
    vitest,
    filters,
    rest,
    failedByVitest && vitestOptions.changed !== undefined,
  )
  const facts = factsNow()
  const summaries = summariesOf(vitest, facts)
  const total = performance.now() - started
  const passWithNoTests = given.passWithNoTests ?? given.changed !== undefined
  const reached = coverage ? await reachedBy(prepared, root, startedAt) : undefined
  const recordInBlob = () => {
    if (blob === undefined || theirs.isUnwritten('blob')) return
    requireWritten(blob, startedAt)
    completeBlob(blob, {
      ...recordOf(vitest),
      kernels: facts,
      total,
      failed: failedByVitest,
      passWithNoTests,
      coverage: reached,
    })
  }
  // Another shard may have what this one has not; merge sees them all.
  const elsewhere =
    nothing?.reason === 'share' ||
    (nothing?.reason === 'names' && blob !== undefined && given.shard !== undefined)
  if (nothing !== undefined && !passWithNoTests && !elsewhere) {
    recordInBlob()
    throw new UsageError(nothing.message)
  }
  printTable(summaries, total, options)
  annotate(given, vitest, summaries, { ...options, find })
  // With --passWithNoTests or --changed the run passes, and says that no test did.
  if (nothing !== undefined) progress.note(`nothing ran: ${nothing.message}`)
  const ofTests = exitStatusOf(vitest, summaries)
  const part = { isShard: given.shard !== undefined, isInBlob: blob !== undefined }
  const ofCoverage = coverage ? endCoverage(coverage, reached, root, part) : ExitStatus.passed
  const status = ofTests === ExitStatus.passed ? ofCoverage : ofTests
  const all = status === ExitStatus.passed && failedByVitest ? ExitStatus.failed : status
  if (isAttended && shells === 0)
    progress.note(
      whyNoShell(
        facts.some(({ losses }) => losses.length > 0),
        all !== ExitStatus.passed,
      ),
    )
  // Without its blob a shard is missing when all are merged.
  attempt('the blob', recordInBlob)
  completeReports(options, { vitest, theirs }, summaries, { total, passed: all === ExitStatus.passed, find })
  return all
}

/** Milliseconds that a guest waits for gdb where nobody sees it wait. */
const UNATTENDED = 600_000

/**
 * How the run is debugged; undefined if it is not.
 * @throws UsageError if that is more than one guest
 */
function debugging(
  { gdb, break: functions = [], isolate = true }: RunOptions,
  { labels, filters, watches }: Omit<OneGuest, 'isolate'>,
  { suites, vm }: Settings,
  root: string,
): PrepareOptions['gdb'] {
  if (!gdb && functions.length === 0) return undefined
  const wrong = functions.find(each => !/^(?:[a-z_][\w.]*|[\w./+-]+:[1-9]\d*)$/i.test(each))
  if (wrong !== undefined)
    throw new UsageError(`--break: ${wrong} is neither a function nor FILE:LINE: correct it`)
  requireOneGuest('--gdb', { labels, filters, watches, isolate }, { suites, vm }, root)
  return { functions, patience: process.stdin.isTTY ? undefined : UNATTENDED }
}

/**
 * Whether the user looks around in the guest of a failed test.
 * @throws UsageError if that is more than one guest, or without a terminal
 */
function looksAround(
  { debug, gdb, break: functions = [], isolate = true }: RunOptions,
  one: Omit<OneGuest, 'isolate'>,
  settings: Settings,
  root: string,
): boolean {
  if (debug === undefined || debug === false) return false
  if (gdb || functions.length > 0)
    throw new UsageError(
      `--debug and ${gdb ? '--gdb' : '--break'} want the guest for themselves: leave one of them out`,
    )
  if (!process.stdin.isTTY || !process.stdout.isTTY)
    throw new UsageError(
      '--debug opens a shell and needs a terminal: elsewhere there is the evidence of a failure',
    )
  requireOneGuest('--debug', { ...one, isolate, test: debug }, settings, root)
  return true
}

/** What makes a run one of more than one guest. */
interface OneGuest {
  readonly labels: readonly string[]
  readonly filters: readonly string[]
  readonly watches: boolean
  readonly isolate: boolean
  /** The value of --debug. */
  readonly test?: string | boolean
}

/** @throws UsageError if the option is for more than one guest */
function requireOneGuest(
  option: '--gdb' | '--debug',
  { labels, filters, watches, isolate, test }: OneGuest,
  { suites, vm }: Pick<Settings, 'suites' | 'vm'>,
  root: string,
): void {
  if (labels.length !== 1)
    throw new UsageError(`${option} is for one kernel: choose one of ${labels.join(', ')}`)
  if (watches || !isolate || vm.isolate === 'test')
    throw new UsageError(`${option} is for one guest: leave out --watch, --no-isolate and vm.isolate`)
  const taken = typeof test === 'string' ? ` (${test} is taken for a test's name: FILE --debug)` : ''
  const all = globSync([...suites], { cwd: root, exclude: configDefaults.exclude })
  const files = all.filter(file => filters.length === 0 || filters.some(filter => file.includes(filter)))
  if (files.length > 1)
    throw new UsageError(
      `${option} is for one test file, and ${files.length} are asked for: name one of them${taken}`,
    )
}

/** Whether the command line leaves out tests that the configuration has, shards aside. */
function isPart(filters: readonly string[], given: VitestOptions, { dir, exclude }: ProjectOptions): boolean {
  const { testNamePattern, changed, lastFailed } = given
  return (
    filters.length > 0 ||
    [testNamePattern, changed, lastFailed, dir, exclude].some(each => each !== undefined)
  )
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

/** Tells each kernel's guests how many files will run, and what one guest is for. */
function foresight(
  kernels: readonly KernelOfRun[],
  use: (guests: GuestSource) => 'files' | 'file' | 'test',
): Reporter {
  return {
    onTestRunStart(specifications) {
      for (const { label, guests } of kernels.filter(isPrepared))
        guests.expect(specifications.filter(({ project }) => project.name === label).length, use(guests))
    },
  }
}

/** Why nothing ran. */
interface Nothing {
  /** No file, none in this shard's share, or no test of that name. */
  readonly reason: 'files' | 'share' | 'names'
  readonly message: string
}

/**
 * Why nothing ran, which must not look like a pass; undefined if something ran.
 * @param changeFailed whether Vitest has failed a run with --changed
 * @throws UsageError if Vitest could not look for files
 */
async function whyNothingRan(
  vitest: Vitest,
  filters: string[],
  rest: readonly string[],
  changeFailed: boolean,
): Promise<Nothing | undefined> {
  const asked = rest.length > 0 ? ` (asked for: ${rest.join(' ')})` : ''
  const modules = vitest.state.getTestModules()
  const unhandled = vitest.state.getUnhandledErrors().length
  if (modules.length === 0 && unhandled > 0)
    throw new UsageError(`Vitest could not run that${asked}: see above`)
  // Without files, Vitest fails a run with --changed only if git does.
  if (modules.length === 0 && changeFailed)
    throw new UsageError('--changed: git does not tell what has changed; its own words are above')
  const { shard } = vitest.config
  if (modules.length === 0) {
    const all = shard ? await vitest.getRelevantTestSpecifications(filters) : []
    return shard && all.length > 0
      ? {
          reason: 'share',
          message: `shard ${shard.index}/${shard.count} has no file: there are only ${all.length}${asked}`,
        }
      : { reason: 'files', message: `no test file matches${asked}` }
  }
  const { testNamePattern } = vitest.config
  if (!testNamePattern || !allSkipped(vitest)) return undefined
  return { reason: 'names', message: `no test's name matches ${testNamePattern}${asked}` }
}

/** The first filter may be a command that is mistyped, if it is in no path of a test file. */
function refuseMistyped(
  [first]: readonly string[],
  commands: readonly string[],
  globs: readonly string[],
  root: string,
): void {
  if (first === undefined || commands.includes(first)) return
  const likely = nearest(first, commands)
  if (likely === undefined) return
  const files = globSync([...globs], { cwd: root, exclude: ['**/node_modules/**'] })
  if (files.some(file => path.join(root, file).toLowerCase().includes(first.toLowerCase()))) return
  throw new UsageError(
    `${first} is neither a command nor in the path of a test file: did you mean ${likely}?`,
  )
}

/** Nothing is fetched, built or booted for a project without a test file. Vitest judges unusual globs. */
function requireSuites(globs: readonly string[], root: string): void {
  const isThere = globs.some(glob => {
    if (!/^[\w./*-]+$/.test(glob)) return true
    for (const _ of globSync([glob], { cwd: root, exclude: ['**/node_modules/**'] })) return true
    return false
  })
  if (!isThere) throw new UsageError(`no test file matches ${globs.join(', ')} in ${root}`)
}
