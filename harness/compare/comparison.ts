// SPDX-License-Identifier: MIT
/**
 * The recordings of two sides, and what differs between them in every run. One recording of each tells whether
 * anything differs at all; where it does, more of both tell what varies by itself.
 */
import type { Difference } from './difference.ts'
import { type Finding, findingKinds, isOfDump, isOfMany, isOfNlctrl, isOfValue } from './finding.ts'
import type { RecordedFile } from './recorded.ts'
import { fileCome, fileDifferences, fileGone } from './tests.ts'
import { TIMED_RUNS, type TimeChange, type Times, timeChanges } from './times.ts'

/**
 * Recordings of each side that must differ, and where a test does not do the same each time: of what comes by chance
 * half the time, one in 32 or 2048 comparisons would tell.
 */
const ENOUGH = 3
export const mostRecordings = 6

export type Side = 'base' | 'head'

/** A test file on a kernel. */
export interface Unit {
  readonly kernel: string
  readonly file: string
}

/** What varies on BASE by itself. */
export interface Variation {
  /** Places. */
  readonly varying: readonly string[]
  /** Changes, with the tests in which they come and go: threads may make them in another place each time. */
  readonly alternating: readonly string[]
}

/** The recordings of a unit. */
interface Recorded extends Unit {
  readonly base: RecordedFile[]
  readonly head: RecordedFile[]
  /** What a baseline tells of that. */
  readonly varying: Set<string>
  readonly alternating: Set<string>
  /** How long requests took in the runs of this comparison. */
  readonly times: { readonly base: Times[]; readonly head: Times[] }
}

/** What all recordings of a unit tell. */
interface Told {
  readonly unit: Recorded
  readonly differences: readonly Difference[]
  /** Tests that differ, and vary by themselves, too. */
  readonly varying: ReadonlySet<string>
  /** How many recordings of each side make it certain. */
  readonly enough: number
  readonly isDecided: boolean
}

/** Differences that one sentence tells. */
interface FoldedDifference {
  readonly first: Difference
  readonly unit: Unit
  /** The first request that shows it, if one is known. */
  readonly request: string | undefined
  readonly kernels: Set<string>
  /** As a finding's. */
  follows: boolean
  count: number
}

/** A unit that must run again, and where. */
export interface Undecided {
  readonly unit: Unit
  readonly sides: readonly Side[]
}

/** A file that neither side loads, and why. */
export interface Unloaded {
  readonly unit: Unit
  readonly reason: string
}

/** The outcome of a comparison. */
export interface Compared {
  readonly findings: readonly Finding[]
  /** The tests in which something differs that differs between runs of one side, too. */
  readonly varying: readonly string[]
}

export class Comparison {
  readonly #units = new Map<string, Recorded>()
  readonly #told = new Map<string, Told>()
  readonly #forgotten = new Set<string>()
  readonly #kernels: readonly string[]

  /** @param kernels the labels of the run */
  constructor(kernels: readonly string[]) {
    this.#kernels = kernels
  }

  /** Adds a recording. @param isKnown whether it is of an earlier comparison: its times are of another hour */
  add({ kernel, file }: Unit, side: Side, recording: RecordedFile, { isKnown = false } = {}): void {
    const key = keyOf({ kernel, file })
    if (this.#forgotten.has(key)) return
    const unit = this.#units.get(key) ?? {
      ...{ kernel, file, base: [], head: [] },
      ...{ varying: new Set<string>(), alternating: new Set<string>(), times: { base: [], head: [] } },
    }
    this.#units.set(key, unit)
    unit[side].push(recording)
    if (!isKnown && recording.times) unit.times[side].push(recording.times)
    this.#told.delete(key)
  }

  /** Tells nothing of a unit, which one side could not run. */
  forget(unit: Unit): void {
    const key = keyOf(unit)
    this.#forgotten.add(key)
    this.#units.delete(key)
  }

  /** What of a unit is known to vary on BASE. */
  addVarying(unit: Unit, { varying, alternating }: Variation): void {
    const known = this.#units.get(keyOf(unit))
    for (const point of varying) known?.varying.add(point)
    for (const change of alternating) known?.alternating.add(change)
    this.#told.delete(keyOf(unit))
  }

  /**
   * The units that must be run again before anything is certain: few that show all that differs.
   * @param isRepeatable whether a unit can be run again
   */
  undecided(isRepeatable: (unit: Unit) => boolean = () => true): Undecided[] {
    const chosen = this.#undecidedBehaviour(isRepeatable)
    const isChosen = ({ kernel, file }: Unit) =>
      chosen.some(({ unit }) => unit.kernel === kernel && unit.file === file)
    // What runs again for its behaviour tells more of its times, too.
    return [...chosen, ...this.#undecidedTimes(isRepeatable).filter(({ unit }) => !isChosen(unit))]
  }

  /** Where times are not certain: a file for each operation, of several the one in which the least is said. */
  #undecidedTimes(isRepeatable: (unit: Unit) => boolean): Undecided[] {
    const covered = new Set<string>()
    const units = [...this.#units.values()].toSorted((a, b) => saidIn(a) - saidIn(b))
    return units.flatMap((unit): Undecided[] => {
      const { kernel, file, times } = unit
      const fresh = suspicions(unit).filter(({ operation }) => !covered.has(`${kernel} ${operation}`))
      if (fresh.length === 0 || !isRepeatable(unit)) return []
      for (const { operation } of fresh) covered.add(`${kernel} ${operation}`)
      const sides = (['base', 'head'] as const).filter(side => times[side].length < TIMED_RUNS)
      return sides.length === 0 ? [] : [{ unit: { kernel, file }, sides }]
    })
  }

  #undecidedBehaviour(isRepeatable: (unit: Unit) => boolean): Undecided[] {
    const told = this.#all()
    const confirmed = this.#confirmed(told)
    const open = new Map<Told, Set<string>>()
    for (const each of told) {
      if (each.isDecided || !isRepeatable(each.unit)) continue
      const folds = each.differences.flatMap(difference =>
        isSettled(difference, each, confirmed) ? [] : [difference.fold],
      )
      if (folds.length > 0) open.set(each, new Set(folds))
    }
    const chosen: Undecided[] = []
    const covered = new Set<string>()
    for (;;) {
      const gain = (folds: ReadonlySet<string>) => [...folds].filter(fold => !covered.has(fold)).length
      const [best] = [...open].sort(([, a], [, b]) => gain(b) - gain(a))
      if (!best || gain(best[1]) === 0) return chosen
      const [{ unit, enough }, folds] = best
      const sides = (['base', 'head'] as const).filter(side => unit[side].length < enough)
      chosen.push({ unit: { kernel: unit.kernel, file: unit.file }, sides })
      for (const fold of folds) covered.add(fold)
    }
  }

  /** What differs in all recordings. */
  result(): Compared {
    const told = this.#all()
    const confirmed = this.#confirmed(told)
    const folded = new Map<string, FoldedDifference>()
    for (const each of told) {
      const settled = each.differences.filter(difference => isSettled(difference, each, confirmed))
      const causes = settled.filter(({ finding, isLater }) => finding.kind === 'behaviour' && !isLater)
      // Also where the sides ask differently after that.
      const shown = causes.length > 0 ? settled.filter(({ finding }) => finding.kind === 'behaviour') : []
      const changed = new Set(shown.flatMap(({ finding, test }) => (isOfNlctrl(finding) ? [] : [test])))
      const isLost = settled.some(({ finding }) => finding.kind === 'loss' && finding.matters)
      for (const difference of [...settled, ...certainTimes(each.unit)]) {
        const known = folded.get(difference.fold) ?? {
          ...{ first: difference, unit: each.unit, follows: true, kernels: new Set(), count: 0 },
          request: difference.finding.request ?? requestOf(difference, { settled, unit: each.unit }),
        }
        folded.set(difference.fold, known)
        known.count++
        known.kernels.add(each.unit.kernel)
        known.follows &&=
          difference.finding.kind === 'test'
            ? difference.finding.matters && (changed.has(difference.test) || (isLost && isNotRun(difference)))
            : causes.length > 0 && difference.isLater === true
      }
    }
    const findings = [...folded.values()].map(
      ({ first, unit, request, kernels, count, follows }): Finding => {
        const isAll = this.#kernels.every(label => kernels.has(label))
        return {
          ...first.finding,
          ...(request === undefined ? {} : { request }),
          kernel: isAll ? undefined : [...kernels].join(', '),
          ...(follows ? { follows } : {}),
          ...(count > 1 ? { count } : {}),
          again: `--kernel ${unit.kernel} ${unit.file}`,
        }
      },
    )
    return { findings: inOrder(findings), varying: [...new Set(told.flatMap(({ varying }) => [...varying]))] }
  }

  /** Files that have no test on either side, because they fail before: nothing of them is compared. */
  unloaded(): Unloaded[] {
    return [...this.#units.values()].flatMap(unloadedIn)
  }

  #all(): Told[] {
    return [...this.#units].map(([key, unit]) => {
      const known = this.#told.get(key) ?? tell(unit)
      this.#told.set(key, known)
      return known
    })
  }

  /** What enough recordings of some unit have in common; one sentence for several units is one behaviour. */
  #confirmed(told: readonly Told[]): ReadonlySet<string> {
    return new Set(
      told
        .filter(({ isDecided }) => isDecided)
        .flatMap(({ differences }) => differences.map(({ fold }) => fold)),
    )
  }
}

function isNotRun({ finding }: Pick<Difference, 'finding'>): boolean {
  return finding.is === 'not run'
}

/** The request of a test in which something differs: that of other behaviour, or of the only operation. */
function requestOf(
  { test, finding }: Difference,
  { settled, unit }: { readonly settled: readonly Difference[]; readonly unit: Recorded },
): string | undefined {
  if (finding.kind === 'time' || finding.kind === 'loss' || isNotRun({ finding })) return undefined
  const shown = settled.find(
    each =>
      // What is logged may come from any request of the test, and so may an event whose own one is not known.
      finding.kind !== 'log' &&
      finding.kind !== 'behaviour' &&
      each.test === test &&
      !each.isLater &&
      each.finding.request !== undefined &&
      !isOfNlctrl(each.finding),
  )
  if (shown) return shown.finding.request
  const own = unit.head[0]?.tests.find(({ name }) => `${unit.file} > ${name}` === test)
  const asked = own?.said.flatMap(({ exchanges }) => exchanges.filter(({ key }) => key !== '')) ?? []
  const [first, ...others] = asked.filter(({ operation }) => !operation.startsWith('CTRL_CMD_'))
  return others.every(({ operation }) => operation === first?.operation) ? first?.request : undefined
}

/** In the order of reports: what matters first. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  // What a dump tells may follow from what others do, and values from what is refused; what is asked differently from any change, of a family, too.
  const rank = (finding: Finding) =>
    (finding.matters ? 0 : 100) +
    findingKinds.indexOf(finding.kind) +
    (finding.follows
      ? findingKinds.length
      : isOfMany(finding)
        ? 0.5
        : isOfDump(finding)
          ? 0.25
          : isOfValue(finding)
            ? 0.125
            : 0)
  const often = ({ kind, count = 1 }: Finding) => (kind === 'behaviour' ? count : 1)
  // Tests of a file stay in its order: what breaks first may be why others do.
  const place = ({ kind, where }: Finding) => (kind === 'test' ? (where.split(' > ', 1)[0] ?? '') : where)
  return findings.toSorted(
    (a, b) => rank(a) - rank(b) || often(b) - often(a) || compareText(place(a), place(b)),
  )
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function keyOf({ kernel, file }: Unit): string {
  return JSON.stringify([kernel, file])
}

/** A test that breaks while it shows a behaviour that is known to have changed needs no second look. */
function isSettled(
  difference: Difference,
  { differences, isDecided }: Told,
  confirmed: ReadonlySet<string>,
): boolean {
  if (isDecided || confirmed.has(difference.fold)) return true
  const { kind, where } = difference.finding
  if (kind !== 'test') return false
  return differences.some(
    ({ fold, finding, test }) => finding.kind === 'behaviour' && confirmed.has(fold) && test === where,
  )
}

function tell(unit: Recorded): Told {
  const { base, head } = unit
  const [first] = base
  if (first === undefined)
    return { unit, differences: head.flatMap(fileCome), varying: new Set(), enough: 1, isDecided: true }
  const [other] = head
  if (other === undefined)
    return { unit, differences: fileGone(first), varying: new Set(), enough: 1, isDecided: true }
  const ofBase = variationOf(base)
  const ofHead = head.slice(1).flatMap(each => fileDifferences(other, each))
  const varying = new Set([...unit.varying, ...ofBase.varying])
  const alternating = new Set([...unit.alternating, ...ofBase.alternating])
  const unsteady = new Set([...[...varying].map(testOf), ...ofHead.map(({ test }) => test)])
  const [differences = [], ...more] = head.map(each => fileDifferences(first, each))
  const idOf = ({ point, fold }: Difference) => `${point} ${fold}`
  const later = more.map(each => new Set(each.map(idOf)))
  const always = differences.filter(each => later.every(ids => ids.has(idOf(each))))
  const isByChance = (each: Difference) =>
    varying.has(each.point) || alternating.has(changeIn(each)) || (each.isValue && unsteady.has(each.test))
  const left = always.filter(each => !isByChance(each))
  // What a steady test shows as well is as certain as that.
  const steady = new Set(left.filter(({ test }) => !unsteady.has(test)).map(({ fold }) => fold))
  const isUnsure = left.some(({ test, fold }) => unsteady.has(test) && !steady.has(fold))
  const enough = isUnsure ? mostRecordings : ENOUGH
  return {
    unit,
    differences: left,
    varying: new Set(always.filter(isByChance).map(({ test }) => test)),
    enough,
    isDecided: left.length === 0 || (base.length >= enough && head.length >= enough),
  }
}

/** Why neither side has a test of this file, if it fails before on both. */
function unloadedIn({ kernel, file, base, head }: Recorded): Unloaded[] {
  const [before, after] = [base[0]?.tests, head[0]?.tests]
  const [only] = after ?? []
  if (before?.length !== 1 || after?.length !== 1 || only?.name !== '') return []
  const [failure] = before[0]?.state === 'failed' ? only.failures : []
  return failure ? [{ unit: { kernel, file }, reason: failure.text }] : []
}

/** How many datagrams are sent in it, about. */
function saidIn({ base, head }: Recorded): number {
  const [some] = [...base, ...head]
  const all =
    some?.tests.flatMap(({ said }) => said.map(({ exchanges, missed }) => exchanges.length + missed)) ?? []
  return all.reduce((sum, count) => sum + count, 0)
}

/** What may take longer or less time: as the first runs tell, and all that are comparable. */
function suspicions({ base, times }: Recorded): TimeChange[] {
  const [kept] = base
  return timeChanges(times.base.length > 0 ? times.base : [kept?.times ?? {}], times.head)
}

function certainTimes({ file, times: { base, head }, head: [recorded] }: Recorded): Difference[] {
  if (base.length < TIMED_RUNS || head.length < TIMED_RUNS) return []
  return timeChanges(base, head).map(({ operation, isSlower, base: was, head: is }) => ({
    ...{ test: file, point: JSON.stringify([file, 'time', operation]), isValue: false },
    fold: JSON.stringify(['time', operation, isSlower]),
    finding: {
      ...{ kind: 'time', where: operation, was: milliseconds(was[0]), is: milliseconds(is[0]) },
      // Without numbers: the same in each run.
      text: `${operation}: a request takes ${isSlower ? 'longer' : 'less time'}`,
      matters: isSlower,
      ...requestIn(recorded, operation),
      show: `the shortest of each run, ${base.length} of each side: ${range(was)}, now ${range(is)}`,
    },
  }))
}

/** The first request that is answered so. */
function requestIn(recorded: RecordedFile | undefined, operation: string): { readonly request?: string } {
  const all = recorded?.tests.flatMap(({ said }) => said.flatMap(({ exchanges }) => exchanges)) ?? []
  const found = all.find(
    each => each.key !== '' && `${each.operation}: ${each.answers[0]?.what}` === operation,
  )
  return found ? { request: found.request } : {}
}

function range([shortest, longest]: readonly [number, number]): string {
  return `${shortest.toFixed(1)} to ${milliseconds(longest)}`
}

function milliseconds(value: number): string {
  return `${value.toFixed(1)} ms`
}

/** The test of a place. */
function testOf(point: string): string {
  const [test = ''] = JSON.parse(point) as string[]
  return test
}

/** What differs between recordings of one side. */
export function variationOf([first, ...others]: readonly RecordedFile[]): Variation {
  const [varying, alternating] = [new Set<string>(), new Set<string>()]
  if (first === undefined) return { varying: [], alternating: [] }
  for (const other of others) {
    const there = fileDifferences(first, other)
    const back = there.length === 0 ? [] : fileDifferences(other, first)
    for (const { point } of there) varying.add(point)
    for (const each of [...there, ...back]) alternating.add(changeIn(each))
  }
  return { varying: [...varying], alternating: [...alternating] }
}

/** A change in a test, wherever in it. */
function changeIn({ test, fold }: Difference): string {
  return JSON.stringify([test, fold])
}
