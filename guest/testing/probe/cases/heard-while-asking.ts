// SPDX-License-Identifier: MIT
import { drain } from '../../exchange.ts'
import { isTimeShort } from '../allowance.ts'
import type { Explored } from '../found.ts'
import { Shape } from '../shape.ts'
import type { Requester, Subject } from '../subject.ts'
import { FIRST } from '../variants.ts'

/** A variant that is new where it is asked: not a next one, for later tests have these, also if time was short here. */
const NEW = 81

/**
 * Asks by a socket that is in all groups itself: which of its answer and of what it is told comes first. No rule says it, but
 * two versions of a module can be compared in it.
 */
export async function hearWhileAsking(
  subject: Subject,
  requester: Requester,
  explored: Explored,
): Promise<void> {
  const memberships = [...subject.family.groups.values()]
  if (memberships.length === 0) return
  using member = subject.open({ memberships }).withRoom()
  for (const operation of subject.commands) {
    const shape = explored.working.get(operation.command) ?? Shape.all(subject, operation)[0]
    if (shape === undefined) continue
    for (const variant of [FIRST, NEW]) {
      if (isTimeShort()) return
      for (const writer of explored.writers)
        await requester.ask(writer.shape.operation, writer.shape.attributes(FIRST))
      drain(member.socket)
      const sequence = member.socket.nextSequence()
      member.socket.send(subject.encode(operation, shape.attributes(variant), { sequence }))
      drain(member.socket)
    }
  }
}
