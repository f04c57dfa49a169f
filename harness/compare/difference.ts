// SPDX-License-Identifier: MIT
import type { Finding } from './finding.ts'

/** What differs in one place between two runs. */
export interface Difference {
  /** The test, with its file. */
  readonly test: string
  /** The place in it, the same in all runs: what varies there by itself says nothing. */
  readonly point: string
  /** Whether it is a value that depends on what was said before, perhaps by others at the same time. */
  readonly isValue: boolean
  /** Whether the sides had asked differently before it, so that it may follow from something else. */
  readonly isLater?: boolean
  /** The same for all differences that one sentence tells. */
  readonly fold: string
  readonly finding: Omit<Finding, 'kernel' | 'count'>
}
