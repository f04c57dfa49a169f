// SPDX-License-Identifier: MIT
import type { KernelReport } from '../verdict/describe-splat.ts'

/** The type of a failed test's artifact with its {@link FailureDetails}, and the key of a file's in its `meta`. */
export const detailsKey = 'netlink-vmtest:details'

/** How a guest was lost. */
export interface LossDetails {
  /** "kernel panic: ..." */
  readonly reason: string
  /** Where the test worker waits in the kernel; '' if it does not. */
  readonly stack: string
  /** The end of the console. */
  readonly console: string
}

/** What is known of a failed test or file beside its errors. */
export interface FailureDetails {
  /** What the kernel reported in its time; of a lost guest the last words. */
  readonly reports: readonly KernelReport[]
  /**
   * The kernel log of the file, or of the test in whose time the guest was lost, as dmesg shows it; the end of a
   * long one. That of a test that has ended is in its meta.
   */
  readonly kernelLog: string
  /** Of a guest that was lost. */
  readonly loss: LossDetails | undefined
  /** The folder of evidence below the project's; '' if there is none. */
  readonly evidence: string
  /** The command that runs its file again. */
  readonly again: string
}
