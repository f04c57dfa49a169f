// SPDX-License-Identifier: MIT
/** A conversation as a sequence diagram: a lane for the kernel and for each socket, and what happened. */
import type { SequenceDiagram, SequenceRow } from '../agent/protocol.ts'
import { NLMSG_HDRLEN } from '../netlink/index.ts'
import { openings, pairsOf, type ReceivedEvent } from './between-sockets.ts'
import type { Compared, Expectation } from './expectation.ts'
import { isMarker, isOfMarker } from './markers.ts'
import { failureOf, groupOf, MessageText, waitOf } from './message-text.ts'
import { type Conversation, namespaceName, type RecordedEvent, type RecordedSocket } from './recording.ts'

/** What a diagram has beside what was said. */
export interface Circumstances {
  /** Of the failed comparisons. */
  readonly expectations?: readonly Expectation[]
  /** Names of the tests whose sockets these are. */
  readonly tests?: readonly string[]
}

/** Most sockets that have lanes of their own; what all further ones say has their names. */
const MOST_LANES = 5
/** Most silent sockets without a lane that are named. */
const MOST_SILENT = 8
/** Most events that are drawn: the first and the last ones. */
const FIRST_EVENTS = 20
const LAST_EVENTS = 40
/** Marked events between them that are drawn, each with so many neighbours on either side. */
const MOST_MARKED = 40
const NEIGHBOURS = 2
/** Most datagrams that are drawn as missing. */
const MOST_MISSING = 40
/** Most names of tests that ran at the same time. */
const MOST_NAMES = 5

/** What helpers send is not the test's own. */
const markerName = 'the message with which a helper finds out that all has come'

type Lane = RecordedSocket | 'kernel'
type Line =
  | { readonly event: RecordedEvent }
  | { readonly note: string /** Events that it stands for. */; readonly dropped: number }

/** @returns undefined if nothing was said */
export function sequenceOf(
  conversation: Conversation,
  families: ReadonlyMap<number, string>,
  { expectations = [], tests = [] }: Circumstances = {},
): SequenceDiagram | undefined {
  const all = [...conversation.first, ...conversation.last]
  const { unheard = [] } = conversation
  if (!all.some(isTalk) && unheard.length === 0 && expectations.every(({ missing }) => missing.length === 0))
    return undefined
  const isWhole = conversation.dropped === 0 && all.every(({ missed = 0 }) => missed === 0)
  return new Sequence(all, conversation.sockets, families, expectations, isWhole).of(conversation, tests)
}

class Sequence {
  readonly #lanes: Lane[]
  /** Sockets without a lane that joined a group or say something, and those that do neither. */
  readonly #others: ReadonlySet<RecordedSocket>
  readonly #silent: readonly RecordedSocket[]
  readonly #events: readonly RecordedEvent[]
  readonly #sockets: readonly RecordedSocket[]
  readonly #text: MessageText
  readonly #expectations: readonly Expectation[]
  readonly #unexpected: ReadonlySet<RecordedEvent>
  /** What is said of those that did not come in their turn. */
  readonly #misplaced: ReadonlyMap<RecordedEvent, string>
  /** What a socket of the test has sent to another one of it, and what that has received as it. */
  readonly #pairs: ReadonlyMap<RecordedEvent, ReceivedEvent>
  /** Whether what has no pair was not taken. */
  readonly #isWhole: boolean
  readonly #isTaken: ReadonlySet<RecordedEvent>
  /** Sockets that had the port id of others, by their number among these. */
  readonly #namesakes: ReadonlyMap<RecordedSocket, number>
  /** When sockets were opened, as far as that is recorded. */
  readonly #openedAt: ReadonlyMap<RecordedSocket, number>
  readonly #start: number

  constructor(
    events: readonly RecordedEvent[],
    sockets: readonly RecordedSocket[],
    families: ReadonlyMap<number, string>,
    expectations: readonly Expectation[],
    isWhole: boolean,
  ) {
    const active = new Set(events.filter(isTalk).map(({ socket }) => socket))
    const requester = events.find(event => event.kind === 'sent' && isTalk(event))?.socket ?? [...active][0]
    const inVain = sockets.filter(({ identity }) => expectations.some(each => each.reader === identity))
    // Those that say nothing, too: a silence may be what is wrong. Not those that earlier tests have left.
    const used = new Set(events.map(({ socket }) => socket))
    const listeners = sockets.filter(isListener)
    const others = new Set([...inVain, ...active, ...listeners.filter(each => used.has(each))])
    if (requester) others.delete(requester)
    const kept = new Set([...others].slice(0, MOST_LANES - (requester ? 1 : 0)))
    const inOrder = [...new Set([...active, ...others])].filter(each => kept.has(each))
    this.#lanes = [...(requester ? [requester] : []), 'kernel', ...inOrder]
    this.#others = new Set([...others].filter(each => !kept.has(each)))
    this.#silent = [...new Set([...this.#others, ...listeners])].filter(
      each => !active.has(each) && !this.#lanes.includes(each),
    )
    this.#events = events
    this.#sockets = sockets
    this.#text = new MessageText(events, families, sockets[0]?.protocol)
    this.#expectations = expectations
    this.#unexpected = new Set(eventsOf(events, expectations, ({ unexpected }) => unexpected).keys())
    const misplaced = eventsOf(events, expectations, each => each.misplaced.toReversed())
    this.#misplaced = new Map(
      [...misplaced].map(([event, { cameAs, expectedAs }]) => [
        event,
        `✗ expected as number ${expectedAs}, came as number ${cameAs}: `,
      ]),
    )
    this.#openedAt = openings(events)
    this.#isWhole = isWhole
    this.#pairs = isWhole ? pairsOf(events) : new Map()
    this.#isTaken = new Set(this.#pairs.values())
    this.#namesakes = namesakesOf([...new Set([...this.#lanes, ...this.#others, ...this.#silent])])
    this.#start = events[0]?.time ?? 0
  }

  of({ first, dropped, last, unheard = [] }: Conversation, tests: readonly string[]): SequenceDiagram {
    const shown = this.#folded([...first.flatMap(linesOf), ...droppedLine(dropped), ...last.flatMap(linesOf)])
    const absent = this.#expectations.flatMap(({ missing, reader }) =>
      missing.map(each => ({ each, reader })),
    )
    const missing = absent.slice(0, MOST_MISSING).map(({ each, reader }) => this.#missing(each, reader))
    const more = absent.length - missing.length
    if (more > 0) missing.push({ text: [`... ${more} more were expected, and did not come ...`] })
    const together = tests.length > 1 ? [{ text: [togetherNote(tests)] }] : []
    return {
      lanes: this.#titles(),
      rows: [
        ...together,
        ...unheard.map(unheardNote),
        ...this.#silence(),
        ...shown.flatMap(line => this.#row(line)),
        ...missing,
      ],
    }
  }

  #folded(lines: readonly Line[]): readonly Line[] {
    const drawn = lines.filter(line => 'note' in line || this.#isDrawn(line.event))
    if (drawn.length <= FIRST_EVENTS + LAST_EVENTS + 1) return drawn
    const end = drawn.length - LAST_EVENTS
    const inside = drawn.flatMap((line, at) =>
      at >= FIRST_EVENTS && at < end && this.#isMarked(line) ? at : [],
    )
    const kept = new Set(inside.slice(0, MOST_MARKED).flatMap(at => range(at - NEIGHBOURS, at + NEIGHBOURS)))
    const shown: Line[] = []
    let folded: Line[] = []
    for (const [at, line] of drawn.entries()) {
      const isShown = at < FIRST_EVENTS || at >= end || kept.has(at)
      if (!isShown) folded.push(line)
      if (isShown || at === drawn.length - 1) {
        shown.push(...this.#fold(folded), ...(isShown ? [line] : []))
        folded = []
      }
    }
    return shown
  }

  /** A line in place of several. */
  #fold(lines: readonly Line[]): readonly Line[] {
    if (lines.length < 2) return lines
    const dropped = sum(lines.map(line => ('note' in line ? line.dropped : 0)))
    const count = dropped + lines.filter(line => 'event' in line).length
    const marked = lines.filter(line => this.#isMarked(line)).length
    const words = [
      ...(dropped > 0 ? [`${dropped} were not kept`] : []),
      ...(marked > 0 ? [`${marked} are as wrong as these`] : []),
    ]
    return [
      { note: `... ${count} more${words.length > 0 ? `, of which ${words.join(', ')}` : ''} ...`, dropped },
    ]
  }

  /** Whether it is why a reader looks at the diagram. */
  #isMarked(line: Line): boolean {
    if ('note' in line) return false
    const { event } = line
    return [event, this.#pairs.get(event)].some(
      each => each && (each.kind === 'failed' || this.#unexpected.has(each) || this.#misplaced.has(each)),
    )
  }

  /** The groups of a socket that never says anything, and has none in the end, do not matter. */
  #isDrawn(event: RecordedEvent): boolean {
    const { kind, socket } = event
    // It is drawn where it was sent.
    if (this.#isTaken.has(event)) return false
    if (isTalk(event)) return true
    return (
      (kind === 'joined' || kind === 'left') && (this.#lanes.includes(socket) || this.#others.has(socket))
    )
  }

  /** In words, who has no lane and heard nothing. */
  #silence(): SequenceRow[] {
    const count = this.#silent.length
    if (count === 0) return []
    const named = this.#silent.slice(0, MOST_SILENT).map(each => this.#titleOf(each).join(', '))
    const more = count > MOST_SILENT ? [`${count - MOST_SILENT} more`] : []
    const who = count === 1 ? '1 more socket' : `${count} more sockets`
    return [{ text: [`${who} heard nothing: ${[...named, ...more].join('; ')}`] }]
  }

  /** What stands above each lane. */
  #titles(): string[][] {
    return this.#lanes.map(lane => (lane === 'kernel' ? ['kernel'] : this.#titleOf(lane)))
  }

  #titleOf(socket: RecordedSocket, groups: Iterable<number> = socket.groups): string[] {
    const { portId, protocol, namespace, thread } = socket
    const number = this.#namesakes.get(socket)
    const shown = [...this.#lanes.filter(lane => lane !== 'kernel'), ...this.#others, ...this.#silent]
    const joined = [...groups].sort((a, b) => a - b)
    return [
      (portId === 0 ? 'not bound' : `port ${portId}`) + (number === undefined ? '' : ` (${number})`),
      ...(shown.some(other => other.protocol !== protocol) ? [`protocol ${protocol}`] : []),
      ...(joined.length === 0 ? [] : [`group${joined.length > 1 ? 's' : ''} ${joined.join(',')}`]),
      ...(namespace === undefined ? [] : [namespaceName(namespace)]),
      ...(thread === undefined ? [] : [`thread ${thread}`]),
    ]
  }

  #row(line: Line): SequenceRow[] {
    if ('note' in line) return [{ text: [line.note] }]
    const { event } = line
    const { socket } = event
    const time = event.time - this.#start
    const hasLane = this.#lanes.includes(socket)
    const name = this.#titleOf(socket, []).join(', ')
    const named = hasLane ? '' : `${name}: `
    switch (event.kind) {
      case 'joined':
      case 'left':
        return [{ time, ...this.#mark(socket, '●'), text: [`${named}${event.kind} group ${event.group}`] }]
      case 'failed': {
        const text = `${named}${failureOf(event)}`
        if (event.bytes && isMarker(event.bytes))
          return [{ time, ...this.#mark(socket, '✗'), text: [`${text}, of ${markerName}`] }]
        const bytes = event.bytes && prefixed(`${text}: `, this.#text.lines(event.bytes, socket))
        return [{ time, ...this.#mark(socket, '✗'), text: bytes ?? [text] }]
      }
      case 'waited':
        return [{ time, ...this.#mark(socket, '●'), text: [`${named}${waitOf(event)}`] }]
      case 'sent': {
        const { to, bytes } = event
        const taken = this.#pairs.get(event)
        const other = taken
          ? this.#laneIf(taken.socket)
          : to?.portId
            ? this.#laneOf(to.portId, event)
            : 'kernel'
        const group = to?.groups ? `group ${groupOf(to.groups)}` : ''
        const port = to?.portId && !(hasLane && other) ? `port ${to.portId}` : ''
        const whom = port || (to?.portId ? '' : group)
        const way = hasLane ? whom && `to ${whom}: ` : `${name} to ${whom || 'kernel'}: `
        const text = prefixed(this.#verdictOf(taken) + way, this.#text.lines(bytes, socket))
        const isToTest = to?.portId && !to.groups && other !== 'kernel'
        const late = !taken
          ? isToTest && this.#isWhole
            ? ['  not taken']
            : []
          : this.#isLate(event, taken)
            ? [`  taken at ${(taken.time - this.#start).toFixed(1)} ms`]
            : []
        return [
          {
            time,
            ...this.#arrow(socket, other ?? 'kernel'),
            ...(taken && this.#unexpected.has(taken) ? { verdict: 'unexpected' as const } : {}),
            text: [...text, ...late],
          },
        ]
      }
      case 'received': {
        const { datagram } = event
        const from = datagram.portId === 0 ? 'kernel' : this.#laneOf(datagram.portId, event)
        const group = datagram.group ?? groupOf(datagram.groups)
        const label = group === 0 ? '' : `group ${group}`
        const sender = from === 'kernel' ? 'kernel' : `port ${datagram.portId}`
        const source = from === undefined ? `from ${sender}: ` : ''
        const whom = hasLane ? source : `${sender} to ${[name, label].filter(Boolean).join(', ')}: `
        const toMarker = isOfMarker(datagram.bytes) ? `answer to ${markerName}: ` : ''
        const mark = this.#verdictOf(event) + toMarker
        return [
          {
            time,
            ...this.#arrow(from ?? 'kernel', socket, label),
            ...(this.#unexpected.has(event) ? { verdict: 'unexpected' as const } : {}),
            text: prefixed(mark + whom, this.#text.lines(datagram.bytes, socket)),
          },
        ]
      }
      default:
        return []
    }
  }

  /** What a comparison says of what was received. */
  #verdictOf(received: RecordedEvent | undefined): string {
    if (received === undefined) return ''
    return this.#unexpected.has(received) ? '✗ not expected: ' : (this.#misplaced.get(received) ?? '')
  }

  /** Whether anything that is drawn happened between both. */
  #isLate(sent: RecordedEvent, taken: RecordedEvent): boolean {
    const between = this.#events.slice(this.#events.indexOf(sent) + 1, this.#events.indexOf(taken))
    return between.some(each => this.#isDrawn(each))
  }

  /**
   * What was expected and did not come: to the socket that was to get it, as far as that is known.
   * @param reader the socket that the test has read from
   */
  #missing({ bytes, from, groups }: Compared, reader: number | undefined): SequenceRow {
    const group = groupOf(groups)
    const label = group === 0 ? '' : `group ${group}`
    const targets = this.#targetsOf(bytes, group, reader)
    const [target, ...more] = targets
    const source = from === 0 ? 'kernel' : this.#laneOf(from, target && { socket: target })
    const arrow = target && more.length === 0 && source ? this.#arrow(source, target, label) : {}
    const whom = 'arrow' in arrow ? '' : [label, listOf(targets, group)].filter(Boolean).join(', ')
    return {
      verdict: 'missing',
      ...arrow,
      text: prefixed(`✗ expected, and did not come: ${whom && `${whom}: `}`, this.#text.lines(bytes, target)),
    }
  }

  #targetsOf(bytes: Uint8Array, group: number, reader: number | undefined): readonly RecordedSocket[] {
    const known = this.#sockets.filter(({ identity }) => identity === reader)
    if (known.length > 0) return known
    if (group > 0) return this.#sockets.filter(socket => socket.groups.has(group))
    const portId =
      bytes.length >= NLMSG_HDRLEN ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(12, true) : 0
    const lane = this.#laneOf(portId, undefined)
    return lane === undefined || lane === 'kernel' ? [] : [lane]
  }

  /**
   * The lane of a port id in the namespace and protocol of an event's socket; of several sockets that had it one after
   * the other, the one that had it then.
   */
  #laneOf(portId: number, at: { socket: RecordedSocket; time?: number } | undefined): Lane | undefined {
    const { socket: like, time = Infinity } = at ?? {}
    const lanes = this.#lanes.filter(
      lane =>
        lane !== 'kernel' &&
        lane.portId === portId &&
        portId !== 0 &&
        (like === undefined || (lane.protocol === like.protocol && lane.namespace === like.namespace)),
    ) as RecordedSocket[]
    const openedAt = (lane: RecordedSocket) => this.#openedAt.get(lane) ?? 0
    const inOrder = lanes.toSorted((a, b) => openedAt(a) - openedAt(b))
    return inOrder.findLast(lane => openedAt(lane) <= time) ?? inOrder[0]
  }

  #laneIf(socket: RecordedSocket): Lane | undefined {
    return this.#lanes.includes(socket) ? socket : undefined
  }

  #mark(lane: Lane, sign: '●' | '✗'): Pick<SequenceRow, 'mark'> {
    const index = this.#lanes.indexOf(lane)
    return index === -1 ? {} : { mark: { lane: index, sign } }
  }

  /** None from or to a socket without a lane. */
  #arrow(source: Lane, target: Lane, label = ''): Pick<SequenceRow, 'arrow'> {
    const [from, to] = [this.#lanes.indexOf(source), this.#lanes.indexOf(target)]
    return from === -1 || to === -1 ? {} : { arrow: { from, to, label } }
  }
}

/** The events that brought some of what was compared: the last ones, if as much came more often. */
function eventsOf<T extends Compared>(
  events: readonly RecordedEvent[],
  expectations: readonly Expectation[],
  choose: (expectation: Expectation) => readonly T[],
): ReadonlyMap<RecordedEvent, T> {
  const found = new Map<RecordedEvent, T>()
  for (const expectation of expectations)
    for (const each of choose(expectation)) {
      const { reader } = expectation
      const { bytes, from, groups } = each
      const event = events.findLast(
        event =>
          event.kind === 'received' &&
          !found.has(event) &&
          (reader === undefined || event.socket.identity === reader) &&
          event.datagram.portId === from &&
          event.datagram.groups === groups &&
          event.datagram.bytes.equals(bytes),
      )
      if (event) found.set(event, each)
    }
  return found
}

/** Of sockets with the same address each one's number, from 1 on. */
function namesakesOf(lanes: readonly Lane[]): ReadonlyMap<RecordedSocket, number> {
  const sockets = lanes.filter(lane => lane !== 'kernel')
  const groups = Map.groupBy(sockets, ({ portId, protocol, namespace, thread }) =>
    JSON.stringify([portId, protocol, namespace, thread]),
  )
  const several = [...groups.values()].filter(({ length }) => length > 1)
  return new Map(
    several.flatMap(group =>
      group.toSorted((a, b) => a.identity - b.identity).map((socket, index) => [socket, index + 1] as const),
    ),
  )
}

function isListener({ groups }: RecordedSocket): boolean {
  return groups.size > 0
}

/** Who is to get what was sent to a group; '' for what was sent to one socket, of which nothing is known. */
function listOf(targets: readonly RecordedSocket[], group: number): string {
  if (targets.length > 0) return targets.map(({ portId }) => `port ${portId}`).join(', ')
  return group === 0 ? '' : 'which no socket has joined'
}

function unheardNote(thread: number): SequenceRow {
  return { text: [`what thread ${thread} has said is not known: it was busy when the test ended`] }
}

function togetherNote(tests: readonly string[]): string {
  const more = tests.length > MOST_NAMES ? `, and ${tests.length - MOST_NAMES} more` : ''
  const names = tests.slice(0, MOST_NAMES).join(', ')
  return `of ${tests.length} tests that ran at the same time, not told apart: ${names}${more}`
}

/** Something that is said, and no marker of the helpers. */
function isTalk(event: RecordedEvent): boolean {
  if (event.kind === 'received') return !isMarker(event.datagram.bytes)
  return (
    event.kind === 'failed' || event.kind === 'waited' || (event.kind === 'sent' && !isMarker(event.bytes))
  )
}

function linesOf(event: RecordedEvent): Line[] {
  return [...droppedLine(event.missed ?? 0), { event }]
}

function droppedLine(dropped: number): Line[] {
  return dropped === 0 ? [] : [{ note: `... ${dropped} more, which were not kept ...`, dropped }]
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

function prefixed(prefix: string, [first = '', ...more]: readonly string[]): string[] {
  return [prefix + first, ...more]
}
