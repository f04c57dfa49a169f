// SPDX-License-Identifier: MIT

import type { Faults } from './faults.ts'
import type { Explored } from './found.ts'
import type { State } from './state.ts'
import type { Requester, Subject } from './subject.ts'
import { FIRST } from './variants.ts'

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

/** Entries that requests have made, and each look reads, before it is time for a fresh family. */
export const ENTRIES = 20

/** A fresh family, with an entry of the first values. */
export async function startAfresh(life: Life): Promise<void> {
  await life.subject.reload()
  await supply(life)
}

/** An entry of the first values, which may be gone. */
export async function supply({ explored, requester }: Pick<Life, 'explored' | 'requester'>): Promise<void> {
  for (const { shape } of explored.writers) await requester.ask(shape.operation, shape.attributes(FIRST))
}
