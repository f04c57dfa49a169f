import { rm } from 'node:fs/promises'
import type { Progress } from '../base/progress.ts'
import { Guest, type GuestSpec } from '../guest/guest.ts'
import type { KernelLogRecord } from '../guest/kernel-log.ts'
import { loggedUntilNow } from '../verdict/boot.ts'

/** How often a guest is booted for a clock that can be used. With another run beside it 1 boot in 7 had none (8 of 52). */
const ATTEMPTS = 5

/**
 * What kernels say when they could not measure their timers by each other while they booted, because an emulated processor did
 * not run for a moment (arch/x86/kernel/tsc.c and apic/apic.c): without another clock they then count ticks of 4 ms, of
 * which they lose some whenever the host is busy, or wake late. All guests of a template would have that clock.
 */
const complaints = [
  /Marking TSC unstable due to could not calculate TSC khz/,
  /APIC timer disabled due to verification failure/,
]

/** What is wrong with the clock of a guest that booted so, in the kernel's words; undefined where nothing is. */
export function clockTrouble(records: readonly Pick<KernelLogRecord, 'text'>[]): string | undefined {
  return records.find(({ text }) => complaints.some(complaint => complaint.test(text)))?.text
}

/** Boots a guest whose RAM is in that file, again where the host was too busy for it to get a good clock. */
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
    // the next one begins with empty memory
    await rm(ram)
  }
}
