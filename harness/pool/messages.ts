// SPDX-License-Identifier: MIT
/**
 * The parts of Vitest's own messages that the pool reads (vitest 5.1.1: WorkerRequest, WorkerResponse, and
 * birpc's requests "q" and answers "s"). Vitest does not export these types, so its version is pinned.
 */
import type { RunnerTask, RunnerTestFile } from 'vitest'
import type { WantedTest } from '../../guest/agent/one-test.ts'

/** A call that the worker makes to Vitest. */
export interface RpcRequest {
  readonly t: 'q'
  readonly i?: string
  readonly m: string
  readonly a: readonly unknown[]
}

/** The answer to a call. */
export interface RpcResponse {
  readonly t: 's'
  readonly i: string
  readonly r?: unknown
  readonly e?: unknown
}

/** A file to run; `only`, which is ours, is the test to run of it. */
export interface RequestedFile {
  readonly filepath: string
  readonly testIds?: readonly string[]
  readonly only?: WantedTest & { readonly id: string }
}

/** A request of Vitest to the worker. */
export interface WorkerRequest {
  readonly __vitest_worker_request__: true
  readonly type: 'start' | 'stop' | 'run' | 'collect' | 'cancel'
  readonly context?: {
    readonly files?: readonly RequestedFile[]
    readonly config?: Readonly<Record<string, unknown>>
  }
}

/** The worker's response to a request. */
export interface WorkerResponse {
  readonly __vitest_worker_response__: true
  readonly type: 'started' | 'stopped' | 'testfileFinished'
  readonly error?: unknown
}

export type TaskEvent =
  | 'suite-prepare'
  | 'suite-finished'
  | 'suite-failed-early'
  | 'test-prepare'
  | 'test-finished'
export type TaskPack = readonly [id: string, result: RunnerTask['result'], meta: RunnerTask['meta']]
export type TaskEventPack = readonly [id: string, event: TaskEvent | string, data: unknown]

export function isRpcRequest(message: unknown): message is RpcRequest {
  return isObject(message) && message.t === 'q'
}

export function isWorkerRequest(message: unknown): message is WorkerRequest {
  return isObject(message) && message.__vitest_worker_request__ === true
}

export function isWorkerResponse(message: unknown): message is WorkerResponse {
  return isObject(message) && message.__vitest_worker_response__ === true
}

export function workerResponse(type: WorkerResponse['type']): WorkerResponse {
  return { __vitest_worker_response__: true, type }
}

/** The files named by onQueued and onCollected. */
export function filesOf(request: RpcRequest): readonly RunnerTestFile[] {
  if (request.m === 'onQueued') return [request.a[0] as RunnerTestFile]
  if (request.m === 'onCollected') return request.a[0] as RunnerTestFile[]
  return []
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
