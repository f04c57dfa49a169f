// SPDX-License-Identifier: MIT
import type { Loss } from './loss.ts'

/** Statistics of one kernel's guests, for its line in the report. */
export class GuestStatistics {
  /** `uname -r` of the guests; empty if none has started. */
  release = ''
  /** Milliseconds from QEMU's start to the first answer, of each guest. */
  readonly startTimes: number[] = []
  readonly losses: Loss[] = []
}
