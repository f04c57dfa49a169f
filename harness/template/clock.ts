// SPDX-License-Identifier: MIT
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Progress } from '../base/progress.ts'
import { Guest, type GuestSpec } from '../guest/guest.ts'
import type { KernelLogRecord } from '../guest/kernel-log.ts'
import { type Logging, loggedUntilNow } from '../verdict/boot.ts'

/** Boots until a guest has a usable clock: on a busy host some have none (docs/measurements.md, Clocks). */
const ATTEMPTS = 5

/**
 * The messages of kernels that could not calibrate their timers during boot, because an emulated processor
 * did not run for a moment (arch/x86/kernel/tsc.c, apic/apic.c). Without another clock they count jiffies,
 * lose some whenever the host is busy, and wake late; all guests of a template would have that clock.
 */
const complaints = [
  /Marking TSC unstable due to could not calculate TSC khz/,
  /APIC timer disabled due to verification failure/,
  // Of two measurements that differ the kernel believes the first (native_calibrate_tsc_early()).
  /PIT calibration deviates from PMTIMER/,
]

/** Milliseconds between two looks at a guest's clock, and how far off it may be: as far as that tells. */
const LOOK_AFTER = 300
const TOLERANCE = 0.05
/** Milliseconds that a look may take. */
const LOOK_LIMIT = 15_000

/** What is wrong with a booted guest's clock, in the kernel's words; undefined if nothing is. */
export function clockTrouble(records: readonly Pick<KernelLogRecord, 'text'>[]): string | undefined {
  return records.find(({ text }) => complaints.some(complaint => complaint.test(text)))?.text
}

/** A time of the guest, and the host's before and after it; milliseconds. */
interface Look {
  readonly before: number
  readonly guest: number
  readonly after: number
}

async function look(guest: Logging): Promise<Look | undefined> {
  const mark = `netlink-vmtest: time, ${randomUUID()}`
  const before = performance.now()
  await guest.ask({ type: 'mark-log', text: mark })
  const after = performance.now()
  const sequence = await guest.log.arrival(mark, LOOK_LIMIT)
  const record = guest.log.records.findLast(each => each.sequence === sequence)
  return record && { before, guest: record.time / 1000, after }
}

/**
 * How much faster or slower than the host's clock a guest's certainly is, in words; undefined if it may be
 * right. Time limits in all guests of a template depend on it, and some kernels do not say that they measured
 * wrongly.
 */
export async function clockDrift(guest: Logging): Promise<string | undefined> {
  const first = await look(guest)
  await sleep(LOOK_AFTER)
  const second = await look(guest)
  return first && second && drift(first, second)
}

/** @param first, second two looks at a guest's clock */
export function drift(first: Look, second: Look): string | undefined {
  const passed = second.guest - first.guest
  const [least, most] = [second.before - first.after, second.after - first.before]
  if (passed > most * (1 + TOLERANCE))
    return `its clock is at least ${(passed / most).toFixed(1)} times too fast`
  if (passed < least * (1 - TOLERANCE))
    return `its clock is at least ${(least / Math.max(passed, 0.1)).toFixed(1)} times too slow`
  return undefined
}

/** Boots a guest with its RAM in this file, and again if the host was too busy for a good clock. */
export async function bootWithClock(spec: GuestSpec, ram: string, progress: Progress): Promise<Guest> {
  for (let attempt = 1; ; attempt++) {
    const guest = await Guest.boot(spec, { type: 'file', path: ram, share: true })
    try {
      const trouble = clockTrouble(await loggedUntilNow(guest)) ?? (await clockDrift(guest))
      if (trouble === undefined) return guest
      if (attempt === ATTEMPTS) {
        progress.note(
          `${spec.label} keeps time badly (${trouble}): this machine was too busy in ${ATTEMPTS} boots; kernels prune --days 0, once it is not, has it made anew`,
        )
        return guest
      }
    } catch (error) {
      await guest.end()
      throw error
    }
    await guest.end()
    // the next guest needs empty memory
    await rm(ram)
  }
}
