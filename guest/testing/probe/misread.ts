// SPDX-License-Identifier: MIT
/** Values that come back otherwise than they were sent, in ways that no module means. */

import type { AttributePolicy } from '../../netlink/index.ts'
import { widths } from './core-rules.ts'

/** An attribute that a request had. */
export interface Sent {
  readonly type: number
  readonly payload: Buffer
  readonly policy: AttributePolicy | undefined
  /** The whole request: what follows the attribute in it must be in no answer. */
  readonly request: Buffer
}

/**
 * What is wrong with what was read, if anything is: an integer is another one, a text ends early, or bytes that
 * follow the attribute in the request come back with it.
 */
export function misread(sent: Sent, read: readonly Buffer[]): string | undefined {
  const { type, payload } = sent
  if (read.length === 0 || read.some(bytes => isRight(sent, bytes))) return undefined
  const shown = read.slice(0, 3).map(hex).join(', ')
  return `attribute ${type} was accepted as ${hex(payload)}, and is read as ${shown}`
}

function isRight(sent: Sent, read: Buffer): boolean {
  const { payload, policy } = sent
  if (read.equals(payload)) return true
  const width = widths[policy?.type ?? '']
  if (width !== undefined) return payload.length !== width
  return !isOverread(sent, read) && !isCut(sent, read) && !isLow(sent, read)
}

/**
 * Whether only the low 32 bits of an integer came back. NLA_MSECS, whose values are rounded, is told as UINT, too.
 */
function isLow({ payload, policy }: Sent, read: Buffer): boolean {
  if (policy?.type !== 'UINT') return false
  if (payload.length !== 8 || read.length < 4 || payload.readUInt32LE(4) === 0) return false
  const high = read.length === 8 ? read.readUInt32LE(4) : 0
  return high === 0 && read.readUInt32LE() === payload.readUInt32LE()
}

function isOverread({ type, payload, request }: Sent, read: Buffer): boolean {
  if (payload.length === 0 || read.length <= payload.length) return false
  if (!read.subarray(0, payload.length).equals(payload)) return false
  const more = read.subarray(payload.length)
  const visible = more.at(-1) === 0 ? more.subarray(0, -1) : more
  if (visible.every(byte => byte === 0)) return false
  return followingBytes(request, type, payload).subarray(0, visible.length).equals(visible)
}

/** Whether a text that has all that it can have is told with more than that: zeros may fill up its block. */
export function isBeyond(longest: Buffer, read: Buffer | undefined): boolean {
  const text = textOf(longest)
  if (read === undefined || text.length === 0) return false
  const more = read.subarray(text.length)
  return read.subarray(0, text.length).equals(text) && more.some(byte => byte !== 0)
}

/**
 * Bytes that a value comes back with beyond what was sent. Who keeps a block or pads it tells always the same length;
 * who tells as many bytes more as ever, and not zeros, reads what is behind. In an entry of its own each time, what
 * fills up a block is always the same.
 */
export class Surplus {
  readonly #seen: { readonly type: number; readonly sent: number; readonly more: Buffer }[] = []
  readonly #isFresh: boolean

  /** @param isFresh whether each value is of a new entry */
  constructor(isFresh = false) {
    this.#isFresh = isFresh
  }

  note(sent: Sent, read: readonly Buffer[]): void {
    const { type, payload, policy } = sent
    if (payload.length === 0 || !['', 'BINARY'].includes(policy?.type ?? '')) return
    if (read.some(bytes => bytes.equals(payload))) return
    const longer = read.find(bytes => bytes.subarray(0, payload.length).equals(payload))
    if (longer !== undefined)
      this.#seen.push({ type, sent: payload.length, more: longer.subarray(payload.length) })
  }

  /** Whether values of several lengths came back with as many bytes more, be they zero or not. */
  get isConstant(): boolean {
    const [first] = this.#seen
    const lengths = new Set(this.#seen.map(({ sent }) => sent))
    return lengths.size >= LENGTHS && this.#seen.every(({ more }) => more.length === first?.more.length)
  }

  /** Whether values of several lengths came back with the same one, filled up with something that differs. */
  get #isBlock(): boolean {
    const lengths = new Set(this.#seen.map(({ sent }) => sent))
    const whole = new Set(this.#seen.map(({ sent, more }) => sent + more.length))
    const last = Math.min(...this.#seen.map(({ more }) => more.length))
    const ends = new Set(this.#seen.map(({ more }) => more.subarray(more.length - last).toString('hex')))
    return this.#isFresh && lengths.size >= LENGTHS && whole.size === 1 && ends.size > 1
  }

  /** The multiple to which the lengths of values are rounded up, as attributes and objects in memory are. */
  get #rounding(): number | undefined {
    const wholes = new Set(this.#seen.map(({ sent, more }) => sent + more.length))
    const mores = new Set(this.#seen.map(({ more }) => more.length))
    if (wholes.size < LENGTHS || mores.size < LENGTHS) return undefined
    return ROUNDINGS.find(multiple =>
      this.#seen.every(({ sent, more }) => sent + more.length === Math.ceil(sent / multiple) * multiple),
    )
  }

  get faults(): string[] {
    const [first] = this.#seen
    const lengths = new Set(this.#seen.map(({ sent }) => sent))
    const rounding = this.#rounding
    if (first !== undefined && rounding !== undefined)
      return [
        `attribute ${first.type} comes back with its length rounded up to a multiple of ${rounding}, of ${[...lengths].join(' as of ')}: padding is no part of it`,
      ]
    const behind = this.#seen.find(({ more }) => more.some(byte => byte !== 0))
    if (first === undefined || behind === undefined) return []
    if (!this.isConstant)
      return this.#isBlock
        ? [
            `attribute ${first.type} of new entries comes back with ${first.sent + first.more.length} bytes, of which fewer were sent: what is behind them is not always the same (${hex(behind.more)})`,
          ]
        : []
    return [
      `attribute ${first.type} comes back with ${first.more.length} bytes more than were sent, of ${[...lengths].join(' as of ')}: they are not part of it (${hex(behind.more)})`,
    ]
  }
}

/** What lengths are rounded up to: NLA_ALIGNTO first. */
const ROUNDINGS = [4, 8, 16, 32, 64]
/** Lengths that were sent: of one alone it may be the length that it always has. */
const LENGTHS = 2

function followingBytes(request: Buffer, type: number, payload: Buffer): Buffer {
  const length = Buffer.from([(payload.length + 4) & 0xff, (payload.length + 4) >> 8])
  for (let at = request.indexOf(length); at >= 0; at = request.indexOf(length, at + 1)) {
    const end = at + 4 + payload.length
    const isIt =
      (request.readUInt16LE(at + 2) & 0x3fff) === type && request.subarray(at + 4, end).equals(payload)
    if (isIt) return request.subarray(end)
  }
  return Buffer.alloc(0)
}

/** Only a text that its policy has room for: others may be cut by design. */
function isCut({ payload, policy }: Sent, read: Buffer): boolean {
  const { type = '', maximumLength } = policy ?? {}
  if (!type.endsWith('STRING') || maximumLength === undefined) return false
  const [whole, part] = [textOf(payload), textOf(read)]
  return part.length > 0 && part.length < whole.length && whole.subarray(0, part.length).equals(part)
}

/** What follows a NUL is no part of a text. */
function textOf(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0)
  return end < 0 ? bytes : bytes.subarray(0, end)
}

function hex(bytes: Buffer): string {
  if (bytes.length === 0) return 'nothing'
  return bytes.length > 40
    ? `${bytes.subarray(0, 40).toString('hex')}... (${bytes.length} bytes)`
    : bytes.toString('hex')
}
