/**
 * Letting others in: what is there already is taken without waiting, and where more is always there, timers, signals and other sockets
 * would never have their turn. Whatever takes datagrams in a loop counts them here.
 */
// kept before a test can replace them
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers'

/** Milliseconds of work without a turn of the event loop. */
const LONGEST = 10
/** The clock costs as much as a small notification: it is read once for so many. */
export const SMALL: number = 1 / 16

const clock = performance.now.bind(performance)
let count = 0
let since = clock()
/** The turn that somebody waits for: then all others do, or they would go on alone meanwhile. */
let coming: Promise<void> | undefined

/** Milliseconds of a clock that only goes on. */
export const now: () => number = clock

/**
 * To be called for each datagram or message taken: whether it is time for {@link turn}, which then is to be called.
 * @param size the clock is read when they are 1 together
 */
export function isTurnDue(size = 1): boolean {
  if (coming !== undefined) return true
  count += size
  if (count < 1) return false
  count = 0
  return clock() - since > LONGEST
}

/** One turn of the event loop: timers, signals, other descriptors. */
export function turn(): Promise<void> {
  coming ??= new Promise(resolve => {
    setImmediate(() => {
      coming = undefined
      since = clock()
      resolve()
    })
  })
  return coming
}
