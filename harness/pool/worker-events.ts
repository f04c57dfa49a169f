// SPDX-License-Identifier: MIT
import { EventEmitter } from 'node:events'
import type { WorkerResponse } from './messages.ts'

/** The pool's name in Vitest's output. */
export const poolName = 'vm'

type Listener = (...args: unknown[]) => void

/** What Vitest's pool expects of each worker: events, and decoded messages. */
export abstract class WorkerEvents {
  readonly name = poolName
  /** Code comes through the port: the guest cannot read the host's files. */
  readonly cacheFs = false
  readonly #events = new EventEmitter()

  on(event: string, listener: Listener): void {
    this.#events.on(event, listener)
  }

  off(event: string, listener: Listener): void {
    this.#events.off(event, listener)
  }

  deserialize(message: unknown): unknown {
    return message
  }

  /** Passes a message to Vitest as one of the worker's. */
  protected emit(message: unknown): void {
    this.#events.emit('message', message)
  }

  /** Answers Vitest after its current call has returned. */
  protected respond(response: WorkerResponse): void {
    setImmediate(() => this.emit(response))
  }
}
