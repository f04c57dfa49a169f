// SPDX-License-Identifier: MIT
/** `compare`: the same work on two versions of modules, and what differs. */
import path from 'node:path'
import { ExitStatus, UsageError } from '../../base/errors.ts'
import { frontDoor } from '../../base/own-folder.ts'
import { consoleProgress, type Progress } from '../../base/progress.ts'
import { ownVersion } from '../../base/version.ts'
import { judge, readAcceptances } from '../../compare/accept.ts'
import { type Baseline, readBaseline, writeBaseline } from '../../compare/baseline.ts'
import {
  Comparison,
  inOrder,
  mostRecordings,
  type Side,
  type Unit,
  varyingPoints,
} from '../../compare/comparison.ts'
import type { Finding } from '../../compare/finding.ts'
import type { RecordedFile } from '../../compare/recorded.ts'
import { type ComparisonReport, jsonReport, markdownReport, textReport } from '../../compare/report.ts'
import {
  findName,
  haveSameSuites,
  type Named,
  nameOf,
  type OpenedSide,
  openSide,
} from '../../compare/sides.ts'
import { isPrepared, type KernelOfRun, labelsOf } from '../../prepare/matrix.ts'
import type { PreparedKernel } from '../../prepare/prepare.ts'
import type { Settings } from '../../prepare/settings.ts'
import { checkWorkerArguments } from '../../prepare/worker-arguments.ts'
import { requireWritable, writeReport } from '../../report/files.ts'
import { quoted } from '../../verdict/evidence-folder.ts'
import { parseVitestArguments } from '../vitest-command.ts'
import { type Facts, FactsOfSides } from './facts-of-sides.ts'
import { aliasesOf, identitiesOf } from './module-identities.ts'
import { type PreparedSide, prepareSide } from './prepared-side.ts'
import { ProbedSides } from './probed-sides.ts'
import { RecordedRuns } from './recorded-run.ts'
import { suiteHashes } from './suite-hashes.ts'

/** The options of `compare` beside Vitest's. */
export interface CompareOptions {
  readonly kernel?: string
  readonly matrix?: boolean
  /** Files of reports. */
  readonly json?: string
  readonly markdown?: string
  /** Changes that are wanted. */
  readonly accept?: string
  /** False: families are not probed. */
  readonly probe?: boolean
  /** A file that stands in for BASE, to write or to read. */
  readonly saveBaseline?: string
  readonly baseline?: string
}

/** Runs of each file for a baseline: what varies among them is not compared. */
const RUNS_OF_BASELINE = 3

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
  const started = performance.now()
  const { filters: words, run: given, project, execArgv } = parseVitestArguments(rest)
  const other = Object.keys(given).find(name => name !== 'testNamePattern')
  if (other !== undefined)
    throw new UsageError(`compare takes no --${other}: of Vitest's options only those of tests`)
  if (options.baseline !== undefined && options.saveBaseline !== undefined)
    throw new UsageError('--baseline and --save-baseline: one reads a baseline, the other one writes it')
  await checkWorkerArguments(execArgv)
  const { json, markdown, saveBaseline } = options
  for (const file of [json, markdown, saveBaseline]) if (file !== undefined) requireWritable(file)
  const acceptances = options.accept === undefined ? [] : readAcceptances(options.accept)
  const baseline = options.baseline === undefined ? undefined : readBaseline(options.baseline)
  const progress = consoleProgress()
  const { named, filters } = await sidesOf(words, options, root)
  const again = commandOf(words.slice(0, words.length - filters.length))
  const labels = labelsOf(options, settings)
  const { globals, disableConsoleIntercept, maxConcurrency } = project
  const worker = { execArgv, settings: { globals, disableConsoleIntercept, maxConcurrency } }

  const opened: { side: Side; opened: OpenedSide }[] = []
  for (const { side, name } of named)
    opened.push({ side, opened: await openSide(name, { root, settings }, progress.note) })
  const sides: PreparedSide[] = []
  for (const each of opened)
    sides.push(await prepareSide(each.side, each.opened, { labels, progress, worker }))
  const facts = await FactsOfSides.open(sides, progress)
  using probed = new ProbedSides(options.probe === false ? [] : sides, facts)
  const ready = sides.map(side => probed.withFiles(side))
  await using runs = await RecordedRuns.open(ready, { filters, project, vitest: given })
  const files = sides.reduce((sum, { side }) => sum + runs.files(side).length, 0)
  if (files === 0) throw new UsageError(nothingRuns(words, filters))
  const work = new Work(runs, sides, progress)
  if (saveBaseline !== undefined) return await save(saveBaseline, work, sides, facts)
  const outcome = baseline
    ? await work.withBaseline(baseline)
    : await work.compare(opened.map(each => each.opened))

  const ofModules = facts.findings(baseline && factsIn(baseline))
  const all = [...withoutOneSided(outcome.findings, probed), ...ofModules]
  const { findings, accepted, missing } = judge(
    inOrder(all).map(finding => withCommand(finding, again)),
    acceptances,
  )
  const [head] = sides.slice(-1)
  const report: ComparisonReport = {
    base: baseline ? `the baseline of ${baseline.made}` : (sides[0]?.opened.shown ?? ''),
    head: head?.opened.shown ?? '',
    kernels: (head?.kernels ?? [])
      .filter(isPrepared)
      .map(({ label, kernel }) => ({ label, release: kernel.release })),
    ...{ findings, accepted, missing, varying: outcome.varying, runs: work.counts },
    notes: [...outcome.notes, ...facts.notes, ...sides.flatMap(({ notes }) => notes)],
    total: performance.now() - started,
  }
  process.stdout.write(`${textReport(report)}\n`)
  const status = statusOf(report, sides)
  if (markdown !== undefined) writeReport(path.resolve(markdown), markdownReport(report))
  if (json !== undefined) writeReport(path.resolve(json), jsonReport(report, status))
  return status
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

/** This command, as far as it names what is compared. */
function commandOf(sides: readonly string[]): string {
  return [path.relative('', frontDoor), 'compare', ...sides].map(quoted).join(' ')
}

function withCommand(finding: Finding, command: string): Finding {
  return finding.again === undefined ? finding : { ...finding, again: `${command} ${finding.again}` }
}

function statusOf({ findings }: ComparisonReport, sides: readonly PreparedSide[]): ExitStatus {
  if (findings.some(({ matters }) => matters)) return ExitStatus.failed
  const isWhole = sides.every(({ kernels }) => kernels.every(isPrepared))
  return isWhole ? ExitStatus.passed : ExitStatus.machinery
}

/** The sides that the first words name; what names none is a filter. */
async function sidesOf(
  words: readonly string[],
  { baseline, saveBaseline }: CompareOptions,
  root: string,
): Promise<{ readonly named: { readonly side: Side; readonly name: Named }[]; readonly filters: string[] }> {
  const [first, second] = words
  if (baseline !== undefined || saveBaseline !== undefined) {
    const side = baseline === undefined ? 'base' : 'head'
    const only = first === undefined ? undefined : await findName(first, root)
    return { named: [{ side, name: only ?? 'work tree' }], filters: words.slice(only ? 1 : 0) }
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
    filters: words.slice(head ? 2 : 1),
  }
}

function nothingRuns(words: readonly string[], filters: readonly string[]): string {
  const [first] = filters
  if (first !== undefined)
    return `no test file matches ${filters.join(' ')}${words.length > filters.length ? `, and ${first} is neither a revision nor a folder of modules` : ''}`
  return 'there is no test file, and the modules register no family of generic netlink to probe: nothing can be compared'
}

/** What was found, with what is not certain. */
interface Outcome {
  readonly findings: readonly Finding[]
  readonly varying: number
  readonly notes: readonly string[]
}

/** Runs what has to be run, and no more. */
class Work {
  readonly #runs: RecordedRuns
  readonly #sides: readonly PreparedSide[]
  readonly #progress: Progress
  readonly counts = { files: 0, both: 0, again: 0 }

  constructor(runs: RecordedRuns, sides: readonly PreparedSide[], progress: Progress) {
    this.#runs = runs
    this.#sides = sides
    this.#progress = progress
  }

  /** Both sides: BASE, then what may differ on HEAD, then again what does. */
  async compare([base, head]: readonly OpenedSide[]): Promise<Outcome> {
    const comparison = new Comparison(this.#labels)
    const all = this.#runs.files('base')
    const first = await this.run(
      'BASE',
      all.map(unit => ({ side: 'base', unit })),
    )
    for (const { unit, recorded } of first) comparison.add(unit, 'base', recorded)
    const isSame = base && head ? await haveSameSuites(base, head) : false
    const recordings = new Map(first.map(({ unit, recorded }) => [keyOf(unit), recorded]))
    const unchanged = (unit: Unit) => {
      const recorded = recordings.get(keyOf(unit))
      return isSame && recorded && this.#isUnchanged(unit, recorded) ? recorded : undefined
    }
    const ofHead = this.#runs.files('head')
    for (const unit of ofHead) {
      const recorded = unchanged(unit)
      if (recorded) comparison.add(unit, 'head', recorded)
    }
    const changed = ofHead.filter(unit => !unchanged(unit))
    const second = await this.run(
      'HEAD',
      changed.map(unit => ({ side: 'head', unit })),
    )
    for (const { unit, recorded } of second) comparison.add(unit, 'head', recorded)
    this.counts.files = new Set([...all, ...ofHead].map(keyOf)).size
    this.counts.both = changed.length
    await this.#decide(comparison, ['base', 'head'])
    const notes = changed.length === 0 ? ['what files can load is the same on both sides: they ran once'] : []
    return { ...comparison.result(), notes }
  }

  /** HEAD beside what a baseline tells. */
  async withBaseline(baseline: Baseline): Promise<Outcome> {
    const comparison = new Comparison(this.#labels)
    const notes: string[] = []
    const [head] = this.#sides
    const all = this.#runs.files('head')
    const hashes = head ? await suiteHashes(head, all) : {}
    const isSameHarness = baseline.harness === ownVersion()
    if (!isSameHarness)
      notes.push(`the baseline was made by version ${baseline.harness}: what it says of itself may differ`)
    const changed: Unit[] = []
    const differing = new Set<string>()
    for (const { label, kernel, delivery } of this.#prepared('head')) {
      const known = baseline.kernels.find(each => each.label === label)
      if (!known) {
        notes.push(`the baseline has no ${label}: its files are not compared`)
        continue
      }
      const isSameKernel = known.id === kernel.id
      if (!isSameKernel)
        notes.push(
          `the baseline of ${label} was made on ${known.release}, this is ${kernel.release}: the kernel may be what differs`,
        )
      const identities = identitiesOf(delivery)
      const isSame = (recorded: RecordedFile) =>
        isSameHarness &&
        isSameKernel &&
        hashes[''] !== undefined &&
        hashes[''] === baseline.suites[''] &&
        recorded.modules?.every(name => identities.get(name) === known.modules[name])
      for (const unit of all.filter(each => each.kernel === label)) {
        const file = known.files.find(({ recorded }) => recorded.file === unit.file)
        if (!file) {
          notes.push(`${unit.file} is not in the baseline of ${label}`)
          continue
        }
        for (let times = 0; times < mostRecordings; times++) comparison.add(unit, 'base', file.recorded)
        comparison.addVarying(unit, file.varying)
        if (hashes[unit.file] !== baseline.suites[unit.file]) differing.add(unit.file)
        if (isSame(file.recorded)) comparison.add(unit, 'head', file.recorded)
        else changed.push(unit)
      }
    }
    if (differing.size > 0)
      notes.push(`${[...differing].join(', ')}: changed since the baseline, compared in what both ask`)
    const ran = await this.run(
      'HEAD',
      changed.map(unit => ({ side: 'head', unit })),
    )
    for (const { unit, recorded } of ran) comparison.add(unit, 'head', recorded)
    this.counts.files = all.length
    this.counts.both = changed.length
    await this.#decide(comparison, ['head'])
    return { ...comparison.result(), notes }
  }

  /** All files of BASE, so often that it is known what varies. */
  async forBaseline(): Promise<Map<string, { unit: Unit; recordings: RecordedFile[] }>> {
    const all = new Map<string, { unit: Unit; recordings: RecordedFile[] }>()
    const units = this.#runs.files('base')
    for (let times = 0; times < RUNS_OF_BASELINE; times++)
      for (const { unit, recorded } of await this.run(
        'BASE',
        units.map(unit => ({ side: 'base', unit })),
      )) {
        const known = all.get(keyOf(unit)) ?? { unit, recordings: [] }
        known.recordings.push(recorded)
        all.set(keyOf(unit), known)
      }
    return all
  }

  run(title: string, wanted: readonly { readonly side: Side; readonly unit: Unit }[]) {
    if (wanted.length === 0) return Promise.resolve([])
    const { length } = wanted
    return this.#progress.step(`run ${title}: ${length} ${length === 1 ? 'file' : 'files'}`, () =>
      this.#runs.run(wanted),
    )
  }

  /** Repeats what differs, until it is known whether it always does. */
  async #decide(comparison: Comparison, sides: readonly Side[]): Promise<void> {
    const silent = new Set<string>()
    const isRepeatable = (unit: Unit) => !silent.has(keyOf(unit))
    for (;;) {
      const units = comparison.undecided(isRepeatable)
      if (units.length === 0) return
      const wanted = units.flatMap(unit => sides.map(side => ({ side, unit })))
      this.counts.again += wanted.length
      const ran = await this.run(`again ${namesOf(units)}`, wanted)
      for (const { unit, side, recorded } of ran) comparison.add(unit, side, recorded)
      for (const unit of units)
        if (!ran.some(each => keyOf(each.unit) === keyOf(unit))) silent.add(keyOf(unit))
    }
  }

  /** Whether all that a file has loaded is the same on both sides. */
  #isUnchanged({ kernel }: Unit, { modules }: RecordedFile): boolean {
    const [base, head] = (['base', 'head'] as const).map(side =>
      this.#prepared(side).find(({ label }) => label === kernel),
    )
    if (!base || !head || modules === undefined || base.kernel.id !== head.kernel.id) return false
    if (aliasesOf(base.delivery) !== aliasesOf(head.delivery)) return false
    const [a, b] = [identitiesOf(base.delivery), identitiesOf(head.delivery)]
    return modules.every(name => a.get(name) !== undefined && a.get(name) === b.get(name))
  }

  #prepared(side: Side): PreparedKernel[] {
    const kernels: readonly KernelOfRun[] = this.#sides.find(each => each.side === side)?.kernels ?? []
    return kernels.filter(isPrepared)
  }

  get #labels(): string[] {
    return [...new Set(this.#sides.flatMap(({ side }) => this.#prepared(side).map(({ label }) => label)))]
  }
}

async function save(
  place: string,
  work: Work,
  sides: readonly PreparedSide[],
  facts: FactsOfSides,
): Promise<ExitStatus> {
  const recorded = [...(await work.forBaseline()).values()]
  const [side] = sides
  if (!side) return ExitStatus.machinery
  const kernels = side.kernels.filter(isPrepared).map(({ label, kernel, delivery }) => ({
    ...{ label, release: kernel.release, id: kernel.id },
    modules: Object.fromEntries(identitiesOf(delivery)),
    facts: facts.of('base').get(label),
    files: recorded.flatMap(({ unit, recordings }) => {
      const [first] = recordings
      return unit.kernel === label && first ? [{ recorded: first, varying: varyingPoints(recordings) }] : []
    }),
  }))
  const suites = await suiteHashes(
    side,
    recorded.map(({ unit }) => unit),
  )
  writeBaseline(path.resolve(place), { harness: ownVersion(), made: side.opened.shown, suites, kernels })
  const varying = kernels.flatMap(({ files }) => files.flatMap(each => each.varying)).length
  process.stdout.write(
    `${place}: the baseline of ${side.opened.shown}: ${recorded.length} ${recorded.length === 1 ? 'file' : 'files'}; ${varying} places vary by themselves\n`,
  )
  return side.kernels.every(isPrepared) ? ExitStatus.passed : ExitStatus.machinery
}

function keyOf({ kernel, file }: Unit): string {
  return JSON.stringify([kernel, file])
}

/** The files' names; of many the first ones. */
function namesOf(units: readonly Unit[]): string {
  const names = [...new Set(units.map(({ file }) => path.basename(file).replace(/\.test\.ts$/, '')))]
  return names.length > 4
    ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} others`
    : names.join(', ')
}
