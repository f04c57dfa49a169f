import { EventEmitter } from 'node:events'
import type { WorkerResponse } from './messages.ts'

/** The pool's name as Vitest shows it. */
export const poolName = 'vm'

type Listener = (...args: unknown[]) => void

/** What Vitest's pool expects of any worker: events, and messages that need no decoding. */
export abstract class WorkerEvents {
  readonly name = poolName
  /** Code must come through the port: the guest cannot read the host's files. */
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

  /** Hands Vitest a message as one of the worker's. */
  protected emit(message: unknown): void {
    this.#events.emit('message', message)
  }

  /** Answers Vitest, after the call that it is in. */
  protected respond(response: WorkerResponse): void {
    setImmediate(() => this.emit(response))
  }
}
