// SPDX-License-Identifier: MIT
import type { Finding } from './finding.ts'

/** What differs in one place between two runs. */
export interface Difference {
  /** The place, the same in all runs: what varies there by itself says nothing. */
  readonly point: string
  /** The same for all differences that one sentence tells. */
  readonly fold: string
  readonly finding: Omit<Finding, 'kernel' | 'count'>
}
