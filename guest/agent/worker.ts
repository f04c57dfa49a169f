// SPDX-License-Identifier: MIT
/**
 * The test worker in the guest: Vitest's worker runtime on a port of its own. It uses internals of Vitest,
 * whose version is therefore pinned: `init` and `runBaseTests` of vitest/worker, the methods of TestRunner,
 * and the snapshot environment.
 */

import { mkdirSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { chai, expect, type RunnerTestSuite, TestRunner, vi } from 'vitest'
import type { SnapshotEnvironment } from 'vitest/runtime'
import { init, runBaseTests, setupEnvironment } from 'vitest/worker'
import { boundError } from './bounded-error.ts'
import { createTestConsole, type PrintingState } from './console.ts'
import { waitForDebugger } from './debugger.ts'
import { endAtOnce } from './exit.ts'
import { watchComparisons } from './failed-comparisons.ts'
import { encodePlainFrame } from './frames.ts'
import { conversation, Handover } from './handover.ts'
import { HinderedTests, type TaskPack } from './hindered.ts'
import { isLanguageReplaced, restoreEnvironment, restoreLanguage } from './intrinsics.ts'
import { KernelLogPosition } from './kernel-log.ts'
import { Limits, type LimitTimers } from './limits.ts'
import { noteSections } from './module-sections.ts'
import { keepOnly, type NamedTask, type WantedTest } from './one-test.ts'
import { Port } from './port.ts'
import { renewProcess } from './process-identity.ts'
import {
  conversationArtifact,
  conversationHeading,
  type DescribedConversation,
  type ExpectedSplat,
  type FoundFailure,
  type FromWorker,
  loadedHook,
  mayBlockFor,
  ports,
  requestLimitHook,
  type Talk,
  type TestEnded,
  type TestOutcome,
  type TestStarted,
  type ToWorker,
  talkHook,
  type WorkerCall,
} from './protocol.ts'
import { SharedState } from './shared-state.ts'
import { netlinkErrors } from './snapshots.ts'
import { thrownError } from './thrown-error.ts'
import { lastTimers, Uncaught } from './uncaught.ts'
import { showCompared } from './visible-comparison.ts'

type Listener = (message: unknown) => void
type WorkerState = Parameters<typeof runBaseTests>[1]
type Traces = Parameters<typeof runBaseTests>[2]
type TestError = NonNullable<NonNullable<Test['result']>['errors']>[number]
type Test = Parameters<NonNullable<TestRunner['onAfterRunTask']>>[0]

const port = await Port.open(ports.worker)
endAtOnce()
const listeners = new Set<Listener>()
const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
let lastCall = 0

const send = (message: FromWorker) => port.send(message)
const sendPlain = (message: FromWorker) => port.send(message, encodePlainFrame)
const vitestListener = (listener: Listener) => {
  // A worker that is started again (a template's, after its warm-up) gets a new RPC client; the old one is
  // removed. The first listener is the worker's own, which takes `start`.
  for (const old of [...listeners].slice(1)) listeners.delete(old)
  listeners.add(listener)
}

/** Calls the host and waits for its answer. */
function call(request: WorkerCall): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const id = ++lastCall
    send({ type: 'call', id, ...request })
    const { sent } = port
    const answered = (value: unknown) => {
      taken = sent
      resolve(value)
    }
    waiting.set(id, { resolve: answered, reject })
  })
}

/**
 * Most bytes on the way to the host when it is told of a test: as many always fit into the socket that QEMU
 * writes to, where they survive the guest.
 */
const UNDER_WAY = 32 * 1024
/** Bytes that had been sent at the host's last answer. */
let taken = 0

/** Sends a note that the host gets even if the guest dies at the next instruction. */
async function tell(note: TestStarted | TestEnded): Promise<void> {
  if (port.sent - taken > UNDER_WAY) return void (await call(note))
  sendPlain({ type: 'note', ...note })
}

/** Snapshot files are on the host: the guest's file system ends with it. */
const snapshotEnvironment: SnapshotEnvironment = {
  getVersion: () => '1',
  getHeader: () => '// Vitest Snapshot v1, https://vitest.dev/guide/snapshot.html',
  resolvePath: file => vitestWorker().rpc.resolveSnapshotPath(file),
  resolveRawPath: async (test, raw) => (await call({ method: 'snapshot-raw-path', test, raw })) as string,
  readSnapshotFile: async path => (await call({ method: 'snapshot-read', path })) as string | null,
  saveSnapshotFile: async (path, content) => void (await call({ method: 'snapshot-write', path, content })),
  removeSnapshotFile: async path => void (await call({ method: 'snapshot-remove', path })),
}

/** Vitest's global worker state. */
function vitestWorker() {
  return (globalThis as unknown as VitestGlobal).__vitest_worker__
}
interface VitestGlobal {
  __vitest_worker__: VitestWorker
}
interface VitestWorker {
  readonly rpc: {
    resolveSnapshotPath(file: string): Promise<string>
    onTaskUpdate(packs: readonly TaskPack[], events: readonly []): Promise<unknown>
    onTaskArtifactRecord(test: string, artifact: { readonly type: string }): Promise<unknown>
  }
  /** The files of the request; the host adds the only test to run, where each has a guest. */
  readonly ctx?: { readonly files?: readonly { readonly filepath: string; readonly only?: WantedTest }[] }
  readonly config?: { readonly testTimeout?: number; readonly hookTimeout?: number }
  readonly moduleExecutionInfo?: Map<string, unknown>
}

/**
 * The host has to know which test runs when the guest dies, and Vitest throttles its updates by 100 ms: so
 * each test's start and end is sent before the worker goes on. The host finds the kernel's reports in the
 * log; they become failures here, so that --retry, --bail and all reporters see them. The worker waits for
 * the host's answer only if something in the log may begin a report (docs/measurements.md, Kernel log).
 */
function announceTests(
  prototype: TestRunner & {
    runTask?(test: Test): Promise<void>
    onCollected?(files: readonly (NamedTask & { readonly filepath: string })[]): void
  },
): void {
  const { onCollectStart, onBeforeTryTask, onAfterRetryTask, onAfterRunTask, onAfterRunSuite } = prototype
  prototype.onCollectStart = function (this: TestRunner, file) {
    limitFile()
    uncaught.begin(restoreState)
    handover.fileBegins()
    // Modules imported by the warm-up or another file in this guest do not belong to this file.
    vitestWorker().moduleExecutionInfo?.clear()
    if (!knowsErrors) expect.addSnapshotSerializer(netlinkErrors)
    knowsErrors = true
    onCollectStart?.call(this, file)
  }
  prototype.onCollected = files => {
    for (const file of files) {
      const only = vitestState?.ctx?.files?.find(({ filepath }) => filepath === file.filepath)?.only
      if (only) keepOnly(file, only)
      hindered.collected(file)
    }
  }
  prototype.runTask = async function (this: TestRunner, test) {
    // A test may throw undefined as well.
    let failure: { readonly thrown: unknown } | undefined
    try {
      await TestRunner.getTestFn(test)?.()
    } catch (thrown) {
      boundError(thrown)
      failure = { thrown }
    }
    const names = [...(isLanguageReplaced() ? restoreLanguage() : []), ...restoreState()]
    const state = running.get(test.id)
    if (failure) noteComparison(failure.thrown)
    if (failure) await threadsTell()
    // Before hooks say more.
    const errors: readonly unknown[] = [
      ...(state ? newErrors(test, state) : []),
      ...(failure ? [failure.thrown] : []),
    ]
    if (failure && state) state.conversation = described(errors)
    if (stays && errors.length > 0 && isFinal(test))
      await call({
        method: 'test-failed',
        test: test.id,
        outcome: { state: 'fail', errors: errors.map(plain) },
      })
    if (names.length > 0) throw brokenBy(names, failure?.thrown)
    if (failure) throw failure.thrown
  }
  prototype.onBeforeTryTask = async function (this: TestRunner, test, ...rest) {
    if (debug && !hasStopped) stopForDebugger()
    if (handover.isForAll) await threadsTell()
    const sequence = logPosition()
    const { retry } = (rest[0] ?? {}) as { retry?: number }
    handover.attemptBegins(test.id, test.fullTestName + (retry ? ` (retry ${retry})` : ''))
    hindered.began(test.id)
    const errors = test.result?.errors?.length ?? 0
    running.set(test.id, { from: sequence, expected: [], errors, isShown: false })
    knownLimit = testLimit = limitOf(test)
    await tell({
      method: 'test-started',
      test: test.id,
      timeout: limitOf(test),
      patience: limits.patienceOf(limitOf(test)),
      sequence,
    })
    await onBeforeTryTask?.call(this, test, ...rest)
  }
  prototype.onAfterRetryTask = async function (this: TestRunner, test, ...rest) {
    await onAfterRetryTask?.call(this, test, ...rest)
    if (trace || handover.isForAll || test.result?.state === 'fail') await threadsTell()
    const sequence = logPosition()
    const state = running.get(test.id)
    if (state) showConversation(test, state)
    handover.attemptEnds(test.id, test.result?.state === 'fail')
    if (!state || (!log.mayHoldReport(state.from) && state.expected.length === 0)) return
    const { expected } = state
    const failures = await call({ method: 'attempt-ended', test: test.id, sequence, expected })
    state.from = sequence
    failTest(test, failures as FoundFailure[])
    showConversation(test, state)
  }
  prototype.onAfterRunTask = async function (this: TestRunner, test) {
    const state = running.get(test.id)
    running.delete(test.id)
    knownLimit = testLimit = 0
    limits.explain(test.result?.errors)
    const sequence = logPosition()
    const ended = { method: 'test-ended', test: test.id, outcome: outcomeOf(test), sequence } as const
    if (state && !stays && !log.mayHoldReport(state.from)) await tell(ended)
    else failTest(test, (await call(ended)) as FoundFailure[])
    handover.testEnds(test.id, test.result?.state === 'fail')
    await onAfterRunTask?.call(this, test)
  }
  prototype.onAfterRunSuite = async function (this: TestRunner, suite) {
    const broken = [...restoreLanguage(), ...restoreState()]
    limits.explain(suite.result?.errors)
    if (handover.isForAll || (suite.result?.errors?.length ?? 0) > 0) await threadsTell()
    showSuiteConversation(suite)
    await reportHindered(suite)
    if (broken.length > 0 && suite.result) fail(suite.result, [brokenBy(broken)])
    const replaced = 'filepath' in suite ? [...restoreWorker(), ...(shared?.changed() ?? [])] : []
    await onAfterRunSuite?.call(this, suite)
    if ('filepath' in suite && suite.mode !== 'skip') {
      const failures = await call({ method: 'file-ended', replaced, elsewhere: socketsElsewhere() })
      if ((failures as FoundFailure[]).length > 0 && suite.result)
        fail(suite.result, failures as FoundFailure[])
    }
    // A suite with a failed test has failed, too, but without an error of its own.
    handover.suiteEnds((suite.result?.errors?.length ?? 0) > 0)
  }
}

/** Applies the limits to the timers that Vitest (5.1.1) uses for tests and hooks. */
function limitFile(): void {
  const { testTimeout, hookTimeout } = vitestState?.config ?? {}
  limits.begin([testTimeout ?? 0, hookTimeout ?? 0], slowness)
  const key = Object.getOwnPropertySymbols(globalThis).find(
    ({ description }) => description === 'vitest:SAFE_TIMERS',
  )
  const timers = key && (globalThis as unknown as Record<symbol, LimitTimers>)[key]
  if (timers) limits.bound(timers)
}

/**
 * Tells the host the limits of hooks, which may block this process as tests may. In a test only of those
 * for which its own limit and what it may block leave no room: each note costs time.
 */
function limitChanged(longest: number): void {
  const timeout = running.size > 0 && longest <= testLimit + mayBlockFor ? testLimit : longest
  if (timeout === knownLimit) return
  knownLimit = timeout
  const patience = limits.patienceOf(timeout)
  sendPlain({ type: 'note', method: 'limit-changed', timeout, patience })
}

/**
 * The number of the next kernel log record. If a test has closed the descriptor, another is opened, and the
 * host judges all.
 */
function logPosition(): number {
  try {
    return log.next
  } catch {
    const { beginning } = log
    log = new KernelLogPosition()
    log.lookFor(beginning)
    return log.next
  }
}

/** Restores all that a file may have replaced, fake timers first. @returns the names of what was replaced */
function restoreWorker(): string[] {
  if (globalThis.console === testConsole) globalThis.console = console
  const names = restoreEnvironment()
  // Restores what it found, which may be a test's replacement.
  vi.useRealTimers()
  restoreEnvironment()
  names.push(...restoreState())
  if (!isDeepStrictEqual({ ...process.env }, variables)) names.push('process.env')
  return names
}

/** Restores Vitest's worker state. @returns its name if it was replaced; one that was removed does no harm */
function restoreState(): string[] {
  const state = globalThis as unknown as Partial<VitestGlobal>
  const { __vitest_worker__: now } = state
  if (!vitestState || now === vitestState) return []
  Object.defineProperty(globalThis, '__vitest_worker__', {
    value: vitestState,
    writable: true,
    configurable: true,
  })
  return now === undefined ? [] : ['globalThis.__vitest_worker__']
}

/** The failure of a test that replaced what running tests needs. */
function brokenBy(names: readonly string[], thrown?: unknown): Error {
  const error = new Error(
    `${names.slice(0, 5).join(', ')}${names.length > 5 ? ' and others' : ''}: replaced, and not put back. What runs the tests needs it: it was put back`,
    ...(thrown === undefined ? [] : [{ cause: thrown }]),
  )
  error.name = 'WorkerBroken'
  return error
}

/** The errors of a test's attempt. */
function newErrors(test: Test, state: RunningTest): TestError[] {
  return test.result?.errors?.slice(state.errors) ?? []
}

/** Adds the conversation to the first error of a test's attempt, as Vitest's reporters print differences. */
function showConversation(test: Test, state: RunningTest): void {
  const errors = newErrors(test, state)
  const [error] = errors
  const ofFunction = state.conversation
  delete state.conversation
  if (state.isShown || (error === undefined && !trace)) return
  // With another error, of a hook, what came after the function's counts, too.
  const said = (errors.length > 1 ? undefined : ofFunction) ?? described(errors)
  if (said === undefined) return
  // The error that a test expects is shown nowhere.
  if (trace && (error === undefined || ('fails' in test && test.fails))) testConsole?.log(said.text)
  if (error === undefined) return
  state.isShown = true
  addConversation(error, said)
  if (!details) return
  const artifact = { type: conversationArtifact, sequence: said.sequence }
  // Without it the failure has its text.
  vitestWorker()
    .rpc.onTaskArtifactRecord(test.id, artifact)
    .catch(() => {})
}

/** The same for a suite's or file's own hooks. */
function showSuiteConversation(suite: RunnerTestSuite): void {
  const errors = suite.result?.errors ?? []
  const [error] = errors
  const said = error && described(errors)
  if (!said) return
  addConversation(error, said)
  if (details) Object.assign(suite.meta, { [conversationArtifact]: said.sequence })
}

function addConversation(error: TestError, { text }: DescribedConversation): void {
  error.diff = [error.diff, conversationHeading + text].filter(Boolean).join('\n\n')
}

/** Lets threads that still work for the conversation tell what they have said: it ends, or is shown, now. */
async function threadsTell(): Promise<void> {
  try {
    await conversation()?.askThreads()
  } catch {
    // the test has replaced what this needs, which is told elsewhere
  }
}

/** @param errors say what was expected; one that a test has thrown may be anything */
function described(errors: readonly unknown[]): DescribedConversation | undefined {
  try {
    return conversation()?.describe(errors.filter(isObject), handover.tests)
  } catch {
    return undefined // the test has replaced what this needs, which is told elsewhere
  }
}

function isObject(value: unknown): value is { readonly stack?: unknown } {
  return typeof value === 'object' && value !== null
}

/** Tells the conversation what a failed comparison has compared: Vitest makes texts of it. */
function noteComparison(thrown: unknown, negated = false): void {
  try {
    conversation()?.compared(thrown, negated)
  } catch {
    // the test has replaced what this needs, which is told elsewhere
  }
  showCompared(thrown)
}

/** Sockets that tests have left in other network namespaces. */
function socketsElsewhere(): readonly string[] {
  try {
    return conversation()?.elsewhere() ?? []
  } catch {
    return [] // a test has replaced what this needs, which is told elsewhere
  }
}

/** Says of tests that a failed hook of their suite has kept from running why they have not run. */
async function reportHindered(suite: RunnerTestSuite): Promise<void> {
  const packs = hindered.by(suite)
  // Vitest has reported them, perhaps.
  if (packs.length > 0) await vitestWorker().rpc.onTaskUpdate(packs, [])
}

/** Milliseconds, 0 for no limit. */
function limitOf(test: Test): number {
  const { timeout = 0 } = test as { timeout?: number }
  return Number.isFinite(timeout) ? timeout : 0
}

/**
 * The running tests, with the number of the first kernel log record to judge, and the reports they expect.
 */
const running = new Map<string, RunningTest>()
interface RunningTest {
  from: number
  readonly expected: ExpectedSplat[]
  /** How many of its errors belong to earlier attempts. */
  readonly errors: number
  /** Whether one of the attempt's errors has the conversation. */
  isShown: boolean
  /** The conversation when its function failed. */
  conversation?: DescribedConversation | undefined
}
let log = new KernelLogPosition()
const limits = new Limits(limitChanged)
/** The running test's limit in milliseconds, and the one that the host knows; 0 for none. */
let testLimit = 0
let knownLimit = 0
const uncaught = new Uncaught()
const hindered = new HinderedTests()
/** The factor by which this kernel's default limits are longer. */
let slowness = 1
let trace = false
/** Whether failed tests get their conversations as artifacts, too. */
let details = false
/** Whether it waits for a debugger, and has done so. */
let debug = false
let hasStopped = false
/** Whether the host is asked after each test, and answers when nobody looks around any more. */
let stays = false
/** Snapshots show the bytes of errors: serializers stay for all files. */
let knowsErrors = false
/** Whether another file may run in this process. */
let isShared = false
/** What files share, when the first one began: a guest in which it has changed serves no other. */
let shared: SharedState | undefined
const handover = new Handover(send)
/** The name of this process's guest; it changes when a template is restored. */
let guest: string | undefined

const { console } = globalThis
/** The console of tests. */
let testConsole: Console | undefined
/** The environment when the file began. */
let variables: NodeJS.ProcessEnv = {}
/** Vitest's worker state, which tests can reach as a global. */
let vitestState: VitestWorker | undefined

/** For expectSplat() of netlink-vmtest/testing, which is bundled separately. */
Object.defineProperty(globalThis, Symbol.for('netlink-vmtest.expect-splat'), {
  value: (expected: ExpectedSplat) => {
    const test = TestRunner.getCurrentTest()
    const state = test && running.get(test.id)
    if (!state) throw new Error('expectSplat() is for the time of a test: call it in one, or in a beforeEach')
    state.expected.push(expected)
  },
})

function stopForDebugger(): void {
  hasStopped = true
  waitForDebugger(stopped => send({ type: 'stopped-for-debugger', ...stopped }))
}

/** For loadModule() of the package that tests import, which is bundled separately. */
Object.defineProperty(globalThis, Symbol.for(loadedHook), {
  value: (name: string) => {
    noteSections(name)
    if (debug) stopForDebugger()
  },
})

/** For describeFamily() of the package that tests import, which is bundled separately. */
Object.defineProperty(globalThis, Symbol.for(requestLimitHook), {
  value: (limit: number) => sendPlain({ type: 'note', method: 'request-limited', limit }),
})

/** For the package that tests import, which is bundled separately. */
Object.defineProperty(globalThis, Symbol.for(talkHook), {
  value: (talk: Talk) => sendPlain({ type: 'talk', ...talk }),
})

/**
 * Neither a skip nor `test.fails` excuses a report of the kernel, and a retry would run on a broken kernel.
 */
function failTest(test: Test, failures: readonly FoundFailure[]): void {
  if (failures.length === 0) return
  const result: NonNullable<Test['result']> & { pending?: boolean } = test.result ?? { state: 'fail' }
  test.result = result
  delete result.pending
  fail(result, failures)
  test.retry = {
    ...(typeof test.retry === 'object' ? test.retry : { count: test.retry ?? 0 }),
    condition: /(?!)/,
  }
}

function fail(result: NonNullable<Test['result']>, failures: readonly FoundFailure[]): void {
  result.state = 'fail'
  result.errors ??= []
  // The mark of errors about the test itself: `test.fails` does not accept them as the expected failure.
  for (const failure of failures)
    result.errors.push({ ...failure, stack: '', __vitest_test_syntax_error__: true } as TestError)
}

function plain(thrown: unknown): NonNullable<TestOutcome['errors']>[number] {
  const { name, message, stack = '', diff } = thrownError(thrown)
  return { name, message, stack, ...(diff === undefined ? {} : { diff }) }
}

/** Whether a failed test fails for good. */
function isFinal(test: Test): boolean {
  const { retry, result } = test
  const retries = typeof retry === 'object' ? (retry.count ?? 0) : (retry ?? 0)
  const isWanted = 'fails' in test && test.fails === true
  return !isWanted && (result?.retryCount ?? 0) >= retries
}

function outcomeOf(test: Test): TestOutcome | undefined {
  const result = test.result
  if (!result) return undefined
  return {
    state: result.state,
    ...(result.startTime === undefined ? {} : { startTime: result.startTime }),
    ...(result.duration === undefined ? {} : { duration: result.duration }),
    ...(result.retryCount === undefined ? {} : { retryCount: result.retryCount }),
    ...(result.errors === undefined
      ? {}
      : {
          errors: result.errors.map(plain),
        }),
  }
}

async function run(method: 'run' | 'collect', state: WorkerState, traces: Traces): Promise<void> {
  if (isShared) shared ??= new SharedState()
  state.config.snapshotOptions.snapshotEnvironment = snapshotEnvironment
  if (!state.config.disableConsoleIntercept) {
    testConsole = createTestConsole(state as PrintingState, sendPlain)
    globalThis.console = testConsole
    // Our console replaces Vitest's.
    state.config.disableConsoleIntercept = true
  }
  running.clear()
  variables = { ...process.env }
  vitestState = state as unknown as VitestWorker
  try {
    await runBaseTests(method, state, traces)
  } finally {
    restoreLanguage()
    restoreWorker()
    await lastTimers()
    uncaught.end()
  }
}

announceTests(TestRunner.prototype)
watchComparisons(chai, noteComparison)

init({
  post: message => send({ type: 'vitest', message }),
  on: vitestListener,
  off: listener => void listeners.delete(listener),
  setup: setupEnvironment,
  runTests: (state, traces) => run('run', state, traces),
  collectTests: (state, traces) => run('collect', state, traces),
  teardown: () => {},
})

/** Makes relative paths those of the project, as on the host. */
function workIn(folder: string): void {
  mkdirSync(folder, { recursive: true })
  process.chdir(folder)
}

port.listen(received => {
  const message = received as ToWorker
  switch (message.type) {
    case 'vitest':
      for (const listener of listeners) listener(message.message)
      return
    case 'prepare':
      Object.assign(process.env, message.variables)
      if (message.folder !== undefined) workIn(message.folder)
      log.lookFor(message.reportsBegin)
      if (message.guest !== guest) renewProcess()
      guest = message.guest
      slowness = message.slowness
      trace = message.trace
      isShared = message.isShared
      handover.all = message.capture
      handover.records = message.record
      details = message.details
      debug = message.debug
      stays = message.stays
      return
    case 'ping':
      send({ type: 'pong' })
      return
    case 'answer': {
      const caller = waiting.get(message.id)
      waiting.delete(message.id)
      if (message.error !== undefined) caller?.reject(new Error(message.error))
      else caller?.resolve(message.value)
    }
  }
})
send({ type: 'ready' })
