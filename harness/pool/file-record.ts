// SPDX-License-Identifier: MIT
import path from 'node:path'
import type { RunnerTask, RunnerTestFile } from 'vitest'
import { generateFileHash } from 'vitest/node'
import type { TestOutcome } from '../../guest/agent/protocol.ts'
import { type KernelLog, missingRecords } from '../guest/kernel-log.ts'
import type { Failure } from '../verdict/judge.ts'
import { filesOf, type RpcRequest, type TaskEventPack, type TaskPack } from './messages.ts'
import { type Interruption, lostError, reportUnfinished } from './unfinished.ts'
import { poolName } from './worker-events.ts'

declare module 'vitest' {
  interface TaskMeta {
    /** Of a test: the kernel log of its time, as dmesg shows it; the end of a long one. Recorded: all, as dmesg -r does. */
    kernelLog?: string
  }
}

/** Records of the kernel log that a test has in reports, and characters of all tests of a file. */
const LOG_RECORDS = 100
const MOST_LOG = 1024 * 1024

/** The parts of a Vitest project that decide a file's name. */
export interface FileNaming {
  readonly root: string
  readonly name: string
}

/**
 * What is known about the files of one request: what Vitest has been told, and what it must still be told.
 */
export class FileRecord {
  readonly #naming: FileNaming
  readonly #files = new Map<string, RunnerTestFile>()
  readonly #lastEvents = new Map<string, string>()
  readonly #results = new Map<string, TaskPack>()
  readonly #outcomes = new Map<string, TestOutcome>()
  readonly #marks: { readonly sequence: number; readonly test: string; readonly what: 'begins' | 'ends' }[] =
    []
  /** By the id of tests that have failed. */
  readonly #kernelLogs = new Map<string, string>()
  #running: string | undefined
  #runningSince = 0

  readonly #isRecorded: boolean

  /** @param isRecorded whether its logs are compared with others, whole and with levels */
  constructor(naming: FileNaming, isRecorded = false) {
    this.#naming = naming
    this.#isRecorded = isRecorded
  }

  /** The file, once its worker has named it. */
  get file(): RunnerTestFile | undefined {
    return [...this.#files.values()].at(-1)
  }

  /** The file's name, from the project's root. */
  get name(): string | undefined {
    return this.file && path.relative(this.#naming.root, this.file.filepath)
  }

  /** The running test's id. */
  get running(): string | undefined {
    return this.#running
  }

  /** Records what the worker tells Vitest. */
  remember(request: RpcRequest): void {
    for (const file of filesOf(request)) this.#files.set(file.id, file)
    if (request.m !== 'onTaskUpdate') return
    const [packs, events] = request.a as [TaskPack[], TaskEventPack[]]
    for (const pack of packs) this.#results.set(pack[0], pack)
    for (const [id, event] of events) this.#lastEvents.set(id, event)
  }

  /** The full name of a test; its id, if nobody has told of it. */
  nameOf(test: string): string {
    return this.#names().get(test) ?? test
  }

  /** @param sequence the first kernel log record of the test's time */
  testStarted(test: string, sequence: number): void {
    this.#marks.push({ sequence, test, what: 'begins' })
    this.#running = test
    this.#runningSince = Date.now()
  }

  /** @param sequence the first kernel log record after the test's time */
  testMarkedAsEnded(test: string, sequence: number): void {
    this.#marks.push({ sequence, test, what: 'ends' })
  }

  testEnded(test: string, outcome: TestOutcome | undefined, failures: readonly Failure[] = []): void {
    const judged = withFailures(outcome, failures)
    if (judged) this.#outcomes.set(test, judged)
    if (this.#running === test) this.#running = undefined
  }

  /** A test has failed, and not ended yet. */
  testFailed(test: string, outcome: TestOutcome): void {
    this.#outcomes.set(test, outcome)
  }

  /**
   * Whether all tests ended without any failure, also of an attempt that a retry made good: another file can
   * use the guest.
   */
  get allWell(): boolean {
    const results = [...this.#results.values()].map(([, result]) => result)
    return (
      results.every(result => result?.state !== 'fail' && !result?.errors?.length && !result?.retryCount) &&
      [...this.#files.values()].every(file => this.#lastEvents.get(file.id) === 'suite-finished')
    )
  }

  /**
   * The file's result, which Vitest has been told already, turned into a failure; undefined if no file is
   * known.
   */
  fileFailed(failures: readonly { name: string; message: string }[]): TaskPack | undefined {
    const { file } = this
    if (!file) return undefined
    const [, result, meta] = this.#results.get(file.id) ?? [file.id, undefined, file.meta]
    const errors = [...(result?.errors ?? []), ...failures.map(failure => ({ ...failure, stack: '' }))]
    const pack: TaskPack = [file.id, { ...result, state: 'fail', errors }, meta]
    this.#results.set(file.id, pack)
    return pack
  }

  /**
   * Adds a file that the guest has not reported, as Vitest's createFileTask makes it; undefined if it is
   * known.
   */
  addUnheard(filepath: string): RunnerTestFile | undefined {
    if ([...this.#files.values()].some(file => file.filepath === filepath)) return undefined
    const name = path.relative(this.#naming.root, filepath)
    const file = {
      id: generateFileHash(name, this.#naming.name),
      name,
      fullName: name,
      type: 'suite',
      mode: 'run',
      filepath,
      tasks: [],
      meta: {},
      projectName: this.#naming.name,
      pool: poolName,
    } as unknown as RunnerTestFile
    file.file = file
    this.#files.set(file.id, file)
    return file
  }

  /** What Vitest must be told so that no test stays open when the guest is gone: those are results, too. */
  unfinished(interruption: Interruption): [TaskPack[], TaskEventPack[]] {
    const seen = {
      files: this.#files.values(),
      lastEvents: this.#lastEvents,
      outcomes: this.#outcomes,
      running: this.#running,
      since: this.#runningSince,
    }
    const [packs, events] = reportUnfinished(seen, interruption)
    for (const pack of packs) this.#results.set(pack[0], pack)
    if (packs.length > 0) return [packs, events]
    // The guest was lost after the last test, before its release.
    const late = this.fileFailed([lostError(interruption)])
    return [late ? [late] : [], events]
  }

  /** The results of tests in whose time the kernel has logged something, with that; not those of a lost guest. */
  withKernelLogs(log: Pick<KernelLog, 'since' | 'raw'>): TaskPack[] {
    let left = MOST_LOG
    return [...this.#results.values()].flatMap(([id, result, meta]): TaskPack[] => {
      // Records that came after the test's end, and those that have been driven out since.
      const [late, early = ''] = [this.#kernelLogOf(id, log), this.#kernelLogs.get(id)]
      const kernelLog = late.length > early.length ? late : early
      left -= kernelLog.length
      const isLeftOut = left < 0 && !this.#isRecorded
      return kernelLog === '' || isLeftOut ? [] : [[id, result, { ...meta, kernelLog }]]
    })
  }

  /** A test has failed: later records may drive those of its time out of the log. */
  keepKernelLog(test: string, log: Pick<KernelLog, 'since' | 'raw'>): void {
    this.#kernelLogs.set(test, this.#kernelLogOf(test, log))
  }

  #kernelLogOf(test: string, log: Pick<KernelLog, 'since' | 'raw'>): string {
    const marks = this.#marks.filter(mark => mark.test === test)
    const begins = marks.find(({ what }) => what === 'begins')?.sequence
    const ends = marks.findLast(({ what }) => what === 'ends')?.sequence
    if (begins === undefined || ends === undefined) return ''
    return this.#isRecorded ? (log.raw(begins, ends) ?? missingRecords) : log.since(begins, LOG_RECORDS, ends)
  }

  /** The ids of failed tests, suites and files: Vitest is told of tests some time after their ends. */
  #failed(): Set<string> {
    const stateOf = (id: string) => {
      const told = this.#results.get(id)?.[1]?.state
      return told === undefined || told === 'run' ? this.#outcomes.get(id)?.state : told
    }
    const all = [...this.#results.keys(), ...this.#outcomes.keys()]
    return new Set(all.filter(id => stateOf(id) === 'fail'))
  }

  /** The failed tests: their ids, and names. */
  get failedTests(): ReadonlyMap<string, string> {
    const names = this.#names()
    return new Map(
      [...this.#failed()].flatMap(id => {
        const name = names.get(id)
        return name === undefined ? [] : [[id, name]]
      }),
    )
  }

  /** The first kernel log record of the running test, if there is one. */
  get runningSince(): number | undefined {
    return this.#marks.findLast(({ test, what }) => test === this.#running && what === 'begins')?.sequence
  }

  /** The file's result with something added to its meta; undefined if it has no errors of its own. */
  fileExplained(meta: Readonly<Record<string, unknown>>): TaskPack | undefined {
    const pack = this.file && this.#results.get(this.file.id)
    if (!pack?.[1]?.errors?.length) return undefined
    return [pack[0], pack[1], { ...pack[2], ...meta }]
  }

  /** Whether the file or a test of it has failed. */
  get hasFailed(): boolean {
    return this.#failed().size > 0
  }

  /** The beginnings and ends of tests, to be marked in the kept kernel log. */
  get marks(): { readonly sequence: number; readonly text: string }[] {
    const names = this.#names()
    return this.#marks.map(({ sequence, test, what }) => ({
      sequence,
      text: `${names.get(test) ?? test}: ${what}`,
    }))
  }

  #names(): Map<string, string> {
    return new Map(this.file ? namesOf(this.file) : [])
  }
}

/** The tests of a file by id, with the names that reports show. */
function namesOf(task: RunnerTask, before = ''): [id: string, name: string][] {
  const name = 'filepath' in task ? '' : `${before}${task.name}`
  if (task.type === 'test') return [[task.id, name]]
  return task.tasks.flatMap(child => namesOf(child, name && `${name} > `))
}

/** A test's outcome with these failures, which its worker has yet to be told. */
function withFailures(
  outcome: TestOutcome | undefined,
  failures: readonly Failure[],
): TestOutcome | undefined {
  if (failures.length === 0) return outcome
  const errors = [...(outcome?.errors ?? []), ...failures.map(failure => ({ ...failure, stack: '' }))]
  return { ...outcome, state: 'fail', errors }
}
