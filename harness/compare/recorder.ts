// SPDX-License-Identifier: MIT
/** What test files do, as the pool and Vitest tell it, in the form that is compared. */
import { stripVTControlCharacters } from 'node:util'
import type { TestCase, TestModule } from 'vitest/node'
import type { TestRecord } from '../../guest/agent/protocol.ts'
import { type ThrownError, thrownError } from '../../guest/agent/thrown-error.ts'
import { missingRecords } from '../guest/kernel-log.ts'
import type { Recorder } from '../pool/guest-source.ts'
import { guestLostError } from '../pool/unfinished.ts'
import { errorsOf } from '../report/failures.ts'
import { isNotRun } from '../report/not-run.ts'
import { linesOf } from '../verdict/log-text.ts'
import { findSplats } from '../verdict/splats.ts'
import { timedForm } from './normal-form.ts'
import type { NormalConversation, RecordedFailure, RecordedFile, RecordedTest } from './recorded.ts'
import { stableLine } from './stable-text.ts'
import { leastTimes } from './times.ts'

/** A file whose guest QEMU or the host has lost. */
export interface LostFile {
  /** Why. */
  readonly lost: string
}

/** Keeps what the files of one kernel have said until it is taken. */
export class FileRecorder implements Recorder {
  readonly #said = new Map<string, TestRecord[]>()
  readonly #modules = new Map<string, readonly string[]>()
  readonly #uncaught = new Map<string, ThrownError[]>()
  readonly #lost = new Map<string, string>()
  readonly side: string | undefined

  /** @param side BASE or HEAD, for people */
  constructor(side?: string) {
    this.side = side
  }

  said(file: string, record: TestRecord): void {
    this.#said.set(file, [...(this.#said.get(file) ?? []), record])
  }

  uncaught(file: string, thrown: unknown): void {
    const { name, message } = thrownError(thrown)
    const error = { name, message: `nobody caught: ${message}` }
    this.#uncaught.set(file, [...(this.#uncaught.get(file) ?? []), error])
  }

  lost(file: string, reason: string): void {
    this.#lost.set(file, reason)
  }

  ended(file: string, modules: readonly string[]): void {
    this.#modules.set(file, [...new Set([...(this.#modules.get(file) ?? []), ...modules])])
  }

  /** What a file did, which is forgotten, or why the machinery did not let it. */
  take(module: TestModule): RecordedFile | LostFile {
    const file = module.relativeModuleId
    const said = this.#said.get(file) ?? []
    const modules = this.#modules.get(file)
    const uncaught = this.#uncaught.get(file) ?? []
    const lost = this.#lost.get(file)
    for (const kept of [this.#said, this.#modules, this.#uncaught, this.#lost]) kept.delete(file)
    return lost !== undefined ? { lost } : recordedFile(module, { said, modules, uncaught })
  }
}

function recordedFile(
  module: TestModule,
  told: {
    readonly said: readonly TestRecord[]
    readonly modules: readonly string[] | undefined
    readonly uncaught: readonly ThrownError[]
  },
): RecordedFile {
  const { modules, uncaught } = told
  const said = new Map<string, NormalConversation[]>()
  const samples: (readonly [operation: string, took: number])[] = []
  for (const record of told.said) {
    // Tests that ran at the same time have one conversation, which is told with the first.
    const name = [...record.tests].sort()[0] ?? ''
    const { conversation, times } = timedForm(record)
    said.set(name, [...(said.get(name) ?? []), conversation])
    samples.push(...times)
  }
  const names = new Map<string, number>()
  const tests = [...module.children.allTests()].map((test): RecordedTest => {
    const { fullName } = test
    const times = (names.get(fullName) ?? 0) + 1
    names.set(fullName, times)
    const own = times === 1 ? (said.get(fullName) ?? []) : []
    said.delete(fullName)
    return {
      name: times === 1 ? fullName : `${fullName} (${times})`,
      state: stateOf(test),
      failures: failures(errorsOf(test)),
      said: own,
      ...logOf(test.meta().kernelLog ?? ''),
    }
  })
  const suites = [...module.children.allSuites()]
  const outside = failures([...[module, ...suites].flatMap(errorsOf), ...uncaught])
  const rest: RecordedTest = {
    name: '',
    state: outside.length > 0 ? 'failed' : 'passed',
    failures: outside,
    said: [...said.values()].flat(),
  }
  return { file: module.relativeModuleId, tests: [...tests, rest], modules, times: leastTimes(samples) }
}

/** Lines of a kernel log without what differs from run to run; reports of the kernel are told as failures. */
function logOf(text: string): Pick<RecordedTest, 'log' | 'logLevels'> {
  if (text === missingRecords) return {}
  const lines = linesOf(text)
  if (findSplats(lines).length > 0) return {}
  const own = lines.filter(line => !isMark(line.text))
  return {
    log: own.map(line => stableLine(line.text)),
    logLevels: own.flatMap(({ level }) => (level === undefined ? [] : [level])),
  }
}

/**
 * What this package writes into the log, what netlink itself says of requests (lib/nlattr.c: pr_warn_ratelimited(),
 * so that it depends on the time which come), how many lines were too many, and that memory was measured.
 */
function isMark(line: string): boolean {
  return /^netlink(-vmtest)?: |: drop_caches: \d$| callbacks suppressed$/.test(line)
}

function stateOf(test: TestCase): RecordedTest['state'] {
  if (isNotRun(test)) return 'not run'
  const { state } = test.result()
  return state === 'pending' ? 'not run' : state
}

const kinds: Readonly<Record<string, RecordedFailure['kind']>> = {
  KernelSplat: 'splat',
  KernelTaint: 'taint',
  Leak: 'leak',
  [guestLostError]: 'loss',
}

function failures(errors: readonly ThrownError[]): RecordedFailure[] {
  return errors.map(error => {
    const { name, message } = error
    const growth = growthIn(error)
    // An assertion's message abbreviates what differs.
    const whole = error.diff ? `${message}\n\n${stripVTControlCharacters(error.diff)}` : message
    if (growth !== undefined) return { kind: 'memory', text: growth, message: whole }
    const kind = kinds[name] ?? 'test'
    const text = kind === 'leak' ? leakOf(message) : kind === 'loss' ? lossOf(message) : stableLine(message)
    return { kind, text, message: whole }
  })
}

/** Why a guest was lost, with the first report of its kernel where that follows, and where it comes from. */
function lossOf(message: string): string {
  const reason = stableLine(message)
  const [, report, place] = /^.*\n\n(?:\d+x )?(oops: .*)(?:\n +at (\S+ \[[^\]]+\]))?/.exec(message) ?? []
  if (report === undefined) return reason
  return `${reason}: ${stableLine(report)}${place === undefined ? '' : `, at ${place}`}`
}

/** A failed `expect(await slabGrowth(...)).toEqual({})`; probe's tests of memory say when they are left, and by whom. */
const growth =
  /^(?:objects of slab caches that are (left [^:;]+)(?:; [^:]+)?: )?expected \{(.*)\} to (?:deeply|strictly) equal \{\}/s

/** The slab caches that grow; without numbers, and pages beside them, which may be others in each run. */
function growthIn({ message, ...error }: ThrownError): string | undefined {
  const [whole, when = 'left', shown = ''] = growth.exec(message) ?? []
  if (whole === undefined) return undefined
  // The message names the first ones only.
  const actual = 'actual' in error && typeof error.actual === 'string' ? error.actual : shown
  const names = [...actual.matchAll(/([\w-]+)["']?: \d+(?=,|\s|$)/g)].map(([, name = '']) => name).sort()
  if (!names.some(name => /^(kmalloc-|skbuff_|pages$)|_cache$/.test(name))) return undefined
  const caches = names.filter(name => name !== 'pages')
  return `objects of ${(caches.length > 0 ? caches : names).join(', ')} are ${when}`
}

/** What was left behind, on one line; kmemleak's report is of memory only. */
function leakOf(message: string): string {
  const [title = '', ...lines] = message.split('\n')
  const left = lines.filter(line => line.startsWith('  ')).map(line => stableLine(line))
  return stableLine(title.includes('kmemleak') ? title : `${title} ${left.join(', ')}`)
}
