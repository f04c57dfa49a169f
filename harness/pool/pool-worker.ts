import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunnerTask, RunnerTestFile } from 'vitest'
import { generateFileHash, type PoolOptions, type PoolWorker } from 'vitest/node'
import type {
  FromWorker,
  TestOutcome,
  TestStarted,
  WorkerCall,
  WorkerNote,
} from '../../guest/agent/protocol.ts'
import { HarnessError, messageOf } from '../base/errors.ts'
import { longestTimer } from '../base/timers.ts'
import { evidenceOf } from '../guest/evidence.ts'
import type { Guest } from '../guest/guest.ts'
import type { Loss } from '../guest/loss.ts'
import { evidenceFolder, keepEvidence } from '../verdict/evidence-folder.ts'
import { type Failure, Judge } from '../verdict/judge.ts'
import { beginning } from '../verdict/kinds.ts'
import { inGuest } from './externals.ts'
import type { GuestSource } from './guest-source.ts'
import {
  filesOf,
  isRpcRequest,
  isWorkerRequest,
  isWorkerResponse,
  type RpcRequest,
  type RpcResponse,
  type TaskEventPack,
  type TaskPack,
  type WorkerRequest,
  type WorkerResponse,
  workerResponse,
} from './messages.ts'
import { answerSnapshotCall } from './snapshots.ts'
import { type Interruption, lostError, reportUnfinished } from './unfinished.ts'
import { poolName, WorkerEvents } from './worker-events.ts'

/** How often a guest at work is asked whether it lives, and how long it may take to answer. */
const PING_EVERY = 3_000
const PING_LIMIT = 10_000
/** How long after its own time limit a test may still keep its event loop to itself. */
const STUCK_AFTER = 10_000
/** How long it may take to find a lost kernel's last words in the sources. */
const DECODING_LIMIT = 3_000
/** How long the kernel log's end may take to arrive when a file has ended. */
const LAST_RECORD_LIMIT = 10_000
/** The call by which the pool itself reports what a lost guest cannot. */
const LAST_WORDS = 'netlink-vmtest-last-words'

/** Variables that mean something to the tests themselves, wherever they run. */
const forwarded = ['NODE_ENV', 'VITEST_MODE', 'DEV', 'PROD', 'SSR', 'MODE', 'BASE_URL']

/**
 * One Vitest worker, which is one guest: passes messages between Vitest and the test worker, answers what only the
 * host can, and when the guest is lost finishes its files in its place, so that Vitest never waits for the dead.
 */
export class PoolWorkerInGuest extends WorkerEvents implements PoolWorker {
  readonly #options: PoolOptions
  readonly #source: GuestSource
  #guest: Guest | undefined
  #judge: Judge | undefined
  #interruption: Interruption | undefined
  /** What Vitest has asked for and not been told to be done. */
  #request: WorkerRequest | undefined
  readonly #files = new Map<string, RunnerTestFile>()
  readonly #lastEvents = new Map<string, string>()
  readonly #results = new Map<string, TaskPack>()
  readonly #outcomes = new Map<string, TestOutcome>()
  #running: string | undefined
  #runningSince = 0
  /** The one test that is to run, where each has a guest of its own. */
  #only: string | undefined
  #marks: { readonly sequence: number; readonly test: string; readonly what: 'begins' | 'ends' }[] = []
  /** The first kernel log record of the running test's time, or of the file's. */
  #logStart = 0
  /** The first kernel log record of the file's time. */
  #fileStart = 0
  /** The file leaves another kernel than it found, rightly: it has reported what a test expects, or has a module more. */
  #disturbed = false
  #stuck: NodeJS.Timeout | undefined
  #pings: NodeJS.Timeout | undefined
  #deadline: NodeJS.Timeout | undefined
  /** Another file may have the guest: it was in use, all in it passed, and neither test nor kernel said anything of a fault. */
  #reusable = false
  #stopped = false

  constructor(options: PoolOptions, source: GuestSource) {
    super()
    this.#options = options
    this.#source = source
  }

  /** Never rejects: a guest that cannot be had is reported on the file that wanted it, as is one that dies later. */
  async start(): Promise<void> {
    try {
      const { deadline } = this.#source
      if (deadline && deadline.at < performance.now()) return this.#tooLate(deadline.message)
      if (deadline)
        this.#deadline = setTimeout(() => this.#tooLate(deadline.message), deadline.at - performance.now())
      const guest = await this.#source.acquire()
      if (this.#stopped) return await this.#source.release(guest)
      this.#guest = guest
      this.#judge = new Judge(guest.log, this.#source.decoder)
      guest.on('worker', message => this.#fromWorker(message))
      guest.on('output', (stream, data) => this.#print(stream, data))
      guest.on('lost', loss => this.#lost(loss))
      if (guest.loss) return this.#lost(guest.loss)
      guest.sendToWorker({
        type: 'prepare',
        variables: this.#variables(),
        guest: guest.id,
        reportsBegin: beginning.source,
      })
    } catch (error) {
      const details = error instanceof HarnessError ? (error.details ?? '') : ''
      this.#interrupt({ reason: messageOf(error), evidence: details })
    }
  }

  send(message: unknown): void {
    if (isWorkerRequest(message)) this.#requested(message)
    else if ((message as RpcResponse | undefined)?.i === LAST_WORDS) this.#finish()
    if (this.#interruption) return this.#answerForTheDead(message)
    this.#guest?.sendToWorker({ type: 'vitest', message: this.#coloured(message) })
  }

  async stop(): Promise<void> {
    clearTimeout(this.#deadline)
    this.#settle()
    this.#judge?.close()
    if (this.#stopped) return
    this.#stopped = true
    const guest = this.#guest
    if (!guest) return
    await this.#source.release(guest, this.#reusable && !this.#request && !this.#interruption && !guest.loss)
  }

  /** A limit of the file's, or of all, is reached. */
  #tooLate(message: string): void {
    const loss: Loss = { cause: 'limit', message }
    if (this.#guest) return this.#guest.giveUp(loss)
    this.#source.onLoss(loss)
    this.#interrupt({ reason: message, evidence: '' })
  }

  #requested(request: WorkerRequest): void {
    this.#request = request
    if (request.type !== 'run' && request.type !== 'collect') return
    this.#files.clear()
    this.#lastEvents.clear()
    this.#results.clear()
    this.#outcomes.clear()
    this.#running = undefined
    this.#marks = []
    this.#only = request.context?.files?.[0]?.testIds?.[0]
    this.#disturbed = false
    this.#logStart = this.#guest?.log.next ?? 0
    this.#pings ??= setInterval(() => {
      const guest = this.#guest
      guest?.ping(PING_LIMIT).catch(() => {
        guest.giveUpFrozen(`the guest froze: nothing in it has answered for ${PING_LIMIT / 1000} s`)
      })
    }, PING_EVERY)
  }

  #fromWorker(message: FromWorker): void {
    if (message.type === 'vitest') return this.#fromVitestWorker(message.message)
    if (message.type === 'file-started') return this.#fileStarted(message.sequence, message.taint)
    if (message.type === 'note') return this.#noted(message)
    if (message.type !== 'call') return
    this.#answerCall(message).then(
      value => this.#guest?.sendToWorker({ type: 'answer', id: message.id, value }),
      error => this.#guest?.sendToWorker({ type: 'answer', id: message.id, error: messageOf(error) }),
    )
  }

  #fileStarted(sequence: number, taint: number): void {
    this.#fileStart = sequence
    this.#judge?.fileStarted(sequence, taint)
  }

  #noted(note: WorkerNote): void {
    if (note.method === 'test-started') return this.#testStarted(note)
    this.#marks.push({ ...note, what: 'ends' })
    this.#judge?.testEndedInPeace(note.test)
    this.#testEnded(note.test, note.outcome)
  }

  async #answerCall(call: WorkerCall): Promise<unknown> {
    switch (call.method) {
      case 'test-started':
        return this.#testStarted(call)
      case 'attempt-ended':
        this.#disturbed ||= call.expected.length > 0
        return this.#named((await this.#judge?.attemptEnded(call.test, call.sequence, call.expected)) ?? [])
      case 'test-ended': {
        this.#marks.push({ ...call, what: 'ends' })
        const failures = this.#named((await this.#judge?.testEnded(call.test, call.sequence)) ?? [])
        this.#testEnded(call.test, withFailures(call.outcome, failures))
        return failures
      }
      case 'file-ended':
        this.#disturbed ||= call.loaded.length > 0
        return this.#named((await this.#judge?.fileEnded(call.sequence, call)) ?? [])
      default:
        return await answerSnapshotCall(call)
    }
  }

  #fromVitestWorker(message: unknown): void {
    if (isRpcRequest(message)) {
      const external =
        message.m === 'fetch'
          ? inGuest(String(message.a[0]), this.#options, this.#source.packageFolder)
          : undefined
      if (external !== undefined) {
        const answer: RpcResponse = {
          t: 's',
          i: message.i ?? '',
          r: { externalize: external, type: 'module' },
        }
        this.#guest?.sendToWorker({ type: 'vitest', message: answer })
        return
      }
      this.#remember(message)
    } else if (isWorkerResponse(message) && message.type === 'testfileFinished') {
      const answered = () => this.#answered(message)
      return void this.#judgeTheRest().then(answered, answered) // rejects when the guest is lost meanwhile
    } else if (isWorkerResponse(message)) return this.#answered(message)
    this.emit(message)
  }

  #answered(response: WorkerResponse): void {
    // A guest that was lost meanwhile is reported on its own; Vitest must not be answered twice.
    if (this.#interruption) return
    this.#request = undefined
    if (response.type === 'testfileFinished') {
      this.#settle()
      this.#keepEvidence()
      this.#reusable = response.error === undefined && this.#allWell()
    }
    this.emit(response)
  }

  /**
   * What the kernel reported after the file's own end, up to now, when its guest is about to be let go: the file fails, whose
   * result Vitest has been told already.
   */
  async #judgeTheRest(): Promise<void> {
    const guest = this.#guest
    if (!guest || this.#request?.type !== 'run') return
    const mark = `netlink-vmtest: end of ${randomUUID()}`
    await guest.ask({ type: 'mark-log', text: mark })
    const sequence = await guest.log.arrival(mark, LAST_RECORD_LIMIT)
    const failures = this.#named((await this.#judge?.fileEnded(sequence ?? guest.log.next)) ?? [])
    const file = [...this.#files.values()].at(-1)
    if (failures.length === 0 || !file) return
    const failed = this.#failed(file, failures)
    this.#results.set(file.id, failed)
    this.#emitCall('onTaskUpdate', [[failed], []])
  }

  /** Whether the guest can be taken for one in which nothing happened: no failure, not even one that a retry made good. */
  #allWell(): boolean {
    if (this.#disturbed) return false
    const results = [...this.#results.values()].map(([, result]) => result)
    return (
      results.every(result => result?.state !== 'fail' && !result?.errors?.length && !result?.retryCount) &&
      [...this.#files.values()].every(file => this.#lastEvents.get(file.id) === 'suite-finished')
    )
  }

  /** A file's result, which Vitest has been told already, made a failure. */
  #failed(file: RunnerTestFile, failures: readonly { name: string; message: string }[]): TaskPack {
    const [, result, meta] = this.#results.get(file.id) ?? [file.id, undefined, file.meta]
    const errors = [...(result?.errors ?? []), ...failures.map(failure => ({ ...failure, stack: '' }))]
    return [file.id, { ...result, state: 'fail', errors }, meta]
  }

  /** What a report for a lost guest will be made from. */
  #remember(request: RpcRequest): void {
    for (const file of filesOf(request)) this.#files.set(file.id, file)
    if (request.m !== 'onTaskUpdate') return
    const [packs, events] = request.a as [TaskPack[], TaskEventPack[]]
    for (const pack of packs) this.#results.set(pack[0], pack)
    for (const [id, event] of events) this.#lastEvents.set(id, event)
  }

  #testStarted({ test, timeout, sequence }: TestStarted): void {
    this.#marks.push({ sequence, test, what: 'begins' })
    this.#judge?.testStarted(test, sequence)
    this.#running = test
    this.#runningSince = Date.now()
    this.#logStart = sequence
    clearTimeout(this.#stuck)
    // No limit (0) or an unlimited one (Infinity is more than a timer takes) is the test's own wish.
    if (timeout <= 0 || timeout > longestTimer - STUCK_AFTER) return
    this.#stuck = setTimeout(() => {
      const message = `the test did not give control back within ${(timeout + STUCK_AFTER) / 1000} s (its own limit is ${timeout / 1000} s)`
      this.#guest?.giveUp({ cause: 'worker', message })
    }, timeout + STUCK_AFTER)
  }

  #testEnded(test: string, outcome: TestOutcome | undefined): void {
    if (outcome) this.#outcomes.set(test, outcome)
    if (this.#running === test) this.#running = undefined
    clearTimeout(this.#stuck)
  }

  async #lost(loss: Loss): Promise<void> {
    const guest = this.#guest
    if (!guest || loss.cause === 'ended') return
    this.#source.onLoss(loss)
    // A decoder that does not come to an end must not keep Vitest from hearing of it.
    const words = this.#judge?.lastWords(guest.qemu.console).catch(() => '')
    const places = (await Promise.race([words, sleep(DECODING_LIMIT, '')])) ?? ''
    const evidence = evidenceOf(guest.log, guest.qemu.console, this.#logStart)
    // What the kernel dies of says more than that it died.
    const cause = /^kernel panic: Fatal exception/.test(loss.message) ? places.split('\n')[0] : undefined
    const reason = cause ? `kernel panic: ${cause}` : loss.message
    this.#interrupt({ reason, evidence: [places, evidence, this.#whereKept()].filter(Boolean).join('\n\n') })
    void guest.end()
  }

  #interrupt(interruption: Interruption): void {
    if (this.#interruption) return
    this.#interruption = interruption
    this.#settle()
    if (this.#request) this.#answerForTheDead(this.#request)
  }

  /** Answers what Vitest asks of a worker that is gone. Without an answer to `stop` it would wait for 60 s. */
  #answerForTheDead(message: unknown): void {
    if (!isWorkerRequest(message)) return
    if (message.type === 'start') this.respond(workerResponse('started'))
    else if (message.type === 'stop') this.respond(workerResponse('stopped'))
    else if (message.type === 'run' || message.type === 'collect')
      setImmediate(() => this.#reportFiles(message))
  }

  /** Tells Vitest the results of the files that the guest did not finish; `#finish` follows when it has taken them. */
  #reportFiles(request: WorkerRequest): void {
    if (!this.#interruption) return
    const known = new Set([...this.#files.values()].map(file => file.filepath))
    for (const { filepath } of request.context?.files ?? []) {
      if (known.has(filepath)) continue
      const file = this.#emptyFile(filepath)
      this.#files.set(file.id, file)
      this.#emitCall('onCollected', [[file]])
    }
    const seen = {
      files: this.#files.values(),
      lastEvents: this.#lastEvents,
      outcomes: this.#outcomes,
      running: this.#running,
      since: this.#runningSince,
    }
    const [packs, events] = reportUnfinished(seen, this.#interruption)
    // Lost when all had ended, before it was let go.
    const last = [...this.#files.values()].at(-1)
    const late = packs.length === 0 && last ? [this.#failed(last, [lostError(this.#interruption)])] : []
    this.#emitCall('onTaskUpdate', [[...packs, ...late], events], LAST_WORDS)
  }

  #finish(): void {
    this.#keepEvidence()
    this.#request = undefined
    this.emit(workerResponse('testfileFinished'))
  }

  /** Failures that say where the rest of what is known is kept. */
  #named(failures: readonly Failure[]): Failure[] {
    return failures.map(failure => ({
      ...failure,
      message: [failure.message, this.#whereKept()].filter(Boolean).join('\n\n'),
    }))
  }

  #whereKept(): string {
    const file = [...this.#files.values()].at(-1)
    if (!this.#guest || !this.#source.identity || !file) return ''
    const name = path.relative(this.#options.project.config.root, file.filepath)
    return `evidence: ${evidenceFolder(this.#guest.label, name, this.#only)}`
  }

  /** Keeps what is known of a guest in which a file failed, and says where. */
  #keepEvidence(): void {
    const guest = this.#guest
    const { identity } = this.#source
    const file = [...this.#files.values()].at(-1)
    const { config } = this.#options.project
    const failed = [...this.#results.values()]
      .filter(([, result]) => result?.state === 'fail')
      .map(([id]) => id)
    if (this.#interruption && this.#running) failed.push(this.#running)
    if (!guest || !identity || !file || (failed.length === 0 && !this.#interruption)) return
    const tests = new Map(namesOf(file))
    try {
      const name = path.relative(config.root, file.filepath)
      const folder = keepEvidence(config.root, name, {
        guest,
        only: this.#only,
        identity,
        since: this.#fileStart,
        marks: this.#marks.map(({ sequence, test, what }) => ({
          sequence,
          text: `${tests.get(test) ?? test}: ${what}`,
        })),
        failed: failed.flatMap(id => tests.get(id) ?? []),
      })
      process.stderr.write(`  evidence of ${name} (${guest.label}): ${folder}\n`)
    } catch (error) {
      process.stderr.write(`  no evidence could be kept: ${messageOf(error)}\n`)
    }
  }

  #emitCall(method: string, args: readonly unknown[], id?: string): void {
    const request: RpcRequest = { t: 'q', m: method, a: args, ...(id === undefined ? {} : { i: id }) }
    this.emit(request)
  }

  /** A file of which the guest has said nothing: as Vitest's createFileTask makes it. */
  #emptyFile(filepath: string): RunnerTestFile {
    const { config } = this.#options.project
    const name = path.relative(config.root, filepath)
    const file = {
      id: generateFileHash(name, config.name),
      name,
      fullName: name,
      type: 'suite',
      mode: 'run',
      filepath,
      tasks: [],
      meta: {},
      projectName: config.name,
      pool: poolName,
    } as unknown as RunnerTestFile
    file.file = file
    return file
  }

  /** Vitest leaves it to each worker to see whether colours are wanted; ours cannot see the terminal. */
  #coloured(message: unknown): unknown {
    if (!isWorkerRequest(message) || message.type !== 'start') return message
    const { context } = message
    return {
      ...message,
      context: { ...context, config: { ...context?.config, disableColors: !this.#source.colours } },
    }
  }

  /** Stops watching: nothing runs any more. */
  #settle(): void {
    clearInterval(this.#pings)
    clearTimeout(this.#stuck)
    this.#pings = undefined
  }

  #variables(): Record<string, string> {
    const all = { ...this.#options.env, ...this.#options.project.config.env }
    const own = Object.keys(this.#options.project.config.env ?? {})
    return Object.fromEntries(
      [...forwarded, ...own].flatMap(name => (all[name] === undefined ? [] : [[name, String(all[name])]])),
    )
  }

  #print(stream: 'stdout' | 'stderr', data: Buffer): void {
    const { logger } = this.#options.project.vitest
    ;(stream === 'stdout' ? logger.outputStream : logger.errorStream).write(data)
  }
}

/** The tests of a file, by their ids, named as reports name them. */
function namesOf(task: RunnerTask, before = ''): [id: string, name: string][] {
  const name = 'filepath' in task ? '' : `${before}${task.name}`
  if (task.type === 'test') return [[task.id, name]]
  return task.tasks.flatMap(child => namesOf(child, name && `${name} > `))
}

/** A test's outcome as it will be when its worker has been told of these failures. */
function withFailures(
  outcome: TestOutcome | undefined,
  failures: readonly Failure[],
): TestOutcome | undefined {
  if (failures.length === 0) return outcome
  const errors = [...(outcome?.errors ?? []), ...failures.map(failure => ({ ...failure, stack: '' }))]
  return { ...outcome, state: 'fail', errors }
}
