// SPDX-License-Identifier: MIT
import { MachineryError } from '../base/errors.ts'
import type { KernelLog, KernelLogRecord } from '../guest/kernel-log.ts'
import type { Decoder } from './decode.ts'
import { describeReport, headOf, type KernelReport, reportOf } from './describe-splat.ts'
import { lostLog } from './kinds.ts'
import { KnownReports } from './known-reports.ts'
import { linesOf, linesOfRecord } from './log-text.ts'
import { foldObjects } from './lost-memory.ts'
import { type Counted, countSplats, findSplats, type Splat, SplatScanner } from './splats.ts'
import { explainTaint, testTaint } from './taint.ts'

/** A report that a test expects (expectSplat): a kind by its name, or a report whose text matches. */
export interface Expectation {
  readonly kind?: string
  readonly pattern?: { readonly source: string; readonly flags: string }
}

/** A failure that the kernel's reports add to a test or file. */
export interface Failure {
  readonly name: 'KernelSplat' | 'ExpectedSplat' | 'KernelTaint' | 'Leak'
  readonly message: string
  /** The report of a KernelSplat. */
  readonly report?: KernelReport
}

/** What a file has left behind in its guest. */
export interface Remains {
  /** /proc/sys/kernel/tainted */
  readonly taint: number
  /** References, sockets, processes and files, one line each. */
  readonly leaks: readonly string[]
  /** kmemleak's report; empty without one, or without kmemleak. */
  readonly memory: string
}

/** Milliseconds that the kernel log may be late: it has a port of its own, apart from the tests' messages. */
const LOG_LIMIT = 15_000

/** How many reports of a lost guest are shown with source lines. */
const LAST_WORDS = 3

/** A running test: a kernel report belongs to all running tests. */
interface Running {
  start: number
  readonly splats: Splat[]
}

/**
 * Decides what the kernel log means for the tests of a file: a report belongs to the tests that ran at its
 * first record, and between tests to the file.
 */
export class Judge {
  readonly #log: KernelLog
  readonly #decoder: Decoder | undefined
  readonly #known: KnownReports
  readonly #scanner = new SplatScanner()
  /** Gaps in the log, with the number of missing records. */
  readonly #gaps = new Map<Splat, number>()
  readonly #newGaps: Splat[] = []
  readonly #running = new Map<string, Running>()
  readonly #ofFile: Splat[] = []
  /** The taint flags that this file's reports explain. */
  readonly #explained = new Set<number>()
  #fileStart = 0
  #hasKnown = false
  #taint = 0
  readonly #onRecord = (record: KernelLogRecord) => {
    if (record.sequence >= this.#fileStart && reportsOfKunit(record)) this.#explained.add(testTaint)
    for (const line of linesOfRecord(record)) this.#scanner.push(line)
  }
  readonly #onGap = (first: number, last: number) => {
    const gap = { kind: lostLog, title: '', sequence: first, lines: [], frames: [], key: lostLog, taint: [] }
    this.#gaps.set(gap, last - first + 1)
    this.#newGaps.push(gap)
  }

  /** @param known reports that fail nothing */
  constructor(log: KernelLog, decoder: Decoder | undefined, known = new KnownReports([])) {
    this.#log = log
    this.#known = known
    this.#decoder = decoder
    log.on('record', this.#onRecord).on('gap', this.#onGap)
  }

  /** Whether a known report has come since the file began: its guest is not as it was. */
  get hasKnown(): boolean {
    return this.#hasKnown
  }

  close(): void {
    this.#log.off('record', this.#onRecord).off('gap', this.#onGap)
  }

  /**
   * A file begins: earlier reports are not its own.
   * @param sequence the number of the next record
   * @param taint /proc/sys/kernel/tainted
   */
  fileStarted(sequence: number, taint: number): void {
    this.#log.beginAt(sequence)
    this.#fileStart = sequence
    this.#hasKnown = false
    this.#taint = taint
    this.#running.clear()
    this.#ofFile.length = 0
    this.#explained.clear()
  }

  testStarted(test: string, sequence: number): void {
    const running = this.#running.get(test)
    if (running) running.start = sequence
    else this.#running.set(test, { start: sequence, splats: [] })
  }

  /** An attempt of a test, with its after hooks, has ended: judges unexpected and missing reports. */
  async attemptEnded(
    test: string,
    sequence: number,
    expected: readonly Expectation[] = [],
  ): Promise<Failure[]> {
    await this.#take(sequence)
    const running = this.#running.get(test)
    const splats = running?.splats.splice(0) ?? []
    const failures: Failure[] = []
    for (const expectation of expected) {
      if (splats.some(splat => matches(splat, expectation))) continue
      const log = this.#log.since(running?.start ?? 0, 30)
      const said = log ? `the kernel log of its time:\n${log}` : 'the kernel logged nothing'
      const message = `the kernel did not report ${shown(expectation)}, which this test expects; ${said}`
      failures.push({ name: 'ExpectedSplat', message })
    }
    const unexpected = splats.filter(splat => !expected.some(expectation => matches(splat, expectation)))
    return [...failures, ...(await this.#describe(unexpected))]
  }

  /** A test has ended: judges what came after its last attempt, in the cleanup of its fixtures. */
  async testEnded(test: string, sequence: number): Promise<Failure[]> {
    const failures = await this.attemptEnded(test, sequence)
    this.#running.delete(test)
    return failures
  }

  /** A test has ended, and no line that the kernel logged since its last attempt began can begin a report. */
  testEndedInPeace(test: string): void {
    this.#running.delete(test)
  }

  /**
   * Judges what belongs to the file and none of its tests, up to this record; can be called again for later
   * records.
   * @param left what the file has left behind, if that is known
   */
  async fileEnded(sequence: number, left?: Remains): Promise<Failure[]> {
    await this.#take(sequence)
    const failures = await this.#describe(this.#ofFile.splice(0))
    if (left === undefined) return failures
    const { taint, leaks } = left
    if (leaks.length > 0)
      failures.push({ name: 'Leak', message: `the file leaves behind:\n  ${leaks.join('\n  ')}` })
    failures.push(...(await this.memoryLost(left.memory)))
    const explanation = explainTaint(taint & ~this.#taint, this.#explained)
    this.#taint |= taint
    return explanation ? [...failures, { name: 'KernelTaint', message: explanation }] : failures
  }

  /** Judges kmemleak's report. */
  async memoryLost(report: string): Promise<Failure[]> {
    const memory = (await this.#decoder?.named(report)) ?? report
    const lost = findSplats(linesOf(memory))
    const unknown = this.#unknown(lost)
    if (!memory || (unknown.length === 0 && lost.length > 0)) return []
    return [{ name: 'Leak', message: await this.#describeMemory(memory, unknown) }]
  }

  /**
   * The unjudged reports of a lost guest, with their source lines in the modules. The console has the last
   * ones: when a kernel dies, no process sends its log any more.
   */
  async lastWords(console: string): Promise<KernelReport[]> {
    this.#distribute(Infinity)
    const logged = [...this.#ofFile, ...[...this.#running.values()].flatMap(({ splats }) => splats)]
    const shown = findSplats(linesOf(console))
    const withStack = (splats: readonly Splat[]) => splats.filter(({ frames }) => frames.length > 0)
    const splats = [withStack(shown), withStack(logged), shown, logged].find(({ length }) => length > 0) ?? []
    return await this.#reports(countSplats(splats).slice(-LAST_WORDS))
  }

  async #take(sequence: number): Promise<void> {
    if (!(await this.#log.arrivedUpTo(sequence, LOG_LIMIT)))
      throw new MachineryError(
        `the kernel log up to record ${sequence - 1} did not arrive within ${LOG_LIMIT / 1000} s (it is at ${this.#log.next - 1})`,
      )
    this.#distribute(sequence)
  }

  #distribute(before: number): void {
    for (const splat of [...this.#newGaps.splice(0), ...this.#scanner.take(before)]) {
      if (splat.sequence < this.#fileStart) continue
      for (const bit of splat.taint) this.#explained.add(bit)
      const owners = [...this.#running.values()].filter(({ start }) => start <= splat.sequence)
      for (const { splats } of owners) splats.push(splat)
      if (owners.length === 0) this.#ofFile.push(splat)
    }
  }

  /** kmemleak's report, with the source lines that allocated the memory. */
  async #describeMemory(report: string, splats: readonly Splat[]): Promise<string> {
    const heads = (await this.#reports(countSplats(splats))).map(headOf)
    return `memory that nothing points to any more (kmemleak):\n${heads.join('\n')}\n\n${foldObjects(report)}`
  }

  #reports(counted: readonly Counted[]): Promise<KernelReport[]> {
    return Promise.all(counted.map(each => reportOf(each, this.#decoder)))
  }

  /** Those that fail something. */
  #unknown(splats: readonly Splat[]): Splat[] {
    const unknown = splats.filter(splat => !this.#known.has(splat))
    this.#hasKnown ||= unknown.length < splats.length
    return unknown
  }

  async #describe(all: readonly Splat[]): Promise<Failure[]> {
    const splats = this.#unknown(all)
    const gaps = splats.filter(splat => this.#gaps.has(splat))
    const reports = await this.#reports(countSplats(splats.filter(splat => !this.#gaps.has(splat))))
    const failures = reports.map(
      (report): Failure => ({ name: 'KernelSplat', message: describeReport(report), report }),
    )
    if (gaps.length > 0) {
      const lost = gaps.reduce((sum, gap) => sum + (this.#gaps.get(gap) ?? 0), 0)
      const message = `${lostLog}: ${lost} records of the kernel log were overwritten before they could be read: what the kernel reported among them is not known. Log less, or declare it: expectSplat('${lostLog}')`
      failures.push({ name: 'KernelSplat', message })
    }
    return failures
  }
}

function matches(splat: Splat, { kind, pattern }: Expectation): boolean {
  if (kind !== undefined) return splat.kind.toLowerCase() === kind.toLowerCase()
  return (
    pattern !== undefined &&
    new RegExp(pattern.source, pattern.flags.replaceAll(/[gy]/g, '')).test(
      [splat.title, ...splat.lines].join('\n'),
    )
  )
}

function shown({ kind, pattern }: Expectation): string {
  return kind ?? `/${pattern?.source}/${pattern?.flags}`
}

/** The head of KUnit's reports. */
function reportsOfKunit({ facility, text }: KernelLogRecord): boolean {
  return facility === 0 && /^K?TAP version /.test(text)
}
