// SPDX-License-Identifier: MIT

import type { Faults } from './faults.ts'
import type { Explored } from './found.ts'
import type { State } from './state.ts'
import type { Requester, Subject } from './subject.ts'

/** What a test of behaviour has: a fresh family with an entry of the first values. */
export interface Life {
  readonly subject: Subject
  readonly explored: Explored
  readonly requester: Requester
  readonly state: State
  readonly faults: Faults
  /** Leaves the test out, with the reason. */
  readonly skip: (reason: string) => never
}
