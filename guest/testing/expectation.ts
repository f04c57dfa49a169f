// SPDX-License-Identifier: MIT
/** What a failed comparison of datagrams (wire.ts) says was too much, and what was missing. */
import type { Compared, Expectation } from './sequence.ts'
import { isWireDatagram, type WireDatagram, wireBytes } from './wire.ts'

/** @param thrown what the test threw; undefined unless it is a failed comparison of lists of datagrams */
export function expectationOf(thrown: unknown): Expectation | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined
  const { expected, actual } = thrown as { expected?: unknown; actual?: unknown }
  if (!isList(expected) || !isList(actual)) return undefined
  return {
    missing: without(expected, actual).map(compared),
    unexpected: without(actual, expected).map(compared),
  }
}

function compared(datagram: WireDatagram): Compared {
  const { from, groups } = datagram
  return { bytes: wireBytes(datagram), from, groups }
}

function isList(value: unknown): value is readonly WireDatagram[] {
  return Array.isArray(value) && value.every(isWireDatagram)
}

function keyOf(datagram: WireDatagram): string {
  return JSON.stringify(datagram)
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
