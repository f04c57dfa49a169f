// SPDX-License-Identifier: MIT
import type { PoolOptions, PoolWorker } from 'vitest/node'
import type { GuestSource } from './guest-source.ts'
import type { Lanes, Turn } from './lanes.ts'
import {
  isRpcRequest,
  isWorkerRequest,
  type WorkerRequest,
  type WorkerResponse,
  workerResponse,
} from './messages.ts'
import { PoolWorkerInGuest } from './pool-worker.ts'
import { serve } from './serve.ts'
import { WorkerEvents } from './worker-events.ts'

/**
 * A worker whose guest other files may use before and after it. Vitest starts the workers of all files at once,
 * and each waits for its turn: the next file depends on which kernel has an idle guest.
 */
export class PoolWorkerInLane extends WorkerEvents implements PoolWorker {
  readonly #options: PoolOptions
  readonly #source: GuestSource
  readonly #lanes: Lanes<GuestSource>
  readonly #isShared: boolean
  readonly #cancelled = new AbortController()
  #start: WorkerRequest | undefined
  #turn: Turn | undefined
  #active: PoolWorkerInGuest | undefined

  /** @param isShared whether other files use its guest */
  constructor(options: PoolOptions, source: GuestSource, lanes: Lanes<GuestSource>, isShared: boolean) {
    super()
    this.#isShared = isShared
    this.#options = options
    this.#source = source
    this.#lanes = lanes
  }

  /** The guest is acquired later, at the file's turn: Vitest limits the time of a worker's start. */
  async start(): Promise<void> {}

  send(message: unknown): void {
    if (!isWorkerRequest(message)) {
      if (isRpcRequest(message) && message.m === 'onCancel') this.#cancelled.abort()
      return this.#active?.send(message)
    }
    switch (message.type) {
      case 'start':
        this.#start = message
        return this.respond(workerResponse('started'))
      case 'stop':
        return this.respond(workerResponse('stopped'))
      default:
        void this.#run(message).then(response => this.emit(response))
    }
  }

  async stop(): Promise<void> {
    this.#cancelled.abort()
    try {
      await this.#active?.stop()
    } finally {
      this.#turn?.end()
    }
  }

  async #run(request: WorkerRequest): Promise<WorkerResponse> {
    try {
      this.#turn = await this.#lanes.enter(this.#source, this.#cancelled.signal)
    } catch {
      // As Vitest does with files that wait for a worker.
      const { project } = this.#options
      const files = request.context?.files?.map(({ filepath }) => ({ filepath })) ?? []
      project.vitest.state.cancelFiles(files, project)
      return workerResponse('testfileFinished')
    }
    const turn = this.#turn
    const sharing = this.#isShared ? { goesOn: () => turn.claimNext() } : undefined
    this.#active = new PoolWorkerInGuest(this.#options, this.#source, sharing)
    const start = this.#start && { ...this.#start, poolId: turn.lane }
    try {
      return await serve(this.#active, start, request, message => this.emit(message))
    } catch (error) {
      return { ...workerResponse('testfileFinished'), error }
    } finally {
      this.#active = undefined
      turn.end()
    }
  }
}
