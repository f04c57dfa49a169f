// SPDX-License-Identifier: MIT
/** What is run for a comparison: as little as makes it certain. */
import path from 'node:path'
import { MachineryError } from '../../base/errors.ts'
import type { Progress } from '../../base/progress.ts'
import { ownVersion } from '../../base/version.ts'
import type { Baseline } from '../../compare/baseline.ts'
import { Comparison, mostRecordings, type Side, type Unit, variationOf } from '../../compare/comparison.ts'
import type { Finding } from '../../compare/finding.ts'
import type { RecordedFile } from '../../compare/recorded.ts'
import { haveSameSuites, titleOf } from '../../compare/sides.ts'
import { isPrepared, type KernelOfRun } from '../../prepare/matrix.ts'
import type { PreparedKernel } from '../../prepare/prepare.ts'
import type { KnownRecordings } from './known-recordings.ts'
import { aliasesOf, identitiesOf } from './module-identities.ts'
import type { PreparedSide } from './prepared-side.ts'
import type { Lost, Ran, RecordedRuns, Wanted } from './recorded-run.ts'
import { suiteHashes } from './suite-hashes.ts'

/** Runs of each file for a baseline: what varies among them is not compared. Where something does, it runs more often. */
const RUNS_OF_BASELINE = 3

/** What was found, with what is not certain. */
export interface Outcome {
  readonly findings: readonly Finding[]
  readonly varying: readonly string[]
  readonly notes: readonly string[]
  /** Files that a side could not run, and what is not compared for that or another reason, a line each. */
  readonly lost: readonly string[]
}

/** Runs what has to be run, and no more. */
export class Work {
  readonly #runs: RecordedRuns
  readonly #sides: readonly PreparedSide[]
  readonly #progress: Progress
  readonly counts = { files: 0, both: 0, again: 0 }
  readonly #lost: Lost[] = []

  constructor(runs: RecordedRuns, sides: readonly PreparedSide[], progress: Progress) {
    this.#runs = runs
    this.#sides = sides
    this.#progress = progress
  }

  /**
   * Both sides: BASE, then what may differ on HEAD, then again what does.
   * @param known of BASE, from earlier comparisons
   */
  async compare(known: KnownRecordings): Promise<Outcome> {
    const comparison = new Comparison(this.#labels)
    const all = this.#runs.files('base')
    const recordings = new Map<string, RecordedFile>()
    const unknown: Unit[] = []
    for (const unit of all) {
      const [first, ...others] = known.of(unit)
      if (first) recordings.set(keyOf(unit), first)
      else unknown.push(unit)
      for (const recorded of first ? [first, ...others] : [])
        comparison.add(unit, 'base', recorded, { isKnown: true })
    }
    const ran = await this.run(
      'BASE',
      unknown.map(unit => ({ side: 'base', unit })),
    )
    for (const { unit, recorded } of ran) {
      comparison.add(unit, 'base', recorded)
      recordings.set(keyOf(unit), recorded)
      known.add(unit, recorded)
    }
    known.keep()
    const [base, head] = this.#sides
    const isSame = base && head ? await haveSameSuites(base.opened, head.opened) : false
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
    await this.#decide(comparison, known)
    const skipped = all.length - unknown.length
    const notes = [
      ...(changed.length === 0 ? ['what files can load is the same on both sides: they ran once'] : []),
      ...(skipped > 0
        ? [`BASE did not run: ${skipped} of its files are known from earlier comparisons`]
        : []),
    ]
    return this.#outcome(comparison, notes)
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
    const unknown: string[] = []
    const differing = new Set<string>()
    let same = 0
    for (const { label, kernel, delivery } of this.#prepared('head')) {
      const known = baseline.kernels.find(each => each.label === label)
      if (!known) {
        unknown.push(`the baseline has no ${label}: its files are not compared`)
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
      const ofKernel = all.filter(each => each.kernel === label)
      if (!ofKernel.some(unit => known.files.some(({ recorded }) => recorded.file === unit.file))) {
        unknown.push(`the baseline of ${label} has none of these files: they are not compared`)
        continue
      }
      for (const unit of ofKernel) {
        const file = known.files.find(({ recorded }) => recorded.file === unit.file)
        if (!file) {
          notes.push(`${unit.file} is not in the baseline of ${label}`)
          continue
        }
        // Times say nothing on another machine, and BASE does not run.
        const timeless = { ...file.recorded, times: undefined }
        for (let times = 0; times < mostRecordings; times++) comparison.add(unit, 'base', timeless)
        comparison.addVarying(unit, file)
        if (hashes[unit.file] !== baseline.suites[unit.file]) differing.add(unit.file)
        if (isSame(file.recorded)) {
          comparison.add(unit, 'head', file.recorded)
          same++
        } else changed.push(unit)
      }
    }
    if (same > 0 && changed.length === 0)
      notes.push('what files can load is the same as for the baseline: nothing had to run')
    if (differing.size > 0)
      notes.push(`${[...differing].join(', ')}: changed since the baseline, compared in what both ask`)
    const ran = await this.run(
      'HEAD',
      changed.map(unit => ({ side: 'head', unit })),
    )
    for (const { unit, recorded } of ran) comparison.add(unit, 'head', recorded)
    this.counts.files = all.length
    this.counts.both = changed.length
    await this.#decide(comparison)
    return this.#outcome(comparison, notes, unknown)
  }

  /** All files of BASE, so often that it is known what varies. @throws MachineryError if one cannot run */
  async forBaseline(): Promise<Map<string, { unit: Unit; recordings: RecordedFile[] }>> {
    const all = new Map<string, { unit: Unit; recordings: RecordedFile[] }>()
    const units = this.#runs.files('base')
    const varies = (unit: Unit) => variationOf(all.get(keyOf(unit))?.recordings ?? []).varying.length > 0
    for (let times = 0; times < mostRecordings; times++) {
      const wanted = times < RUNS_OF_BASELINE ? units : units.filter(varies)
      for (const { unit, recorded } of await this.run(
        'BASE',
        wanted.map(unit => ({ side: 'base', unit })),
      )) {
        const known = all.get(keyOf(unit)) ?? { unit, recordings: [] }
        known.recordings.push(recorded)
        all.set(keyOf(unit), known)
      }
    }
    const [lost] = this.#lost.map(each => this.#lineOf(each))
    if (lost !== undefined) throw new MachineryError(`there is no baseline: ${lost}`)
    return all
  }

  async run(title: string, wanted: readonly Wanted[]): Promise<readonly Ran[]> {
    if (wanted.length === 0) return []
    const { length } = wanted
    const { ran, lost } = await this.#progress.step(
      `run ${title}: ${length} ${length === 1 ? 'file' : 'files'}`,
      () => this.#runs.run(wanted),
    )
    this.#lost.push(...lost)
    return ran
  }

  /** @param unknown what BASE does not tell, a line each */
  #outcome(comparison: Comparison, notes: readonly string[], unknown: readonly string[] = []): Outcome {
    for (const { unit } of this.#lost) comparison.forget(unit)
    const { findings, varying } = comparison.result()
    const lost = [
      ...unknown,
      ...this.#lost.map(each => this.#lineOf(each)),
      ...comparison
        .unloaded()
        .map(({ unit, reason }) => `neither side loads ${unit.file} on ${unit.kernel}: ${reason}`),
    ]
    return { findings, varying, notes, lost }
  }

  #lineOf({ side, unit, reason }: Lost): string {
    const opened = this.#sides.find(each => each.side === side)?.opened ?? { shown: '' }
    return `${titleOf(side, opened)}, did not get through ${unit.file} on ${unit.kernel}: ${reason}`
  }

  /** Repeats what differs, until it is known whether it always does. */
  async #decide(comparison: Comparison, known?: KnownRecordings): Promise<void> {
    const silent = new Set<string>()
    const isRepeatable = (unit: Unit) => !silent.has(keyOf(unit))
    for (;;) {
      for (const { unit } of this.#lost) comparison.forget(unit)
      const units = comparison.undecided(isRepeatable)
      if (units.length === 0) return
      const wanted = units.flatMap(({ unit, sides }) => sides.map(side => ({ side, unit })))
      this.counts.again += wanted.length
      const ran = await this.run(`again ${namesOf(units.map(({ unit }) => unit))}`, wanted)
      for (const { unit, side, recorded } of ran) {
        comparison.add(unit, side, recorded)
        if (side === 'base') known?.add(unit, recorded)
      }
      known?.keep()
      for (const { unit } of units)
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
