// SPDX-License-Identifier: MIT
import { inspect } from 'node:util'
import { runnerTimers } from './counted-timers.ts'

type Listener = (...args: unknown[]) => void

const events = ['uncaughtException', 'unhandledRejection'] as const
const emitter = process as NodeJS.EventEmitter
const on = emitter.on.bind(emitter)
const off = emitter.off.bind(emitter)
const rawListeners = emitter.rawListeners.bind(emitter)
const { getActiveResourcesInfo } = process
const { setTimeout } = globalThis
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
      const listener = (error: unknown) => {
        prepare()
        alone(event, listener, () => {
          for (const each of vitests) each(tellable(event, error))
        })
      }
      for (const each of rawListeners(event) as Listener[]) off(event, each)
      on(event, listener)
      this.#ours.set(event, listener)
    }
  }

  /** The file has ended: its own listeners are not for the next one. */
  end(): void {
    for (const event of events)
      for (const each of rawListeners(event) as Listener[])
        if (each !== this.#ours.get(event)) off(event, each)
  }
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
