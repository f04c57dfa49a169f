// SPDX-License-Identifier: MIT
import type { RecordedConversation } from '../agent/protocol.ts'
import type { RecordedEvent } from './recorded.ts'
import type { Recording } from './recording.ts'
import { told, toldSocket } from './told.ts'

/** Bytes of a message that are told: a datagram of a dump has fewer (netlink_recvmsg()). */
const MOST_BYTES = 32 * 1024

/** The conversation of the running test, for comparing it with another one on the host. */
export function recorded({ conversation, families, groups }: Recording): RecordedConversation {
  const { first, dropped, last, sockets } = conversation
  const news = (events: readonly RecordedEvent[]) => events.flatMap(event => told(event, MOST_BYTES) ?? [])
  return {
    sockets: sockets.map(toldSocket),
    first: news(first),
    missed: [...first, ...last].reduce((sum, { missed = 0 }) => sum + missed, dropped),
    last: news(last),
    families,
    groups,
  }
}
