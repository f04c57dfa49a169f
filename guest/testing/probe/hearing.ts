// SPDX-License-Identifier: MIT
/** What a family's groups are told: at once, or by itself a moment later. */
import { type Datagram, TimeoutError } from '../../netlink/index.ts'
import { drain } from '../exchange.ts'
import type { Faults } from './faults.ts'
import { type Told, toldBy } from './shape.ts'
import type { Requester, Subject } from './subject.ts'

/** Milliseconds in which a work queue has told what it tells. */
const SOON = 200

/** Whether something is told, at once or by itself a moment later, as from a work queue; others may be told first. */
export async function isToldSoon(
  subject: Subject,
  listener: Requester,
  faults: Faults,
  tells: (entries: readonly Told[]) => boolean,
): Promise<boolean> {
  if (tells(told(subject, listener, faults))) return true
  if (subject.family.groups.size === 0) return false
  const end = performance.now() + SOON
  for (let left = SOON; left > 0; left = end - performance.now()) {
    try {
      const next = await listener.socket.receive({ timeout: left })
      if (tells(toldIn(subject, next, faults))) return true
    } catch (error) {
      if (error instanceof TimeoutError) return false
      throw error
    }
  }
  return false
}

export function told(subject: Subject, { socket }: Requester, faults: Faults): Told[] {
  return drain(socket).flatMap(event => ('messages' in event ? toldIn(subject, event, faults) : []))
}

function toldIn(subject: Subject, datagram: Datagram, faults: Faults): Told[] {
  const { id, headerSize } = subject.family
  try {
    const own = datagram.messages().filter(({ type }) => type === id)
    for (const message of own)
      faults.add('a notification', subject.meaning?.faultsOf(message, undefined) ?? [])
    return own.map(message => toldBy(message, headerSize))
  } catch {
    return []
  }
}
