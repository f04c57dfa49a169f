// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { pairedSockets } from './paired-sockets.ts'

/** Sockets by name, and what each asks. */
const sockets = (all: Record<string, string>) =>
  new Map(Object.entries(all).map(([name, keys]) => [name, [...keys].map(key => ({ key }))]))
const paired = (base: Record<string, string>, head: Record<string, string>) =>
  pairedSockets(sockets(base), sockets(head)).map(([name, other]) => `${base[name]}-${head[other]}`)

test('sockets are paired by name, where they ask the same, or one has asked less', () => {
  expect(paired({ a: 'xyz', b: 'xyz' }, { a: 'xyz', b: 'xyz' })).toEqual(['xyz-xyz', 'xyz-xyz'])
  expect(paired({ a: 'xyz', b: 'xy' }, { a: 'x', b: 'xyz' })).toEqual(['xyz-x', 'xy-xyz'])
})

test('threads that end in another order have other names for the same sockets', () => {
  const threads = paired(
    { a: 'main', b: 'pqr', c: 'rpq', d: 'qrp' },
    { a: 'main', b: 'qrp', c: 'pq', d: 'rpq' },
  )
  expect(threads).toEqual(['main-main', 'pqr-pq', 'rpq-rpq', 'qrp-qrp'])
})

test('what is like none keeps its name, and what one side lacks is left out', () => {
  expect(paired({ a: 'xyz', b: 'uv' }, { a: 'xyz', b: 'wv' })).toEqual(['xyz-xyz', 'uv-wv'])
  expect(paired({ a: 'xyz', b: 'uv' }, { a: 'xyz', c: 'st' })).toEqual(['xyz-xyz'])
  expect(paired({ a: 'xyz' }, { a: 'xyz', b: 'uv' })).toEqual(['xyz-xyz'])
})
