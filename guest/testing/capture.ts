// SPDX-License-Identifier: MIT
import type { CapturedConversation, CapturedPacket } from '../agent/protocol.ts'
import { isMarker } from './markers.ts'
import { failureOf, groupOf, MessageText, waitOf } from './message-text.ts'
import { type Conversation, namespaceName, type RecordedEvent, type RecordedSocket } from './recording.ts'

// Kept from before any test.
const { performance } = globalThis
const monotonic = performance.now.bind(performance)
const { now: wallClock } = Date

/** Most characters of a comment. */
const LONGEST = 4000
const nothing = new Uint8Array(0)

/**
 * A conversation for a capture file: all datagrams, and what else happened as packets without bytes.
 * @param epoch milliseconds since 1970 at which the events' time is 0
 */
export function captured(
  conversation: Conversation,
  families: ReadonlyMap<number, string>,
  // The guest's clock may have been set since the process began: performance.timeOrigin is of no use.
  epoch: number = wallClock() - monotonic(),
): CapturedConversation {
  const { first, dropped, last } = conversation
  const text = new MessageText([...first, ...last], families)
  const gapBefore = (event: RecordedEvent | undefined, missed = 0): CapturedPacket[] =>
    missed === 0 || event === undefined
      ? []
      : [note(event, epoch, `${missed} events before this one were not kept: the recording is full`)]
  const packets = (events: readonly RecordedEvent[]) =>
    events.flatMap(event => [...gapBefore(event, event.missed), ...packetOf(event, text, epoch)])
  const gap = gapBefore(last[0], dropped)
  const all = [...packets(first), ...gap, ...packets(last)]
  const used = new Set(all.map(({ socket }) => socket))
  return {
    sockets: conversation.sockets.filter(({ identity }) => used.has(identity)).map(socketOf),
    packets: all,
  }
}

function socketOf({ identity, portId, protocol, namespace, thread, groups }: RecordedSocket) {
  const inNamespace = namespace === undefined ? '' : `, ${namespaceName(namespace)}`
  const where = inNamespace + (thread === undefined ? '' : `, thread ${thread}`)
  const joined = [...groups].sort((a, b) => a - b).join(', ')
  return {
    identity,
    protocol,
    name: `port ${portId}, protocol ${protocol}${where}`,
    description: joined && `groups ${joined}`,
  }
}

function packetOf(event: RecordedEvent, text: MessageText, epoch: number): CapturedPacket[] {
  const { socket } = event
  const packet = (direction: 'in' | 'out', bytes: Uint8Array, length: number, before: string) => [
    {
      socket: socket.identity,
      time: microseconds(event, epoch),
      direction,
      bytes,
      length,
      comment: shortened(
        (isMarker(bytes) ? '(marker) ' : '') + before + onOneLine(text.lines(bytes, socket)),
      ),
    },
  ]
  switch (event.kind) {
    case 'sent': {
      const { bytes, to } = event
      const group = groupOf(to?.groups ?? 0)
      const whom = to?.portId ? `to port ${to.portId}` : 'to the kernel'
      return packet('out', bytes, bytes.length, `${[whom, groupName(group)].filter(Boolean).join(', ')}: `)
    }
    case 'received': {
      const { bytes, length, portId, groups, group = groupOf(groups) } = event.datagram
      const from = portId === 0 ? 'from the kernel' : `from port ${portId}`
      return packet('in', bytes, length, `${[from, groupName(group)].filter(Boolean).join(', ')}: `)
    }
    case 'failed': {
      const { bytes } = event
      if (bytes !== undefined) return packet('out', bytes, bytes.length, `not sent, ${failureOf(event)}: `)
      return [note(event, epoch, failureOf(event))]
    }
    case 'waited':
      return [note(event, epoch, waitOf(event))]
    default:
      return []
  }
}

function note(event: RecordedEvent, epoch: number, comment: string): CapturedPacket {
  return {
    socket: event.socket.identity,
    time: microseconds(event, epoch),
    direction: 'none',
    bytes: nothing,
    length: 0,
    comment,
  }
}

function microseconds({ time }: RecordedEvent, epoch: number): number {
  return Math.round((epoch + time) * 1000)
}

function groupName(group: number): string {
  return group === 0 ? '' : `group ${group}`
}

/** Lines that belong to one message are separated by semicolons, messages by a bar. */
function onOneLine(lines: readonly string[]): string {
  return lines.reduce((text, line) => {
    if (text === '') return line
    return line.startsWith(' ') ? `${text}; ${line.trimStart()}` : `${text} | ${line}`
  }, '')
}

function shortened(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text
}
