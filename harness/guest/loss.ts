import type { QemuExit } from '../qemu/qemu.ts'

/**
 * Why a guest is no longer there.
 * - panic, reset: the kernel's doing, and so the module's or the test's
 * - worker: the test worker ended, or is stuck
 * - frozen: nothing in the guest answers any more
 * - machinery: QEMU's or the host's doing; no fault of what is tested
 * - ended: we ended it
 */
export interface Loss {
  readonly cause: 'panic' | 'reset' | 'worker' | 'frozen' | 'machinery' | 'ended'
  /** In words, for the report. */
  readonly message: string
}

/** What the end of QEMU means, by how it ended and what the console showed last. */
export function lossOf(exit: QemuExit, console: string): Loss {
  if (exit.by === 'us') return { cause: 'ended', message: exit.description }
  if (exit.by === 'other') return { cause: 'machinery', message: exit.description }
  const panic = /Kernel panic - not syncing: (.*)/.exec(console)
  if (panic) return { cause: 'panic', message: `kernel panic: ${(panic[1] ?? '').trim()}` }
  return { cause: 'reset', message: `${exit.description}, without a panic on its console` }
}
