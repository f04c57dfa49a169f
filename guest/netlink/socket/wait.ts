// SPDX-License-Identifier: MIT
// kept from before any test can replace them
import { clearTimeout, setTimeout } from 'node:timers'
import type { TimeoutError } from './errors.ts'
import { hold, release } from './poller.ts'

/** How long a call may wait, and the signal that ends it. */
export interface WaitOptions {
  /**
   * Milliseconds until the call fails with a TimeoutError; the socket's timeout by default. Infinity means no
   * limit.
   */
  readonly timeout?: number
  /** Ends the wait: the call fails with the signal's reason. */
  readonly signal?: AbortSignal
}

/** setTimeout's limit: anything above fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * A value that is to come: settled once, by the first of the value, an error, the deadline and the signal. If
 * it is settled before {@link arm}, no timer and no listener are made; if {@link outcome} is taken after
 * that, no promise either.
 */
export class Wait<T> {
  readonly #onEnd: () => void
  #isSettled = false
  #value: T | undefined
  #error: { readonly reason: unknown } | undefined
  #promise: Promise<T> | undefined
  #waiter: { resolve(value: T): void; reject(reason: unknown): void } | undefined
  #disarm: (() => void) | undefined

  /** `onEnd` is called once, when it is settled in whatever way. */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd
  }

  /** The value, or a promise of it while it is not settled. @throws what it was rejected with */
  outcome(): T | Promise<T> {
    if (this.#error !== undefined) throw this.#error.reason
    if (this.#isSettled) return this.#value as T
    // Not Promise.withResolvers(), which Node 20 lacks.
    this.#promise ??= new Promise<T>((resolve, reject) => {
      this.#waiter = { resolve, reject }
    })
    return this.#promise
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  resolve(value: T): void {
    if (!this.#end()) return
    this.#value = value
    this.#waiter?.resolve(value)
  }

  reject(reason: unknown): void {
    if (!this.#end()) return
    this.#error = { reason }
    this.#waiter?.reject(reason)
  }

  /** Starts the deadline and keeps the process alive; `expired` makes the error for the deadline. */
  arm(expired: () => TimeoutError, timeout: number, signal: AbortSignal | undefined): void {
    const expire = () => this.reject(expired())
    const abort = () => this.reject(signal?.reason)
    if (signal?.aborted) abort()
    else if (timeout <= 0) expire()
    if (this.#isSettled) return
    const timer = timeout === Infinity ? undefined : setTimeout(expire, Math.min(timeout, LONGEST_TIMER))
    signal?.addEventListener('abort', abort, { once: true })
    hold()
    this.#disarm = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      release()
    }
  }

  #end(): boolean {
    if (this.#isSettled) return false
    this.#isSettled = true
    this.#disarm?.()
    this.#onEnd()
    return true
  }
}
