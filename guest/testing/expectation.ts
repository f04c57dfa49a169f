// SPDX-License-Identifier: MIT
/** What failed comparisons of datagrams say was too much, and what was missing. */
import { Datagram, type ObservedSocket, OverflowError } from '../netlink/index.ts'
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
  #seen: { readonly thrown: Thrown; readonly expectations: readonly Expectation[] }[] = []
  /** What was thrown. */
  readonly #noted = new WeakSet<object>()

  begin(): void {
    this.#seen = []
  }

  /** @param negated whether it was expected not to be so */
  note(thrown: unknown, negated = false): void {
    if (typeof thrown !== 'object' || thrown === null || this.#noted.has(thrown)) return
    const expectations = expectationsOf(thrown, negated)
    if (expectations.length === 0) return
    this.#noted.add(thrown)
    this.#seen = [...this.#seen.slice(1 - MOST), { thrown, expectations }]
  }

  /**
   * Those of these errors, which Vitest has copied: they have the stacks of what was thrown, by now, because
   * `.resolves`, expect.poll() and vi.waitFor() give it the caller's. Of equal stacks the last ones.
   */
  of(errors: readonly Thrown[]): Expectation[] {
    const open = this.#seen.map(({ thrown: { stack }, expectations }) => ({ stack, expectations }))
    return errors
      .toReversed()
      .flatMap(({ stack }) => {
        const at = stack === undefined ? -1 : open.findLastIndex(each => each.stack === stack)
        return at === -1 ? [] : open.splice(at, 1)
      })
      .toReversed()
      .flatMap(({ expectations }) => expectations)
  }
}

/** Of a failed comparison of datagrams, or of lists and objects that have some: none of anything else. */
export function expectationsOf(thrown: unknown, negated = false): Expectation[] {
  if (typeof thrown !== 'object' || thrown === null) return []
  const { expected, actual } = thrown as { expected?: unknown; actual?: unknown }
  // toContainEqual() of Vitest
  const isItem = Array.isArray(actual) && !Array.isArray(expected)
  const whole = expectationOf(actual, expected, { negated, isItem })
  if (whole) return [whole]
  // Nobody knows which part of it was to differ.
  return negated ? [] : partsOf(actual, expected, new Set()).filter(hasMarks)
}

function hasMarks({ missing, unexpected, misplaced }: Expectation): boolean {
  return missing.length + unexpected.length + misplaced.length > 0
}

/** Values within values that are looked at. */
const DEEPEST = 10

/**
 * What is in the same place of both.
 * @param around those that these are in
 */
function partsOf(actual: unknown, expected: unknown, around: ReadonlySet<unknown>): Expectation[] {
  if (around.size === DEEPEST || around.has(actual)) return []
  const inside = new Set([...around, actual])
  return counterparts(actual, expected).flatMap(([came, wanted]) => {
    if (Object.is(came, wanted)) return []
    // Another shape, which is no matter of who said what.
    const isOther = came !== undefined && wanted !== undefined && isList(came) !== isList(wanted)
    const found = isOther ? undefined : expectationOf(came, wanted ?? [])
    return found ? [found] : partsOf(came, wanted, inside)
  })
}

function isList(value: unknown): boolean {
  return Array.isArray(value) || Array.isArray(matcherOf(value)?.sample)
}

/** By index or by key; of objects what was expected: there may be more (toMatchObject()). */
function counterparts(actual: unknown, expected: unknown): [came: unknown, wanted: unknown][] {
  if (Array.isArray(expected)) {
    if (actual !== undefined && !Array.isArray(actual)) return []
    const came: readonly unknown[] = actual ?? []
    // What is beyond what was expected is marked if that is of the same shape.
    const length = expected.every(isList) ? Math.max(came.length, expected.length) : expected.length
    return Array.from({ length }, (_, index) => [came[index], expected[index]])
  }
  if (expected instanceof Map)
    return actual instanceof Map ? Array.from(expected, ([key, wanted]) => [actual.get(key), wanted]) : []
  const matcher = matcherOf(expected)
  const fields = matcher && !matcher.inverse ? matcher.sample : expected
  if (!isPlain(fields) || !isPlain(actual)) return []
  return Object.entries(fields).map(([key, wanted]) => [actual[key], wanted])
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** @returns undefined unless both are datagrams */
function expectationOf(
  actual: unknown,
  expected: unknown,
  { negated = false, isItem = false }: { readonly negated?: boolean; readonly isItem?: boolean } = {},
): Expectation | undefined {
  const came = datagramsOf(actual ?? [])
  const wanted = wantedOf(expected)
  if (came === undefined || wanted === undefined) return undefined
  if (came.length === 0 && wanted.list.length === 0) return undefined
  const refused = negated ? !wanted.isRefused : wanted.isRefused
  const reader = typeof actual === 'object' && actual !== null ? get.call(readers, actual) : undefined
  const isAmong = wanted.isAmong || isItem
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
  const matcher = matcherOf(expected)
  const isMatcher = Array.isArray(matcher?.sample)
  const list = datagramsOf(isMatcher ? matcher?.sample : expected)
  return list && { list, isAmong: isMatcher, isRefused: isMatcher && matcher?.inverse === true }
}

/** expect.arrayContaining() and expect.objectContaining() of Vitest. */
interface Matcher {
  readonly sample: unknown
  readonly inverse: boolean
}

function matcherOf(expected: unknown): Matcher | undefined {
  const { asymmetricMatch, sample, inverse } = (expected ?? {}) as {
    readonly asymmetricMatch?: unknown
    readonly sample?: unknown
    readonly inverse?: unknown
  }
  return typeof asymmetricMatch === 'function' ? { sample, inverse: inverse === true } : undefined
}

/** One datagram or a list of them as values, without lost ones; undefined for anything else. */
function datagramsOf(value: unknown): readonly WireDatagram[] | undefined {
  if (!Array.isArray(value)) return datagramsOf([value])
  const list = value.flatMap(each =>
    each instanceof OverflowError ? [] : [each instanceof Datagram ? wire(each) : each],
  )
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
