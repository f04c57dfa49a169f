// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto'
import type { RunnerTask, RunnerTestCase, RunnerTestFile } from 'vitest'
import type { PoolOptions, PoolWorker } from 'vitest/node'
import { findTest, testPaths, type WantedTest, wantedTests } from '../../guest/agent/one-test.ts'
import type { GuestSource } from './guest-source.ts'
import {
  filesOf,
  isRpcRequest,
  isWorkerRequest,
  type RpcRequest,
  type TaskEventPack,
  type TaskPack,
  type WorkerRequest,
  workerResponse,
} from './messages.ts'
import { PoolWorkerInGuest } from './pool-worker.ts'
import { serve } from './serve.ts'
import { WorkerEvents } from './worker-events.ts'

/** Changes or drops a worker's calls to Vitest that concern more than its own test. */
type Filter = (request: RpcRequest) => RpcRequest | undefined

/**
 * A worker that runs each *test* in a guest of its own (`vm.isolate: 'test'`), for tests that taint or crash
 * the kernel. One guest collects the file; then each test runs in a new one, with the others filtered out. To
 * Vitest it is one file.
 */
export class PoolWorkerPerTest extends WorkerEvents implements PoolWorker {
  readonly #options: PoolOptions
  readonly #source: GuestSource
  #active: PoolWorkerInGuest | undefined
  #start: WorkerRequest | undefined
  #stopping = false
  /** Results of suites and files: failed by a hook or by one of their tests. */
  readonly #results = new Map<string, NonNullable<RunnerTask['result']>>()

  constructor(options: PoolOptions, source: GuestSource) {
    super()
    this.#options = options
    this.#source = source
  }

  /** Nothing to start: each test acquires its guest. */
  async start(): Promise<void> {}

  send(message: unknown): void {
    if (!isWorkerRequest(message)) return this.#active?.send(message) // an answer, or a cancellation
    switch (message.type) {
      case 'start':
        this.#start = message
        return this.respond(workerResponse('started'))
      case 'stop':
        this.#stopping = true
        return this.respond(workerResponse('stopped'))
      default:
        this.#runAll(message).then(
          () => this.respond(workerResponse('testfileFinished')),
          error => this.respond({ ...workerResponse('testfileFinished'), error }),
        )
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#active?.stop()
  }

  async #runAll(request: WorkerRequest): Promise<void> {
    const files: RunnerTestFile[] = []
    await this.#inNewGuest({ ...request, type: 'collect' }, call => {
      files.push(...filesOf({ ...call, m: call.m === 'onCollected' ? call.m : '' }))
      return call
    })
    if (request.type === 'collect') return
    for (const file of files) {
      if (allTests(file).length > 0 && suitesOf(file).every(suite => suite.result?.state !== 'fail'))
        await this.#runTests(file, request)
      // It does not load, or has no test: a failure, as Vitest tells it when it runs the file.
      else await this.#inNewGuest(onlyFile(request, file), call => call)
    }
  }

  async #runTests(file: RunnerTestFile, request: WorkerRequest): Promise<void> {
    this.#update([], [[file.id, 'suite-prepare', undefined]])
    const { sequence } = this.#options.project.config
    const { seed } = this.#options.project.vitest.config.sequence
    const tests = allTests(file).filter(wanted)
    const names = wantedTests(file)
    for (const test of sequence.shuffle ? shuffled(tests, seed) : tests) {
      if (this.#stopping) return
      const wanted = names.get(test.id)
      if (wanted === undefined) continue
      const files = request.context?.files?.map(({ testIds: _, ...each }) =>
        each.filepath === file.filepath ? { ...each, only: { ...wanted, id: test.id } } : each,
      )
      const one = { ...request, context: { ...request.context, files: files ?? [] } }
      const ids = new GuestIds(file, test, wanted)
      await this.#inNewGuest(one, call => this.#onlyOf(test, ids.inOurs(call)))
      if (!ids.isTold && !this.#stopping) this.#failMissing(test, ids.fileErrors)
    }
    const skipped = allTests(file).filter(test => !wanted(test))
    const suites = suitesOf(file)
    this.#update(
      [
        ...skipped.map((test): TaskPack => [test.id, { state: 'skip' }, test.meta]),
        ...suites.map(
          (suite): TaskPack => [suite.id, this.#results.get(suite.id) ?? { state: 'pass' }, suite.meta],
        ),
      ],
      [
        ...skipped.flatMap((test): TaskEventPack[] => [
          [test.id, 'test-prepare', undefined],
          [test.id, 'test-finished', undefined],
        ]),
        ...suites.map((suite): TaskEventPack => [suite.id, 'suite-finished', undefined]),
      ],
    )
  }

  /** The part of a worker's call that is about its own test; results of suites are kept for their end. */
  #onlyOf(test: RunnerTestCase, call: RpcRequest): RpcRequest | undefined {
    if (call.m === 'onQueued' || call.m === 'onCollected') return undefined
    if (call.m !== 'onTaskUpdate') return call
    const [packs, events] = call.a as [TaskPack[], TaskEventPack[]]
    for (const [id, result] of packs) {
      const before = this.#results.get(id)
      // This guest skips the suites of other tests, which is not their result.
      if (id === test.id || id === '' || !result || result.state === 'skip' || before?.state === 'fail')
        continue
      this.#results.set(id, { ...result, duration: (before?.duration ?? 0) + (result.duration ?? 0) })
    }
    return {
      ...call,
      a: [packs.filter(pack => pack[0] === test.id), events.filter(event => event[0] === test.id)],
    }
  }

  /** @param fileErrors why its file failed in its guest, if it did */
  #failMissing(test: RunnerTestCase, fileErrors: TestErrors): void {
    const missing = {
      name: 'TestMissing',
      message: `"${test.fullTestName}" is not in the file when that is loaded for it alone (vm.isolate: 'test'): a file has to define the same tests each time`,
      stack: '',
    }
    this.#update(
      [[test.id, { state: 'fail', errors: fileErrors.length > 0 ? fileErrors : [missing] }, test.meta]],
      [
        [test.id, 'test-prepare', undefined],
        [test.id, 'test-finished', undefined],
      ],
    )
  }

  /** Drives a new guest through start, the request and stop. */
  async #inNewGuest(request: WorkerRequest, filter: Filter): Promise<void> {
    const worker = new PoolWorkerInGuest(this.#options, this.#source)
    this.#active = worker
    try {
      const { error } = await serve(worker, this.#start, request, message => {
        const wanted = isRpcRequest(message) ? filter(message) : message
        if (wanted !== undefined) this.emit(wanted)
        else if (isRpcRequest(message) && message.i !== undefined) worker.send({ t: 's', i: message.i })
      })
      if (error) throw error
    } finally {
      this.#active = undefined
    }
  }

  #update(packs: readonly TaskPack[], events: readonly TaskEventPack[]): void {
    const call: RpcRequest = { t: 'q', m: 'onTaskUpdate', a: [packs, events] }
    this.emit(call)
  }
}

type TestErrors = NonNullable<NonNullable<RunnerTask['result']>['errors']>

/** The ids that a guest has for a test and its suites, which are places in the file, in terms of ours. */
class GuestIds {
  readonly #wanted: WantedTest
  readonly #file: string
  /** Ours, outer ones first; the file's own is the same everywhere. */
  readonly #ours: readonly string[]
  readonly #ids: Map<string, string>
  /** Whether the guest has told of the test. */
  isTold = false
  fileErrors: TestErrors = []

  constructor(file: RunnerTestFile, test: RunnerTestCase, wanted: WantedTest) {
    this.#wanted = wanted
    this.#file = file.id
    this.#ours =
      testPaths(file)
        .find(path => path.at(-1)?.id === test.id)
        ?.map(({ id }) => id) ?? []
    this.#ids = new Map([[file.id, file.id]])
  }

  /** A call of the guest's worker with our ids; ids of other tests are empty. */
  inOurs(call: RpcRequest): RpcRequest {
    for (const file of call.m === 'onCollected' ? filesOf(call) : []) {
      const path = findTest(file, this.#wanted)
      for (const [index, { id }] of (path ?? []).entries()) this.#ids.set(id, this.#ours[index] ?? '')
    }
    const ours = (id: unknown) => this.#ids.get(String(id)) ?? ''
    switch (call.m) {
      case 'onTaskUpdate': {
        const [packs, events] = call.a as [TaskPack[], TaskEventPack[]]
        this.isTold ||= events.some(([id]) => ours(id) === this.#ours.at(-1))
        this.fileErrors = packs.find(([id]) => id === this.#file)?.[1]?.errors ?? this.fileErrors
        return {
          ...call,
          a: [
            packs.map(([id, ...rest]) => [ours(id), ...rest]),
            events.map(([id, ...rest]) => [ours(id), ...rest]),
          ],
        }
      }
      case 'onUserConsoleLog': {
        const [log] = call.a as [{ readonly taskId?: string }]
        const id = this.#ids.get(log.taskId ?? '')
        return id === undefined ? call : { ...call, a: [{ ...log, taskId: id }] }
      }
      case 'onTaskArtifactRecord':
        return { ...call, a: [ours(call.a[0]), ...call.a.slice(1)] }
      default:
        return call
    }
  }
}

function onlyFile(request: WorkerRequest, { filepath }: RunnerTestFile): WorkerRequest {
  const files = request.context?.files?.filter(each => each.filepath === filepath) ?? []
  return { ...request, context: { ...request.context, files } }
}

function allTests(task: RunnerTask): RunnerTestCase[] {
  return task.type === 'test' ? [task] : task.tasks.flatMap(allTests)
}

/** Shuffles tests by the seed alone (--sequence.shuffle): a worker with one test has nothing to shuffle. */
export function shuffled<T extends { readonly id: string }>(tests: readonly T[], seed: number): T[] {
  const places = new Map(
    tests.map(test => [test, createHash('sha1').update(`${seed} ${test.id}`).digest('hex')]),
  )
  return tests.toSorted((a, b) => ((places.get(a) ?? '') < (places.get(b) ?? '') ? -1 : 1))
}

/** Whether a collected test is to run. */
function wanted({ mode }: RunnerTestCase): boolean {
  return mode === 'run' || mode === 'queued'
}

/** A file's suites and the file itself, inner ones first. */
function suitesOf(task: RunnerTask): RunnerTask[] {
  return task.type === 'test' ? [] : [...task.tasks.flatMap(suitesOf), task]
}
