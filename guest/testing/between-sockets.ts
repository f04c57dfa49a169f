// SPDX-License-Identifier: MIT
/** Datagrams that sockets of a test send to each other, which a recording has twice: as sent, and as received. */
import type { RecordedEvent, RecordedSocket } from './recorded.ts'

export type SentEvent = RecordedEvent & { readonly kind: 'sent' }
export type ReceivedEvent = RecordedEvent & { readonly kind: 'received' }

/** When each socket was opened, as far as that is recorded: in the time of performance.now(). */
export function openings(events: readonly RecordedEvent[]): ReadonlyMap<RecordedSocket, number> {
  return new Map(
    events.flatMap(({ kind, socket, time }) => (kind === 'opened' ? [[socket, time] as const] : [])),
  )
}

/**
 * What was received of what was sent, where that is certainly the same datagram. The kernel keeps the order of
 * unicasts from one socket to another and loses none that it has taken (netlink_unicast() of af_netlink.c).
 * @param events all of a recording: if some are missing, equal ones cannot be told apart
 */
export function pairsOf(events: readonly RecordedEvent[]): ReadonlyMap<SentEvent, ReceivedEvent> {
  const openedAt = openings(events)
  const waiting = new Map<string, SentEvent[]>()
  const pairs = new Map<SentEvent, ReceivedEvent>()
  for (const event of events) {
    if (event.kind === 'sent' && event.to?.portId && !event.to.groups) {
      const key = keyOf(event.socket, event.socket.portId, event.to.portId, event.bytes)
      waiting.set(key, [...(waiting.get(key) ?? []), event])
    } else if (event.kind === 'received' && event.datagram.portId !== 0 && event.datagram.groups === 0) {
      const { socket, datagram } = event
      const sent = waiting.get(keyOf(socket, datagram.portId, socket.portId, datagram.bytes))
      // A socket of the same port id that was closed has taken nothing of what was sent to it.
      while (sent?.[0] && sent[0].time < (openedAt.get(socket) ?? 0)) sent.shift()
      const first = sent?.shift()
      if (first) pairs.set(first, event)
    }
  }
  return pairs
}

function keyOf({ protocol, namespace }: RecordedSocket, from: number, to: number, bytes: Uint8Array): string {
  return JSON.stringify([protocol, namespace, from, to, Buffer.from(bytes).toString('base64')])
}
