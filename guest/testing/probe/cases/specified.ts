// SPDX-License-Identifier: MIT
/** Whether a specification, what the kernel tells of the family, and what comes agree. */
import { expect, it } from 'vitest'
import { differences } from '../../../ynl/agreement.ts'
import { askFacts } from '../../../ynl/facts.ts'
import type { Meaning } from '../meaning.ts'
import type { Subject } from '../subject.ts'

export function specified(subject: Subject, meaning: Meaning): void {
  it('specification and kernel agree: operations, privileges, attributes, limits, groups', async () => {
    requireNone(differences(await askFacts(subject.name), meaning.specification))
  })

  it('specification and answers agree: what is answered comes', ({ skip }) => {
    const missing = meaning.missing()
    // What the kernel's own families tell depends on its devices.
    if (subject.modules.length === 0 && missing.length > 0) skip(missing.join('; '))
    requireNone(missing)
  })
}

function requireNone(differences: readonly string[]): void {
  if (differences.length > 0) expect.fail(differences.join('\n'))
}
