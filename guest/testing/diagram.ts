// SPDX-License-Identifier: MIT
/**
 * A sequence diagram in text, time downwards.
 *
 *     ms          port 1001      kernel       port 1002
 *                                              group 1
 *       0.0           ├─────────────▶│             │     type 16: 28 bytes, flags REQUEST|ACK, seq 1, pid 0
 *                     │              │             │       1: 2a 00 00 00
 *       0.3           │              ├── group 1 ─▶│     type 16: 28 bytes, flags 0, seq 1, pid 1001
 */
import type { SequenceDiagram, SequenceRow } from '../agent/protocol.ts'

/** Columns of a lane at least, and of the time before them. */
const LANE = 14
/** Longer titles are cut. */
const WIDEST = 20
const TIME = 10

/** @returns lines of text */
export function diagram({ lanes, rows }: SequenceDiagram): string {
  const longest = Math.max(...lanes.flat().map(({ length }) => length))
  const drawing = new Drawing(lanes.length, Math.min(Math.max(LANE, longest + 2), WIDEST))
  return [...drawing.heading(lanes), ...rows.flatMap(row => drawing.row(row))]
    .map(line => line.trimEnd())
    .join('\n')
}

type Arrow = NonNullable<SequenceRow['arrow']>

class Drawing {
  /** Columns of each lane. */
  readonly #width: number
  /** The lanes where nothing happens. */
  readonly #blank: string

  constructor(lanes: number, width: number) {
    this.#width = width
    this.#blank = centred('│', width).repeat(lanes)
  }

  heading(titles: SequenceDiagram['lanes']): string[] {
    const height = Math.max(...titles.map(({ length }) => length))
    return Array.from({ length: height }, (_, row) => {
      const cells = titles.map(title => centred(title[row] ?? '', this.#width))
      return (row === 0 ? 'ms' : '').padStart(TIME - 2).padEnd(TIME) + cells.join('')
    })
  }

  /** The first line of its text beside the lanes, the others below it. */
  row({ time, arrow, mark, verdict, text: [first = '', ...more] }: SequenceRow): string[] {
    if (time === undefined && verdict === undefined) return [`${' '.repeat(TIME)}${first}`]
    const before =
      time === undefined
        ? '  missing '
        : time
            .toFixed(1)
            .padStart(TIME - 2)
            .padEnd(TIME)
    const lanes = arrow
      ? this.#arrow(arrow, verdict === 'missing' ? '┄' : '─')
      : mark
        ? this.#mark(mark.lane, mark.sign)
        : this.#blank
    const label = arrow && arrow.label !== '' && !this.#hasRoom(arrow) ? `${arrow.label}: ` : ''
    return [
      `${before}${lanes}  ${label}${first}`,
      ...more.map(line => `${' '.repeat(TIME)}${this.#blank}  ${line}`),
    ]
  }

  #columnOf(lane: number): number {
    return lane * this.#width + Math.floor((this.#width - 1) / 2)
  }

  #mark(lane: number, sign: string): string {
    const at = this.#columnOf(lane)
    return this.#blank.slice(0, at) + sign + this.#blank.slice(at + 1)
  }

  /** Whether its label fits upon it. */
  #hasRoom({ from, to, label }: Arrow): boolean {
    return label.length + 2 <= Math.abs(to - from) * this.#width - 2
  }

  #arrow(arrow: Arrow, line: string): string {
    const { from, to, label } = arrow
    if (from === to) return this.#mark(from, '↺')
    const [a, b] = [this.#columnOf(from), this.#columnOf(to)]
    const room = Math.abs(b - a) - 2
    const text = label !== '' && this.#hasRoom(arrow) ? ` ${label} ` : ''
    const before = Math.floor((room - text.length) / 2)
    const stroke = line.repeat(before) + text + line.repeat(room - text.length - before)
    const blank = this.#blank
    return a < b
      ? `${blank.slice(0, a)}├${stroke}▶${blank.slice(b)}`
      : `${blank.slice(0, b + 1)}◀${stroke}┤${blank.slice(a + 1)}`
  }
}

function centred(text: string, width: number): string {
  const cut = text.length > width - 1 ? `${text.slice(0, width - 2)}…` : text
  const before = Math.floor((width - cut.length) / 2)
  return ' '.repeat(before) + cut + ' '.repeat(width - cut.length - before)
}
