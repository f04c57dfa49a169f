// SPDX-License-Identifier: MIT
/**
 * Finds out what a family's commands do with small values; and with great ones where that of some is not known: a limit
 * of 1 keeps others from adding, and what lasts for 1 ms is not seen.
 */
import { isTimeShort } from './allowance.ts'
import { Explorer } from './explore.ts'
import type { Faults } from './faults.ts'
import type { Explored } from './found.ts'
import type { Requester, Subject } from './subject.ts'

/** @returns what was found with the values by which more is known; the subject goes on with these */
export async function exploreFamily(
  subject: Subject,
  requester: Requester,
  faults: Faults,
): Promise<Explored> {
  const explore = async () => {
    await subject.reload()
    return await new Explorer(subject, requester, faults).explore()
  }
  subject.tryAnew()
  const small = await explore()
  if (!isSomeUnknown(subject, small) || isTimeShort()) return small
  const goBack = subject.tryAnew({ isDown: true })
  const great = await explore()
  if (knowledge(great) > knowledge(small)) return great
  goBack()
  return small
}

/** Whether a command takes something, and nobody knows for what. */
function isSomeUnknown({ commands }: Subject, { working, readers, writers, removers }: Explored): boolean {
  const shapes = [...readers, ...[...writers, ...removers].map(({ shape }) => shape)]
  const known = new Set(shapes.map(({ operation }) => operation.command))
  return commands.some(({ command }) => !known.has(command) && working.get(command)?.types.length !== 0)
}

function knowledge({ working, readers, writers, removers }: Explored): number {
  return working.size + readers.length + 2 * (writers.length + removers.length)
}
