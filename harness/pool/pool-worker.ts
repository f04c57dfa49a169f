// SPDX-License-Identifier: MIT
import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PoolOptions, PoolWorker } from 'vitest/node'
import {
  conversationArtifact,
  conversationHeading,
  type FromWorker,
  type StoppedForDebugger,
  type TestEnded,
  type TestOutcome,
  type TestStarted,
  type WorkerCall,
  type WorkerNote,
} from '../../guest/agent/protocol.ts'
import { thrownError } from '../../guest/agent/thrown-error.ts'
import { ExitStatus, HarnessError, messageOf } from '../base/errors.ts'
import { evidenceOf } from '../guest/evidence.ts'
import type { Guest } from '../guest/guest.ts'
import type { Loss } from '../guest/loss.ts'
import { describeStack, headOf } from '../verdict/describe-splat.ts'
import { type Failure, Judge } from '../verdict/judge.ts'
import { beginning } from '../verdict/kinds.ts'
import { Debugger } from './debugger.ts'
import { inGuest } from './externals.ts'
import { detailsKey } from './failure-details.ts'
import { FileEvidence, newDumpFile } from './file-evidence.ts'
import { FileRecord } from './file-record.ts'
import { explainMissingFiles, FilesBeside } from './files-beside.ts'
import type { GuestSource } from './guest-source.ts'
import { LastTalk } from './last-talk.ts'
import {
  isRpcRequest,
  isWorkerRequest,
  isWorkerResponse,
  type RpcRequest,
  type RpcResponse,
  type WorkerRequest,
  type WorkerResponse,
  workerResponse,
} from './messages.ts'
import { TestOutput } from './output.ts'
import { coloured, preparation } from './preparation.ts'
import { answerSnapshotCall } from './snapshots.ts'
import { guestLostError, type Interruption } from './unfinished.ts'
import { makeVisible } from './visible-texts.ts'
import { giveUpWaiting, Watchdog } from './watchdog.ts'
import { WorkerEvents } from './worker-events.ts'

/** Milliseconds to find source lines for a lost kernel's last reports. */
const DECODING_LIMIT = 3_000
/** Milliseconds for the rest of the kernel log to arrive after a file. */
const LAST_RECORD_LIMIT = 10_000
/** The id of the pool's own call, which reports what a lost guest cannot. */
const LAST_WORDS = 'netlink-vmtest-last-words'

/** How files share a guest. */
export interface Sharing {
  /** Makes sure that another file uses the guest after this one. @returns false if none is waiting */
  goesOn(): boolean
}

/**
 * One Vitest worker, which is one guest: passes messages between Vitest and the test worker, answers the
 * calls that only the host can, and reports the remaining tests when the guest is lost, so that Vitest never
 * waits for it.
 */
export class PoolWorkerInGuest extends WorkerEvents implements PoolWorker {
  readonly #options: PoolOptions
  readonly #source: GuestSource
  #guest: Guest | undefined
  readonly #sharing: Sharing | undefined
  #judge: Judge | undefined
  #interruption: Interruption | undefined
  /** Vitest's request that has no response yet. */
  #request: WorkerRequest | undefined
  #record: FileRecord
  #output: TestOutput
  #evidence: FileEvidence | undefined
  #talk = new LastTalk()
  /** The first kernel log record of the running test, or of the file between tests. */
  #logStart = 0
  /** The file has changed its kernel without a fault: an expected report, or another loaded module. */
  #disturbed = false
  /** In whose guest the user has looked around. */
  #attendedTest: string | undefined
  /** Not with a debugger: then nothing has a limit. */
  #watchdog: Watchdog | undefined
  #debugger: Debugger | undefined
  #beside: FilesBeside | undefined
  #deadline: NodeJS.Timeout | undefined
  /** Another file may use the guest: all tests passed, and nothing was reported. */
  #reusable = false
  #stopped = false

  /** @param sharing undefined: no other file uses its guest */
  constructor(options: PoolOptions, source: GuestSource, sharing?: Sharing) {
    super()
    this.#options = options
    this.#source = source
    this.#sharing = sharing
    this.#record = new FileRecord(options.project.config, source.recorder !== undefined)
    this.#output = this.#newOutput()
  }

  /**
   * Never rejects: a guest that does not start is reported on the file that needs it, as is one that dies
   * later.
   */
  async start(): Promise<void> {
    try {
      const { deadline } = this.#source
      if (deadline && deadline.at < performance.now()) return this.#tooLate(deadline.message)
      if (deadline)
        this.#deadline = setTimeout(() => this.#tooLate(deadline.message), deadline.at - performance.now())
      const guest = await this.#source.acquire()
      if (this.#stopped) return await this.#source.release(guest)
      this.#guest = guest
      if (this.#source.dumps) guest.qemu.dumpFile = newDumpFile(this.#options.project.config.root, guest.id)
      const { debugging } = this.#source
      if (debugging) this.#debugger = new Debugger(guest, debugging)
      else this.#watchdog = new Watchdog(guest)
      this.#judge = new Judge(guest.log, this.#source.decoder, this.#source.knownReports)
      guest.on('worker', message => this.#fromWorker(message))
      guest.on('output', (stream, data) => this.#output.raw(stream, data))
      guest.on('lost', loss => this.#lost(this.#debugger?.explain(loss) ?? loss))
      if (guest.loss) return this.#lost(guest.loss)
      guest.sendToWorker(preparation(this.#options, this.#source, guest, this.#sharing !== undefined))
    } catch (error) {
      const details = error instanceof HarnessError ? (error.details ?? '') : ''
      const isMachinery = !(error instanceof HarnessError) || error.status === ExitStatus.machinery
      this.#interrupt({ reason: messageOf(error), evidence: details, isMachinery })
    }
  }

  send(message: unknown): void {
    if (isWorkerRequest(message)) this.#requested(message)
    else if ((message as RpcResponse | undefined)?.i === LAST_WORDS) void this.#finish()
    if (this.#interruption) return this.#answerForTheDead(message)
    if (isWorkerRequest(message) && message.type === 'run') return void this.#run(message)
    this.#guest?.sendToWorker({ type: 'vitest', message: coloured(message, this.#source.colours) })
  }

  async stop(): Promise<void> {
    clearTimeout(this.#deadline)
    this.#watchdog?.stop()
    this.#debugger?.close()
    if (this.#stopped) return
    this.#stopped = true
    const guest = this.#guest
    const hasEnded = guest && !this.#request && !this.#interruption && !guest.loss
    if (hasEnded) await this.#examineMemory(guest)
    this.#judge?.close()
    this.#evidence?.capture?.close()
    if (!guest) return
    await this.#source.release(guest, hasEnded && this.#reusable && !guest.loss)
    if (guest.qemu.dumpFile !== undefined) rmSync(guest.qemu.dumpFile, { force: true })
  }

  /** Of a guest that files share. It takes long, so it is left to the next file if there is one. */
  async #examineMemory(guest: Guest): Promise<void> {
    if (!this.#sharing || !this.#source.findsLostMemory) return
    if (this.#reusable && this.#sharing.goesOn()) return
    const failures = await this.#lostMemory(guest)
    const failed = failures.length > 0 && this.#record.fileFailed(failures)
    if (!failed) return
    this.#reusable = false
    this.#emitCall('onTaskUpdate', [[failed], []])
    this.#keepEvidence()
  }

  async #lostMemory(guest: Guest): Promise<{ name: string; message: string }[]> {
    try {
      return this.#named((await this.#judge?.memoryLost(await guest.findLostMemory())) ?? [])
    } catch (error) {
      const message = `memory that its files may have lost cannot be looked for: ${messageOf(error)}`
      return [{ name: guestLostError, message }]
    }
  }

  /** The time limit of the file, or of the run, is reached. */
  #tooLate(message: string): void {
    const loss: Loss = { cause: 'limit', message }
    if (this.#guest) return void giveUpWaiting(this.#guest, loss)
    this.#source.onLoss(loss)
    this.#interrupt({ reason: message, evidence: '' })
  }

  #requested(request: WorkerRequest): void {
    this.#request = request
    if (request.type !== 'run' && request.type !== 'collect') return
    this.#record = new FileRecord(this.#options.project.config, this.#source.recorder !== undefined)
    this.#output = this.#newOutput()
    this.#talk = new LastTalk()
    this.#disturbed = false
    const { root } = this.#options.project.config
    const guest = this.#guest
    this.#evidence =
      guest &&
      new FileEvidence(root, this.#source, guest, request, { record: this.#record, output: this.#output })
    this.#beside = guest && this.#source.bringsFiles ? new FilesBeside(guest, root) : undefined
    this.#logStart = guest?.log.next ?? 0
    this.#watchdog?.start()
  }

  #fromWorker(message: FromWorker): void {
    if (message.type === 'vitest') return this.#fromVitestWorker(message.message)
    if (message.type === 'console' || message.type === 'console-pause') return this.#output.console(message)
    if (message.type === 'note') return this.#noted(message)
    if (message.type === 'conversation') return this.#evidence?.capture?.add(message)
    if (message.type === 'record') return this.#source.recorder?.said(this.#record.name ?? '', message)
    if (message.type === 'talk') return this.#talk.add(message)
    if (message.type === 'stopped-for-debugger') return void this.#debug(message)
    if (message.type !== 'call') return
    this.#answerCall(message).then(
      value => this.#guest?.sendToWorker({ type: 'answer', id: message.id, value }),
      error => this.#guest?.sendToWorker({ type: 'answer', id: message.id, error: messageOf(error) }),
    )
  }

  async #debug(stopped: StoppedForDebugger): Promise<void> {
    try {
      await this.#debugger?.stopped(stopped)
    } catch (error) {
      this.#guest?.giveUp({ cause: 'machinery', message: messageOf(error) }) // without effect if it is lost already
    }
  }

  /** Passes a file on after recording the kernel's state before it. */
  async #run(request: WorkerRequest): Promise<void> {
    const guest = this.#guest
    if (!guest) return
    try {
      const { root } = this.#options.project.config
      const [{ filepath = root } = {}] = request.context?.files ?? []
      const { sequence, taint } = await guest.fileBegins({
        name: path.relative(root, filepath),
        isLast: !this.#sharing,
        folder: this.#beside && path.dirname(filepath),
        watchesModules: this.#source.recorder !== undefined,
      })
      if (this.#evidence) this.#evidence.since = sequence
      this.#judge?.fileStarted(sequence, taint)
      guest.sendToWorker({ type: 'vitest', message: request })
    } catch (error) {
      guest.giveUp({ cause: 'machinery', message: messageOf(error) }) // without effect if it is lost already
    }
  }

  async #fileEnded({
    replaced,
    elsewhere,
  }: Extract<WorkerCall, { method: 'file-ended' }>): Promise<Failure[]> {
    const ended = await this.#guest?.fileEnds(!this.#sharing)
    if (!ended) return []
    const { name = '' } = this.#record
    if (ended.coverage) this.#source.coverage?.add(name, ended.coverage)
    else this.#source.coverage?.lost.add(name)
    this.#source.recorder?.ended(this.#record.name ?? '', ended.read)
    this.#disturbed ||= ended.loaded.length > 0 || ended.changed || replaced.length > 0
    const sockets = elsewhere.map(socket => `a netlink socket: ${socket}`)
    const left = { ...ended, leaks: [...ended.leaks, ...sockets] }
    return this.#named((await this.#judge?.fileEnded(ended.sequence, left)) ?? [])
  }

  #noted(note: WorkerNote): void {
    if (note.method === 'test-started') return this.#testStarted(note)
    if (note.method === 'request-limited') return this.#watchdog?.requestLimited(note.limit)
    if (note.method === 'limit-changed') return this.#watchdog?.limitChanged(note.timeout, note.patience)
    this.#record.testMarkedAsEnded(note.test, note.sequence)
    this.#judge?.testEndedInPeace(note.test)
    this.#testEnded(note.test, note.outcome)
  }

  async #answerCall(call: WorkerCall): Promise<unknown> {
    switch (call.method) {
      case 'test-started':
        return this.#testStarted(call)
      case 'test-failed':
        // With --repeats it may fail again.
        if (this.#attendedTest === call.test) return
        this.#record.testFailed(call.test, call.outcome)
        this.#attendedTest = call.test
        return await this.#attended(call, [])
      case 'attempt-ended':
        this.#disturbed ||= call.expected.length > 0
        if (call.expected.length > 0) this.#watchdog?.oopsExpected()
        return this.#named(
          (await this.#judge?.attemptEnded(call.test, call.sequence, call.expected)) ?? [],
          call.test,
        )
      case 'test-ended': {
        this.#record.testMarkedAsEnded(call.test, call.sequence)
        const judged = (await this.#judge?.testEnded(call.test, call.sequence)) ?? []
        const failures = this.#named(judged, call.test)
        this.#testEnded(call.test, call.outcome, failures)
        const isNew = this.#attendedTest !== call.test
        if (isNew && (call.outcome?.state === 'fail' || failures.length > 0))
          await this.#attended(call, failures)
        return failures
      }
      case 'file-ended':
        return await this.#fileEnded(call)
      default:
        return await answerSnapshotCall(call)
    }
  }

  /** Lets the user look around in the guest of a failed test. */
  async #attended(
    { test, outcome }: Pick<TestEnded, 'test' | 'outcome'>,
    failures: readonly Failure[],
  ): Promise<void> {
    const { attend } = this.#source
    if (!attend || !this.#guest) return
    clearTimeout(this.#deadline)
    this.#watchdog?.stop()
    const own = (outcome?.errors ?? []).map(thrown => {
      const { name, message, diff } = thrownError(thrown)
      return [`${name}: ${message}`, diff].filter(Boolean).join('\n\n')
    })
    const errors = [...own, ...failures.map(({ name, message }) => `${name}: ${message}`)]
    this.#evidence?.keepSoFar()
    await attend(this.#guest, { name: this.#record.nameOf(test), errors })
    this.#watchdog?.start()
  }

  #fromVitestWorker(message: unknown): void {
    if (isRpcRequest(message)) {
      if (message.m === 'fetch') {
        const { root } = this.#options.project.config
        const external = inGuest(String(message.a[0]), root, this.#source.packageFolder)
        if (external !== undefined)
          return this.#answer(message, { r: { externalize: external, type: 'module' } })
        const coming = this.#beside?.needed(String(message.a[0]))
        if (coming) return void this.#fetchAfter(coming, message)
      }
      if (message.m === 'onUnhandledError')
        this.#source.recorder?.uncaught(this.#record.name ?? '', message.a[0])
      explainMissingFiles(message, this.#options.project.config.root)
      makeVisible(message)
      this.#record.remember(message)
    } else if (isWorkerResponse(message) && message.type === 'testfileFinished') {
      const answered = () => this.#answered(message)
      return void this.#judgeTheRest().then(answered, answered) // rejects if the guest is lost meanwhile
    } else if (isWorkerResponse(message)) return this.#answered(message)
    this.emit(message)
  }

  /** Lets the worker have a module when the files that it needs are there. */
  async #fetchAfter(coming: Promise<string | undefined>, request: RpcRequest): Promise<void> {
    try {
      const url = await coming
      if (url === undefined) this.emit(request)
      else this.#answer(request, { r: { externalize: url, type: 'commonjs' } })
    } catch (error) {
      if (!this.#guest?.loss) this.#answer(request, { e: new Error(messageOf(error)) })
    }
  }

  /** Answers a call of the worker in Vitest's place. */
  #answer({ i = '' }: RpcRequest, answer: Pick<RpcResponse, 'r' | 'e'>): void {
    const message: RpcResponse = { t: 's', i, ...answer }
    this.#guest?.sendToWorker({ type: 'vitest', message })
  }

  #answered(response: WorkerResponse): void {
    // A guest that was lost meanwhile has its own report; Vitest must not be answered twice.
    if (this.#interruption || this.#guest?.loss) return
    if (response.type === 'testfileFinished') {
      this.#output.end()
      if (response.error !== undefined) this.#workerBroke(response.error)
      this.#watchdog?.stop()
      this.#keepEvidence()
      this.#disturbed ||= this.#judge?.hasKnown === true
      this.#reusable = response.error === undefined && !this.#disturbed && this.#record.allWell
    }
    this.#request = undefined
    // A failed teardown only matters to the next file, which gets another guest.
    if (response.type === 'stopped' && response.error !== undefined) this.#reusable = false
    this.emit(response.type === 'started' ? response : workerResponse(response.type))
  }

  /** The worker could not finish the file: that fails the file, and is no unhandled error of the run. */
  #workerBroke(error: unknown): void {
    const { message } = (error ?? {}) as { message?: unknown }
    const failure = {
      name: 'WorkerBroken',
      message: `the test worker could not finish the file, after what its tests have done to it: ${String(message ?? error)}`,
    }
    this.#addUnheardFiles(this.#request)
    const failed = this.#record.fileFailed([failure])
    if (failed) this.#emitCall('onTaskUpdate', [[failed], [[failed[0], 'suite-finished', undefined]]])
  }

  /**
   * Judges what the kernel reported since the file's end, before its guest is released. Vitest has been told
   * the file's result already: a report turns it into a failure.
   */
  async #judgeTheRest(): Promise<void> {
    const guest = this.#guest
    if (!guest || this.#request?.type !== 'run') return
    const mark = `netlink-vmtest: end of ${randomUUID()}`
    await guest.ask({ type: 'mark-log', text: mark })
    const sequence = await guest.log.arrival(mark, LAST_RECORD_LIMIT)
    const failures = this.#named((await this.#judge?.fileEnded(sequence ?? guest.log.next)) ?? [])
    const failed = failures.length > 0 ? this.#record.fileFailed(failures) : undefined
    const logged = this.#record.withKernelLogs(guest.log)
    if (failed || logged.length > 0)
      this.#emitCall('onTaskUpdate', [[...logged, ...(failed ? [failed] : [])], []])
  }

  #testEnded(test: string, outcome: TestOutcome | undefined, failures: readonly Failure[] = []): void {
    this.#output.end()
    this.#record.testEnded(test, outcome, failures)
    this.#talk.testEnded(test)
    const hasFailed = outcome?.state === 'fail' || failures.length > 0
    if (hasFailed && this.#guest) this.#record.keepKernelLog(test, this.#guest.log)
    this.#watchdog?.testEnded()
  }

  #testStarted({ test, timeout, patience, sequence }: TestStarted): void {
    this.#output.next()
    this.#record.testStarted(test, sequence)
    this.#talk.testStarted(test)
    this.#judge?.testStarted(test, sequence)
    this.#watchdog?.testStarted(timeout, patience)
    this.#logStart = sequence
  }

  async #lost(loss: Loss): Promise<void> {
    const guest = this.#guest
    if (!guest || loss.cause === 'ended') return
    this.#source.onLoss(loss)
    if (this.#record.name !== undefined) this.#source.coverage?.lost.add(this.#record.name)
    // With a limit: a decoder that hangs must not delay the report.
    await guest.qemu.dumped
    const decoded = Promise.all([
      this.#judge?.lastWords(guest.qemu.console) ?? [],
      describeStack(loss.stack ?? '', this.#source.decoder),
    ]).catch(() => undefined)
    const [reports, stack] = (await Promise.race([decoded, sleep(DECODING_LIMIT)])) ?? [[], '']
    const places = [reports.map(headOf).join('\n'), stack].filter(Boolean).join('\n\n')
    const said = await this.#lastConversation()
    const unexamined = guest.unexamined.slice(0, -1)
    const unsaid =
      this.#source.findsLostMemory && unexamined.length > 0
        ? `Memory that files before it may have lost was not looked for: ${unexamined.join(', ')}`
        : ''
    const evidence = evidenceOf(guest.log, guest.qemu.console, this.#logStart, beginning)
    // "Fatal exception" only says that the kernel died; the report before it says of what.
    const cause = /^kernel panic: Fatal exception/.test(loss.message) ? places.split('\n')[0] : undefined
    const reason = cause ? `kernel panic: ${cause}` : loss.message
    this.#evidence?.reported(reports, this.#record.running)
    this.#evidence?.lost(reason, stack)
    this.#interrupt({
      reason,
      evidence: [places, said, evidence, unsaid, this.#evidence?.place].filter(Boolean).join('\n\n'),
      isMachinery: loss.cause === 'machinery',
    })
    void guest.end()
  }

  /** What the test in whose time the guest was lost has said: as a diagram, and in captures. */
  async #lastConversation(): Promise<string> {
    try {
      const { running } = this.#record
      const { text, sequence, captured } = await this.#talk.conversation()
      const tests = running === undefined ? [] : [this.#record.nameOf(running)]
      if (captured.packets.length > 0) this.#evidence?.capture?.add({ tests, failed: true, ...captured })
      if (this.#source.details && running !== undefined && sequence)
        this.#emitCall('onTaskArtifactRecord', [running, { type: conversationArtifact, sequence }])
      return text && conversationHeading + text
    } catch (error) {
      return `its conversation cannot be shown: ${messageOf(error)}`
    }
  }

  #interrupt(interruption: Interruption): void {
    if (this.#interruption) return
    this.#output.next()
    this.#interruption = interruption
    this.#watchdog?.stop()
    if (this.#request) this.#answerForTheDead(this.#request)
  }

  /**
   * Answers Vitest in place of a worker that is gone: without an answer to `stop` it waits for its own limit.
   */
  #answerForTheDead(message: unknown): void {
    if (!isWorkerRequest(message)) return
    if (message.type === 'start') this.respond(workerResponse('started'))
    else if (message.type === 'stop') this.respond(workerResponse('stopped'))
    else if (message.type === 'run' || message.type === 'collect')
      setImmediate(() => this.#reportFiles(message))
  }

  /** Tells Vitest the results of unfinished files; `#finish` follows when it has acknowledged them. */
  #reportFiles(request: WorkerRequest): void {
    if (!this.#interruption) return
    this.#addUnheardFiles(request)
    const { isMachinery, reason } = this.#interruption
    if (isMachinery) this.#source.recorder?.lost(this.#record.name ?? '', reason)
    const [packs, events] = this.#record.unfinished(this.#interruption)
    // Of tests that had ended, too, of which Vitest hears only now.
    const logged = this.#guest ? this.#record.withKernelLogs(this.#guest.log) : []
    this.#emitCall('onTaskUpdate', [[...packs, ...logged], events], LAST_WORDS)
  }

  #addUnheardFiles(request: WorkerRequest | undefined): void {
    for (const { filepath } of request?.context?.files ?? []) {
      const file = this.#record.addUnheard(filepath)
      if (file) this.#emitCall('onCollected', [[file]])
    }
  }

  async #finish(): Promise<void> {
    this.#keepEvidence()
    await this.#evidence?.keepDump()
    this.#request = undefined
    this.emit(workerResponse('testfileFinished'))
  }

  /** Failures with where the evidence is kept. */
  #named(failures: readonly Failure[], test?: string): Failure[] {
    return this.#evidence?.named(failures, test) ?? [...failures]
  }

  /** Keeps the file's evidence, and hands Vitest what a page shows of its failures. */
  #keepEvidence(): void {
    this.#evidence?.keep()
    if (!this.#source.details || !this.#evidence) return
    for (const test of this.#record.failedTests.keys())
      this.#emitCall('onTaskArtifactRecord', [test, { type: detailsKey, ...this.#evidence.details(test) }])
    const explained = this.#record.fileExplained({ [detailsKey]: this.#evidence.details() })
    if (explained) this.#emitCall('onTaskUpdate', [[explained], []])
  }

  #emitCall(method: string, args: readonly unknown[], id?: string): void {
    const request: RpcRequest = { t: 'q', m: method, a: args, ...(id === undefined ? {} : { i: id }) }
    makeVisible(request)
    this.emit(request)
  }

  #newOutput(): TestOutput {
    const { logger } = this.#options.project.vitest
    return new TestOutput({
      console: log => this.#emitCall('onUserConsoleLog', [log]),
      raw: (stream, data) => (stream === 'stdout' ? logger.outputStream : logger.errorStream).write(data),
    })
  }
}
