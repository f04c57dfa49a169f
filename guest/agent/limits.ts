// SPDX-License-Identifier: MIT
import { idleTime } from './idleness.ts'
import { longestTimer } from './timers.ts'

/** The timers with which Vitest (5.1.1: getSafeTimers) limits tests and hooks. */
export interface LimitTimers {
  setTimeout: typeof setTimeout
  clearTimeout: typeof clearTimeout
}

/** How often it looks whether the guest was idle, in the time for which it may be. */
const LOOKS = 10
const { clearInterval, setInterval } = globalThis
const now = performance.now.bind(performance)

/**
 * The limits of tests and hooks. On slow kernels they are longer, for work; who waits in an idle guest gets
 * the time of other kernels, since nothing that it waits for takes longer.
 */
export class Limits {
  readonly #idle: () => number
  /** Milliseconds of idleness, by the limits that were made longer. */
  #patience = new Map<number, number>()
  /** The limits that idleness has ended in this file. */
  readonly #early = new Set<number>()
  #bounded: typeof setTimeout | undefined
  /** The limits that run, in milliseconds. */
  readonly #running = new Map<unknown, number>()
  readonly #changed: (longest: number) => void

  /**
   * @param changed hears the longest limit that runs, in milliseconds, when one begins or ends; 0 if none
   * @param idle milliseconds in which the guest was idle
   */
  constructor(changed: (longest: number) => void, idle: () => number = idleTime) {
    this.#changed = changed
    this.#idle = idle
  }

  /**
   * A file begins.
   * @param limits milliseconds: the limits that were made longer
   * @param slowness the factor by which they were
   */
  begin(limits: readonly number[], slowness: number): void {
    this.#patience = new Map(
      slowness > 1 ? limits.filter(limit => limit > 0).map(limit => [limit, limit / slowness]) : [],
    )
    this.#early.clear()
    // Of an earlier file.
    if (this.#running.size > 0) {
      this.#running.clear()
      this.#tell()
    }
  }

  /** Milliseconds of idleness after which a limit ends; 0 if idleness does not end it. */
  patienceOf(limit: number): number {
    return this.#patience.get(limit) ?? 0
  }

  /** Makes Vitest's timers heed idleness, and no longer than a timer can be. */
  bound(timers: LimitTimers): void {
    if (timers.setTimeout === this.#bounded) return
    const { setTimeout: kept, clearTimeout: keptClear } = timers
    this.#bounded = ((callback: () => void, delay = 0) => {
      const patience = this.patienceOf(delay)
      const ended = () => {
        this.#ended(timer)
        callback()
      }
      const timer =
        patience > 0 ? this.#untilIdle(ended, delay, patience) : kept(ended, Math.min(delay, longestTimer))
      this.#running.set(timer, delay)
      this.#tell()
      return timer
    }) as typeof setTimeout
    timers.setTimeout = this.#bounded
    timers.clearTimeout = (timer => {
      keptClear(timer)
      this.#ended(timer)
    }) as typeof clearTimeout
  }

  #ended(timer: unknown): void {
    if (this.#running.delete(timer)) this.#tell()
  }

  #tell(): void {
    this.#changed(Math.max(0, ...this.#running.values()))
  }

  /** Says in the errors of limits that idleness ended why they ended. */
  explain(errors: readonly { message: string; stack?: string | undefined }[] = []): void {
    for (const limit of this.#early) {
      const told = ` timed out in ${limit}ms`
      const why = ` timed out: in ${this.patienceOf(limit)}ms of its time the guest had nothing to do (its limit of ${limit}ms is for work, which takes longer on this kernel)`
      for (const error of errors) {
        error.message = error.message.replace(told, why)
        if (error.stack !== undefined) error.stack = error.stack.replace(told, why)
      }
    }
  }

  /** A timer that clearTimeout ends, as it ends all timers of Node. */
  #untilIdle(callback: () => void, delay: number, patience: number): NodeJS.Timeout {
    const [began, idleBefore] = [now(), this.#idle()]
    const timer = setInterval(() => {
      const isIdle = this.#idle() - idleBefore >= patience
      if (!isIdle && now() - began < delay) return
      clearInterval(timer)
      if (isIdle) this.#early.add(delay)
      callback()
    }, patience / LOOKS)
    return timer
  }
}
