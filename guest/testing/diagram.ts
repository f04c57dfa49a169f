// SPDX-License-Identifier: MIT
/**
 * A conversation as a sequence diagram in text: a lane for the kernel and for each socket, time downwards.
 *
 *     ms          port 1001      kernel       port 1002
 *                                              group 1
 *       0.0           ├─────────────▶│             │     type 16: 28 bytes, flags REQUEST|ACK, seq 1, pid 0
 *                     │              │             │       1: 2a 00 00 00
 *       0.3           │              ├── group 1 ─▶│     type 16: 28 bytes, flags 0, seq 1, pid 1001
 */
import { NLMSG_HDRLEN } from '../netlink/index.ts'
import { isMarker } from './markers.ts'
import { groupOf, MessageText } from './message-text.ts'
import { type Conversation, namespaceName, type RecordedEvent, type RecordedSocket } from './recording.ts'

/** A datagram of a comparison: its bytes, and its sender and groups as in {@link Datagram}. */
export interface Compared {
  readonly bytes: Uint8Array
  readonly from: number
  readonly groups: number
}

/** What a comparison of the datagrams that came has found. */
export interface Expectation {
  /** What came and was not expected. */
  readonly unexpected: readonly Compared[]
  /** What was expected and did not come. */
  readonly missing: readonly Compared[]
}

/** Most sockets that have lanes of their own; all further ones are named in the text. */
const MOST_LANES = 5
/** Most events that are drawn: the first and the last ones. */
const FIRST_EVENTS = 20
const LAST_EVENTS = 40
/** Columns of a lane at least, and of the time before them. */
const LANE = 14
/** Longer titles are cut. */
const WIDEST = 20
const TIME = 10

type Lane = RecordedSocket | 'kernel'
type Line = { readonly event: RecordedEvent } | { readonly note: string }

/** @returns lines of text; '' if nothing was said */
export function diagram(
  conversation: Conversation,
  families: ReadonlyMap<number, string>,
  expectation?: Expectation,
): string {
  const all = [...conversation.first, ...conversation.last]
  if (!all.some(isTalk) && (expectation?.missing.length ?? 0) === 0) return ''
  const drawing = new Drawing(all, conversation.sockets, families, expectation)
  return drawing.draw(conversation)
}

class Drawing {
  readonly #lanes: Lane[]
  readonly #text: MessageText
  readonly #expectation: Expectation | undefined
  readonly #unexpected: ReadonlySet<RecordedEvent>
  readonly #start: number
  readonly #titles: readonly (readonly string[])[]
  /** Columns of each lane. */
  readonly #width: number

  constructor(
    events: readonly RecordedEvent[],
    sockets: readonly RecordedSocket[],
    families: ReadonlyMap<number, string>,
    expectation: Expectation | undefined,
  ) {
    const active = new Set(events.filter(isTalk).map(({ socket }) => socket))
    const requester = events.find(event => event.kind === 'sent' && isTalk(event))?.socket
    const [first, ...others] = [...active].sort((a, b) => Number(b === requester) - Number(a === requester))
    this.#lanes = [...(first ? [first] : []), 'kernel', ...others.slice(0, MOST_LANES - 1)]
    this.#text = new MessageText(events, families, sockets[0]?.protocol)
    this.#expectation = expectation
    this.#unexpected = unexpectedAmong(events, expectation?.unexpected ?? [])
    this.#start = events[0]?.time ?? 0
    this.#titles = this.#titlesOf(sockets)
    const longest = Math.max(...this.#titles.flat().map(({ length }) => length))
    this.#width = Math.min(Math.max(LANE, longest + 2), WIDEST)
  }

  draw({ first, dropped, last }: Conversation): string {
    const shown = this.#folded([...first.map(asLine), ...droppedLine(dropped), ...last.map(asLine)])
    const missing = (this.#expectation?.missing ?? []).flatMap(each => this.#missing(each))
    return [...this.#heading(), ...shown.flatMap(line => this.#line(line)), ...missing]
      .map(line => line.trimEnd())
      .join('\n')
  }

  #folded(lines: readonly Line[]): readonly Line[] {
    const drawn = lines.filter(line => 'note' in line || this.#isDrawn(line.event))
    const folded = drawn.length - FIRST_EVENTS - LAST_EVENTS
    if (folded <= 1) return drawn
    return [...drawn.slice(0, FIRST_EVENTS), { note: `... ${folded} more ...` }, ...drawn.slice(-LAST_EVENTS)]
  }

  /** Sockets that say nothing are left out, and what happens to a socket before it says something. */
  #isDrawn(event: RecordedEvent): boolean {
    const { kind, socket } = event
    return isTalk(event) || ((kind === 'joined' || kind === 'left') && this.#lanes.includes(socket))
  }

  /** What stands above each lane. */
  #titlesOf(sockets: readonly RecordedSocket[]): string[][] {
    const protocols = new Set(sockets.map(({ protocol }) => protocol))
    return this.#lanes.map(lane => {
      if (lane === 'kernel') return ['kernel']
      const groups = [...lane.groups].sort((a, b) => a - b)
      return [
        `port ${lane.portId}`,
        ...(protocols.size > 1 ? [`protocol ${lane.protocol}`] : []),
        ...(groups.length === 0 ? [] : [`group${groups.length > 1 ? 's' : ''} ${groups.join(',')}`]),
        ...(lane.namespace === undefined ? [] : [namespaceName(lane.namespace)]),
      ]
    })
  }

  #heading(): string[] {
    const height = Math.max(...this.#titles.map(({ length }) => length))
    return Array.from({ length: height }, (_, row) => {
      const cells = this.#titles.map(title => centred(title[row] ?? '', this.#width))
      return (row === 0 ? 'ms' : '').padStart(TIME - 2).padEnd(TIME) + cells.join('')
    })
  }

  #line(line: Line): string[] {
    if ('note' in line) return [`${' '.repeat(TIME)}${line.note}`]
    const { event } = line
    const { socket } = event
    const time = (event.time - this.#start)
      .toFixed(1)
      .padStart(TIME - 2)
      .padEnd(TIME)
    const named = this.#lanes.includes(socket) ? '' : `port ${socket.portId}: `
    switch (event.kind) {
      case 'joined':
      case 'left':
        return this.#row(time, this.#mark(socket, '●'), [`${named}${event.kind} group ${event.group}`])
      case 'failed': {
        const lost = event.code === 'ENOBUFS' ? ', messages were lost' : ''
        const text = `${named}${event.call}: ${event.code}${lost}`
        const bytes = event.bytes && prefixed(`${text}: `, this.#text.lines(event.bytes, socket))
        return this.#row(time, this.#mark(socket, '✗'), bytes ?? [text])
      }
      case 'sent': {
        const { to, bytes } = event
        const other = to?.portId ? this.#laneOf(to.portId, socket) : 'kernel'
        const target = other ?? 'kernel'
        const whom =
          to?.portId && other === undefined ? `to port ${to.portId}: ` : to?.groups ? maskOf(to.groups) : ''
        return this.#row(time, this.#arrow(socket, target), [
          ...prefixed(named + whom, this.#text.lines(bytes, socket)),
        ])
      }
      case 'received': {
        const { datagram } = event
        const from = datagram.portId === 0 ? 'kernel' : this.#laneOf(datagram.portId, socket)
        const group = datagram.group ?? groupOf(datagram.groups)
        const label = group === 0 ? '' : `group ${group}`
        const whom = from === undefined ? `from port ${datagram.portId}: ` : ''
        const mark = this.#unexpected.has(event) ? '✗ not expected: ' : ''
        return this.#row(time, this.#arrow(from ?? 'kernel', socket, label), [
          ...prefixed(mark + named + whom, this.#text.lines(datagram.bytes, socket)),
        ])
      }
      default:
        return []
    }
  }

  /** What was expected and did not come, to the socket that it names, if it names one. */
  #missing({ bytes, groups }: Compared): string[] {
    const portId =
      bytes.length >= NLMSG_HDRLEN ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(12, true) : 0
    const target = groups === 0 ? this.#laneOf(portId, undefined) : undefined
    const label = groups === 0 ? '' : `group ${groupOf(groups)}`
    const lanes = target === undefined ? this.#blank() : this.#arrow('kernel', target, label, '┄')
    return this.#row(
      '  missing ',
      lanes,
      prefixed(
        `✗ expected, and did not come: ${label && `${label}: `}`,
        this.#text.lines(bytes, target === 'kernel' ? undefined : target),
      ),
    )
  }

  /** The first line of a text beside the lanes, the others below it. */
  #row(time: string, lanes: string, text: readonly string[]): string[] {
    const [first = '', ...more] = text
    const blank = this.#blank()
    return [`${time}${lanes}  ${first}`, ...more.map(line => `${' '.repeat(TIME)}${blank}  ${line}`)]
  }

  /** The lane of a port id in the namespace and protocol of another socket. */
  #laneOf(portId: number, like: RecordedSocket | undefined): Lane | undefined {
    return this.#lanes.find(
      lane =>
        lane !== 'kernel' &&
        lane.portId === portId &&
        portId !== 0 &&
        (like === undefined || (lane.protocol === like.protocol && lane.namespace === like.namespace)),
    )
  }

  #blank(): string {
    return this.#lanes.map(() => centred('│', this.#width)).join('')
  }

  #columnOf(lane: Lane): number {
    return this.#lanes.indexOf(lane) * this.#width + Math.floor((this.#width - 1) / 2)
  }

  #mark(lane: Lane, sign: string): string {
    if (!this.#lanes.includes(lane)) return this.#blank()
    const at = this.#columnOf(lane)
    const blank = this.#blank()
    return blank.slice(0, at) + sign + blank.slice(at + 1)
  }

  #arrow(from: Lane, to: Lane, label = '', line = '─'): string {
    const blank = this.#blank()
    if (!this.#lanes.includes(from) || !this.#lanes.includes(to)) return blank
    const [a, b] = [this.#columnOf(from), this.#columnOf(to)]
    if (a === b) return this.#mark(from, '↺')
    const room = Math.abs(b - a) - 2
    const middle = label === '' ? '' : ` ${label} `
    const text = middle.length <= room ? middle : ''
    const before = Math.floor((room - text.length) / 2)
    const stroke = line.repeat(before) + text + line.repeat(room - text.length - before)
    return a < b
      ? `${blank.slice(0, a)}├${stroke}▶${blank.slice(b)}`
      : `${blank.slice(0, b + 1)}◀${stroke}┤${blank.slice(a + 1)}`
  }
}

/** The events that brought them: the last ones, if as much came more often. */
function unexpectedAmong(
  events: readonly RecordedEvent[],
  unexpected: readonly Compared[],
): ReadonlySet<RecordedEvent> {
  const found = new Set<RecordedEvent>()
  for (const { bytes, from, groups } of unexpected) {
    const event = events.findLast(
      each =>
        each.kind === 'received' &&
        !found.has(each) &&
        each.datagram.portId === from &&
        each.datagram.groups === groups &&
        each.datagram.bytes.equals(bytes),
    )
    if (event) found.add(event)
  }
  return found
}

/** Something that is said, and no marker of the helpers. */
function isTalk(event: RecordedEvent): boolean {
  if (event.kind === 'received') return !isMarker(event.datagram.bytes)
  return event.kind === 'failed' || (event.kind === 'sent' && !isMarker(event.bytes))
}

function asLine(event: RecordedEvent): Line {
  return { event }
}

function droppedLine(dropped: number): Line[] {
  return dropped === 0 ? [] : [{ note: `... ${dropped} more, which were not kept ...` }]
}

function prefixed(prefix: string, [first = '', ...more]: readonly string[]): string[] {
  return [prefix + first, ...more]
}

function maskOf(mask: number): string {
  return `to group ${groupOf(mask)}: `
}

function centred(text: string, width: number): string {
  const cut = text.length > width - 1 ? `${text.slice(0, width - 2)}…` : text
  const before = Math.floor((width - cut.length) / 2)
  return ' '.repeat(before) + cut + ' '.repeat(width - cut.length - before)
}
