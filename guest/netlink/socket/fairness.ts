// SPDX-License-Identifier: MIT
/**
 * Turns of the event loop. What has come is taken without waiting, so that under constant traffic timers,
 * signals and other sockets would never run. Every loop that takes datagrams counts them here.
 */
// kept before a test can replace them
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers'

/** Milliseconds of work without a turn of the event loop. */
const LONGEST = 10
/** The clock costs as much as a small notification, so it is read once in 16. */
export const SMALL: number = 1 / 16

const clock = performance.now.bind(performance)
let count = 0
let since = clock()
/** The turn that is being waited for: all loops wait for the same one, or one of them would go on alone. */
let coming: Promise<void> | undefined

/** Milliseconds of a monotonic clock. */
export const now: () => number = clock

/**
 * To be called for each datagram or message taken: whether {@link turn} is due.
 * @param size the clock is read when the sizes add up to 1
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
