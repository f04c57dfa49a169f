import { longestTimer } from '../base/timers.ts'
import type { Guest } from '../guest/guest.ts'

/** How often a guest at work is asked whether it lives, and how long it may take to answer. */
const PING_EVERY = 3_000
const PING_LIMIT = 10_000
/** How long after its own time limit a test may still keep its event loop to itself. */
const STUCK_AFTER = 10_000

/** Gives a guest up that answers nothing, or whose test does not come back. */
export class Watchdog {
  readonly #guest: Guest
  #pings: NodeJS.Timeout | undefined
  #stuck: NodeJS.Timeout | undefined

  constructor(guest: Guest) {
    this.#guest = guest
  }

  /** A file is at work. */
  start(): void {
    this.#pings ??= setInterval(() => {
      this.#guest.ping(PING_LIMIT).catch(() => {
        this.#guest.giveUpFrozen(`the guest froze: nothing in it has answered for ${PING_LIMIT / 1000} s`)
      })
    }, PING_EVERY)
  }

  /** @param timeout the test's own limit, in milliseconds; 0 for none */
  testStarted(timeout: number): void {
    clearTimeout(this.#stuck)
    // No limit (0) or an unlimited one (Infinity is more than a timer takes) is the test's own wish.
    if (timeout <= 0 || timeout > longestTimer - STUCK_AFTER) return
    this.#stuck = setTimeout(() => {
      const message = `the test did not give control back within ${(timeout + STUCK_AFTER) / 1000} s (its own limit is ${timeout / 1000} s)`
      this.#guest.giveUp({ cause: 'worker', message })
    }, timeout + STUCK_AFTER)
  }

  testEnded(): void {
    clearTimeout(this.#stuck)
  }

  /** Nothing runs any more. */
  stop(): void {
    clearInterval(this.#pings)
    clearTimeout(this.#stuck)
    this.#pings = undefined
  }
}
