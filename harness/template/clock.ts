// SPDX-License-Identifier: MIT
import { rm } from 'node:fs/promises'
import type { Progress } from '../base/progress.ts'
import { Guest, type GuestSpec } from '../guest/guest.ts'
import type { KernelLogRecord } from '../guest/kernel-log.ts'
import { loggedUntilNow } from '../verdict/boot.ts'

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
]

/** What is wrong with a booted guest's clock, in the kernel's words; undefined if nothing is. */
export function clockTrouble(records: readonly Pick<KernelLogRecord, 'text'>[]): string | undefined {
  return records.find(({ text }) => complaints.some(complaint => complaint.test(text)))?.text
}

/** Boots a guest with its RAM in this file, and again if the host was too busy for a good clock. */
export async function bootWithClock(spec: GuestSpec, ram: string, progress: Progress): Promise<Guest> {
  for (let attempt = 1; ; attempt++) {
    const guest = await Guest.boot(spec, { type: 'file', path: ram, share: true })
    try {
      const trouble = clockTrouble(await loggedUntilNow(guest))
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
