// SPDX-License-Identifier: MIT
import type { GuestOrigin } from './guest.ts'
import type { Loss } from './loss.ts'

/** Statistics of one kernel's guests, for its line in the report. */
export class GuestStatistics {
  /** `uname -r` of the guests; empty if none has started. */
  release = ''
  /** Milliseconds from QEMU's start to the first answer, of each guest. */
  readonly startTimes: number[] = []
  /** How many guests came to be in each way. */
  readonly origins: Record<GuestOrigin, number> = { forked: 0, restored: 0, booted: 0 }
  readonly losses: Loss[] = []
}
