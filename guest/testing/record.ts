// SPDX-License-Identifier: MIT
import type { RecordedConversation } from '../agent/protocol.ts'
import type { RecordedEvent } from './recorded.ts'
import type { Recording } from './recording.ts'
import { told, toldSocket } from './told.ts'

/** Bytes of a message that are told: a datagram of a dump has fewer (netlink_recvmsg()). */
export const MOST_BYTES = 32 * 1024

/**
 * The conversation of the running test, for comparing it with another one on the host: up to what was not kept, for
 * what follows may answer requests that are missing.
 */
export function recorded({ conversation, families, groups }: Recording): RecordedConversation {
  const { first, dropped, last, sockets } = conversation
  const news = (events: readonly RecordedEvent[]) => events.flatMap(event => told(event, MOST_BYTES) ?? [])
  return {
    sockets: sockets.map(toldSocket),
    first: news(whole(dropped === 0 ? [...first, ...last] : first)),
    missed: [...first, ...last].reduce((sum, { missed = 0 }) => sum + missed, dropped),
    last: [],
    families,
    groups,
  }
}

/** Each thread's events up to its first gap. */
function whole(events: readonly RecordedEvent[]): RecordedEvent[] {
  const ended = new Set<number | undefined>()
  return events.filter(({ missed = 0, socket: { thread } }) => {
    if (missed > 0) ended.add(thread)
    return !ended.has(thread)
  })
}
