import type { Loss } from './loss.ts'

/** What has become of the guests of one kernel, for its line in the report. */
export class GuestStatistics {
  /** uname -r of the guests; empty when none has come up. */
  release = ''
  /** Milliseconds from QEMU's start to a guest that answers, of each guest. */
  readonly startTimes: number[] = []
  readonly losses: Loss[] = []
}
