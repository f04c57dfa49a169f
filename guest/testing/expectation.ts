// SPDX-License-Identifier: MIT
/** What failed comparisons of datagrams say was too much, and what was missing. */
import { Datagram, type ObservedSocket } from '../netlink/index.ts'
import { isWireDatagram, type WireDatagram, wire, wireBytes } from './wire.ts'

/** A datagram of a comparison: its bytes, and its sender and groups as in {@link Datagram}. */
export interface Compared {
  readonly bytes: Uint8Array
  readonly from: number
  readonly groups: number
}

/** Turns count from 1. */
export interface Misplaced extends Compared {
  readonly expectedAs: number
  readonly cameAs: number
}

/** What a comparison of the datagrams that came has found. */
export interface Expectation {
  /** What came and was not expected. */
  readonly unexpected: readonly Compared[]
  /** What was expected and did not come. */
  readonly missing: readonly Compared[]
  /** What came as expected, but not in its turn: of a list that has all that was expected, and nothing else. */
  readonly misplaced: readonly Misplaced[]
  /** The identity of the socket that the compared datagrams were taken from; undefined if that is unknown. */
  readonly reader: number | undefined
}

/** An error, as far as it is looked at. */
export interface Thrown {
  readonly stack?: unknown
}

// Kept from before any test.
const { get, set } = WeakMap.prototype
/** The identities of the sockets that lists of datagrams were taken from. */
const readers = new WeakMap<object, number>()

/** Remembers that a socket has received these. @returns the same list */
export function readBy<T extends object>(socket: ObservedSocket, list: T): T {
  set.call(readers, list, socket.identity)
  return list
}

/** Comparisons kept, of a test that makes many that fail (expect.poll). */
const MOST = 64

/** The failed comparisons of a conversation. Vitest keeps only texts of what was compared. */
export class Expectations {
  #seen: { readonly stack: unknown; readonly expectation: Expectation }[] = []
  /** What was thrown. */
  readonly #noted = new WeakSet<object>()

  begin(): void {
    this.#seen = []
  }

  /** @param negated whether it was expected not to be so */
  note(thrown: unknown, negated = false): void {
    if (typeof thrown !== 'object' || thrown === null || this.#noted.has(thrown)) return
    const expectation = expectationOf(thrown, negated)
    if (expectation === undefined) return
    this.#noted.add(thrown)
    const { stack }: Thrown = thrown
    this.#seen = [...this.#seen.slice(1 - MOST), { stack, expectation }]
  }

  /** Those of these errors, which Vitest has copied: they have the stacks of what was thrown. */
  of(errors: readonly Thrown[]): Expectation[] {
    return errors.flatMap(error => {
      const found = this.#seen.findLast(({ stack }) => stack !== undefined && stack === error.stack)
      return found ? [found.expectation] : []
    })
  }
}

/** @returns undefined unless it is a failed comparison of datagrams */
export function expectationOf(thrown: unknown, negated = false): Expectation | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined
  const { expected, actual } = thrown as { expected?: unknown; actual?: unknown }
  const came = datagramsOf(actual ?? [])
  const wanted = wantedOf(expected)
  if (came === undefined || wanted === undefined) return undefined
  if (came.length === 0 && wanted.list.length === 0) return undefined
  const refused = negated ? !wanted.isRefused : wanted.isRefused
  const reader = typeof actual === 'object' && actual !== null ? get.call(readers, actual) : undefined
  const isAmong = wanted.isAmong || (Array.isArray(actual) && !Array.isArray(expected))
  if (refused)
    return { reader, missing: [], misplaced: [], unexpected: isAmong ? common(came, wanted.list) : [] }
  const missing = without(wanted.list, came).map(compared)
  const unexpected = isAmong ? [] : without(came, wanted.list).map(compared)
  const isPermuted = !isAmong && missing.length === 0 && unexpected.length === 0
  return { reader, missing, unexpected, misplaced: isPermuted ? outOfTurn(came, wanted.list) : [] }
}

/** What was expected: `isAmong` others that may have come, too, or `isRefused`: not to come. */
interface Wanted {
  readonly list: readonly WireDatagram[]
  readonly isAmong: boolean
  readonly isRefused: boolean
}

function wantedOf(expected: unknown): Wanted | undefined {
  const { asymmetricMatch, sample, inverse } = (expected ?? {}) as {
    readonly asymmetricMatch?: unknown
    readonly sample?: unknown
    readonly inverse?: unknown
  }
  // expect.arrayContaining() of Vitest
  const isMatcher = typeof asymmetricMatch === 'function' && Array.isArray(sample)
  const list = datagramsOf(isMatcher ? sample : expected)
  return list && { list, isAmong: isMatcher, isRefused: isMatcher && inverse === true }
}

/** One datagram or a list of them as values; undefined for anything else. */
function datagramsOf(value: unknown): readonly WireDatagram[] | undefined {
  if (!Array.isArray(value)) return datagramsOf([value])
  const list = value.map(each => (each instanceof Datagram ? wire(each) : each))
  return list.every(isWireDatagram) ? list : undefined
}

function compared(datagram: WireDatagram): Compared {
  const { from, groups } = datagram
  return { bytes: wireBytes(datagram), from, groups }
}

function keyOf(datagram: WireDatagram): string {
  return JSON.stringify(datagram)
}

function common(all: readonly WireDatagram[], others: readonly WireDatagram[]): Compared[] {
  const keys = others.map(keyOf)
  return all.filter(each => keys.includes(keyOf(each))).map(compared)
}

/** Those that came at other places than they were expected; of equal ones the first is the first. */
function outOfTurn(came: readonly WireDatagram[], wanted: readonly WireDatagram[]): Misplaced[] {
  const keys = came.map(keyOf)
  const open = wanted.map((each, index) => (keyOf(each) === keys[index] ? undefined : keyOf(each)))
  const inTurn = open.map(each => each === undefined)
  return came.flatMap((each, index) => {
    if (inTurn[index]) return []
    const at = open.indexOf(keys[index])
    open[at] = undefined
    return [{ ...compared(each), expectedAs: at + 1, cameAs: index + 1 }]
  })
}

/** Those of `all` that are not in `others`, each of which counts once. */
function without(all: readonly WireDatagram[], others: readonly WireDatagram[]): WireDatagram[] {
  const left = others.map(keyOf)
  return all.filter(each => {
    const at = left.indexOf(keyOf(each))
    if (at !== -1) left.splice(at, 1)
    return at === -1
  })
}
