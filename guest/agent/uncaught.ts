// SPDX-License-Identifier: MIT
import { inspect } from 'node:util'
import { runnerTimers } from './counted-timers.ts'

type Listener = (...args: unknown[]) => void

const events = ['uncaughtException', 'unhandledRejection'] as const
/** Node tells of every uncaught exception by this event first, also where a callback captures it. */
const MONITOR = 'uncaughtExceptionMonitor'
const emitter = process as NodeJS.EventEmitter
const emit = emitter.emit.bind(emitter)
const on = emitter.on.bind(emitter)
const off = emitter.off.bind(emitter)
const rawListeners = emitter.rawListeners.bind(emitter)
const {
  getActiveResourcesInfo,
  hasUncaughtExceptionCaptureCallback: isCaptured,
  setUncaughtExceptionCaptureCallback: capture,
} = process
const { setTimeout } = globalThis
const { defineProperty } = Object
const { apply } = Reflect
const now = performance.now.bind(performance)

/** Milliseconds that timers which a file leaves behind may take to fail. */
const LAST_TIMERS = 100
const LOOK_EVERY = 5

/**
 * Errors that nobody catches. Vitest (5.1.1: listenForErrors) leaves them to any other listener that there
 * is, and a test's own would hide them.
 */
export class Uncaught {
  readonly #ours = new Map<string, Listener>()
  /** The last error that the monitor told. */
  #monitored: { readonly error: unknown } | undefined

  /**
   * A file begins. Vitest's listeners, which it adds once in a process, are told of all errors: there are no
   * others yet.
   * @param prepare called before they are
   */
  begin(prepare: () => void): void {
    for (const event of events) {
      const before = this.#ours.get(event)
      const vitests = (rawListeners(event) as Listener[]).filter(each => each !== before)
      if (vitests.length === 0) continue
      const tell = (error: unknown) => {
        prepare()
        alone(event, listener, () => {
          for (const each of vitests) each(tellable(event, error))
        })
      }
      const listener = (error: unknown) => {
        const monitored = this.#monitored
        this.#monitored = undefined
        if (event === 'unhandledRejection' || !monitored || !Object.is(monitored.error, error)) tell(error)
      }
      for (const each of rawListeners(event) as Listener[]) off(event, each)
      on(event, listener)
      this.#ours.set(event, listener)
      if (event === 'uncaughtException') this.#monitor(tell)
    }
    guardEmit()
  }

  #monitor(tell: Listener): void {
    const monitor = (error: unknown) => {
      this.#monitored = { error }
      tell(error)
    }
    const before = this.#ours.get(MONITOR)
    if (before) off(MONITOR, before)
    on(MONITOR, monitor)
    this.#ours.set(MONITOR, monitor)
  }

  /** The file has ended: its own listeners are not for the next one. */
  end(): void {
    for (const event of [...events, MONITOR])
      for (const each of rawListeners(event) as Listener[])
        if (each !== this.#ours.get(event)) off(event, each)
    if (isCaptured()) capture(null)
    guardEmit()
  }
}

/**
 * Makes `process.emit`, by which Node tells of errors, reach all listeners also where a test replaces it, or
 * EventEmitter's.
 */
function guardEmit(): void {
  let replaced: ((...args: unknown[]) => unknown) | undefined
  const guarded = (event: string, ...args: unknown[]) => {
    if (!replaced) return emit(event, ...args)
    const isHeard = [...events, MONITOR].includes(event) && emit(event, ...args)
    return apply(replaced, process, [event, ...args]) || isHeard
  }
  defineProperty(process, 'emit', {
    get: () => guarded,
    set: value => {
      replaced = value === guarded ? undefined : value
    },
    enumerable: false,
    configurable: true,
  })
}

/** Calls it while there is no other listener. */
function alone(event: string, own: Listener, call: () => void): void {
  const others = (rawListeners(event) as Listener[]).filter(each => each !== own)
  for (const each of others) off(event, each)
  try {
    call()
  } finally {
    for (const each of others) on(event, each)
  }
}

/** Vitest shows nothing of these two. */
function tellable(event: (typeof events)[number], error: unknown): unknown {
  if (error !== undefined && error !== null) return error
  const what = event === 'unhandledRejection' ? 'a promise was rejected with' : 'somebody threw'
  const told = new Error(`${what} ${inspect(error)}, which has no stack`)
  told.stack = `${told.name}: ${told.message}`
  return told
}

/** Waits for timers that a file has left behind, as long as they can be of its last moments. */
export async function lastTimers(): Promise<void> {
  const end = now() + LAST_TIMERS
  const isOfTests = () =>
    getActiveResourcesInfo().filter(name => name === 'Timeout' || name === 'Immediate').length >
    runnerTimers()
  while (now() < end && isOfTests()) await new Promise(resolve => setTimeout(resolve, LOOK_EVERY))
}
