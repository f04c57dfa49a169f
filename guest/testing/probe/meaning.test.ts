// SPDX-License-Identifier: MIT
/** What a specification adds to a probe: names, good payloads, and what is wrong with answers. */
import { expect, test } from 'vitest'
import { attr, Datagram, encodeGenericHeader, encodeMessage, type Message } from '../../netlink/index.ts'
import { parseSpecification } from '../../ynl/reader.ts'
import { Meaning } from './meaning.ts'
import { Subject } from './subject.ts'

const demo = parseSpecification(`
name: demo
protocol: genetlink
doc: A demonstration.
definitions:
  - { name: color, type: enum, entries: [ red, green ] }
  - { name: traits, type: flags, entries: [ big, old ] }
attribute-sets:
  - name: thing
    attributes:
      - { name: id, type: u32, checks: { min: 5, max: 6 } }
      - { name: color, type: u8, enum: color }
      - { name: traits, type: u32, enum: traits }
      - { name: port, type: u16, byte-order: big-endian }
      - { name: address, type: binary, display-hint: ipv6 }
      - { name: inner, type: nest, nested-attributes: inner }
      - { name: names, type: string, multi-attr: true }
      - { name: note, type: string }
  - name: inner
    attributes:
      - { name: deep, type: u8 }
      - { name: again, type: nest, nested-attributes: inner }
operations:
  list:
    - name: get
      doc: Get a thing.
      attribute-set: thing
      do:
        request: { attributes: [ id ] }
        reply: { attributes: [ id, color, inner, names ] }
    - { name: thing-ntf, doc: Told., notify: get, mcgrp: all }
mcast-groups:
  list: [ { name: all } ]
`)
const [ID, COLOR, TRAITS, PORT, ADDRESS, INNER, NAMES, NOTE] = [1, 2, 3, 4, 5, 6, 7, 8]
const GET = demo.operations[0]?.request ?? -1
const asked = { command: GET, kind: 'do' } as const

function message(...attributes: readonly Buffer[]): Message {
  const bytes = encodeMessage({ type: 30 }, encodeGenericHeader({ command: GET }), ...attributes)
  const [found] = new Datagram(bytes, 0, 0, bytes.length).messages()
  if (found === undefined) throw new Error('no message')
  return found
}

test('names, and the attributes of requests', () => {
  const meaning = new Meaning(demo)
  expect(meaning.commandName(GET)).toBe('get')
  expect(meaning.commandOf('get')).toBe(GET)
  expect(meaning.attributeName(GET, PORT)).toBe('port')
  expect(meaning.requestTypes(asked)).toEqual([ID])
  expect(meaning.requestTypes({ command: GET, kind: 'dump' })).toBeUndefined()
  expect(meaning.policyOf(GET, PORT)).toEqual({ type: 'BE16' })
  expect(meaning.policyOf(GET, INNER)).toEqual({ type: 'NESTED' })
})

test('good payloads are what the specification means', () => {
  const meaning = new Meaning(demo)
  const payload = (type: number, variant: number) =>
    meaning.payload(GET, type, variant, false)?.toString('hex')
  expect([0, 1, 2].map(variant => payload(ID, variant))).toEqual(['05000000', '06000000', '05000000'])
  expect([0, 1, 2].map(variant => payload(COLOR, variant))).toEqual(['00', '01', '00'])
  expect([0, 1].map(variant => payload(TRAITS, variant))).toEqual(['01000000', '02000000'])
  expect(payload(PORT, 2)).toBe('0003')
  expect(payload(ADDRESS, 0)).toHaveLength(32)
  // A set that holds itself is not written without end.
  expect(payload(INNER, 0)).toMatch(/^0500010001000000..000280/)
  expect(payload(NAMES, 1)).toBe(Buffer.from('t0001\0').toString('hex'))
  // Where the kernel tells the limits of plain numbers and texts, these are nearer.
  expect(meaning.payload(GET, NOTE, 0, true)).toBeUndefined()
  expect(meaning.payload(GET, 99, 0, false)).toBeUndefined()
})

test('answers that are not as the specification says', () => {
  const meaning = new Meaning(demo)
  const faults = (...attributes: readonly Buffer[]) => meaning.faultsOf(message(...attributes), asked)
  const inner = attr.nested(INNER, attr.u8(1, 7))
  expect(faults(attr.u32(ID, 5), inner, attr.string(NAMES, 'a'), attr.string(NAMES, 'b'))).toEqual([])
  expect(faults(attr.u32(99, 1))).toEqual([
    'the answer to get has an attribute 99 that the specification does not have',
  ])
  expect(faults(attr.nested(INNER, attr.u8(9, 7)))).toEqual([
    'the answer to get has an attribute inner.9 that the specification does not have',
  ])
  expect(faults(attr.u16(ID, 5))).toEqual([
    expect.stringMatching(/^the answer to get is not as the specification says: .*id/),
  ])
  expect(faults(attr.string(NOTE, 'x'))).toEqual([
    'the answer to get has note, which the specification has elsewhere, but not there',
  ])
  expect(faults(attr.u32(ID, 5), attr.u32(ID, 6))).toEqual([
    'the answer to get has id several times, and the specification does not say multi-attr',
  ])
  expect(meaning.faultsOf(message(attr.u32(99, 1)), undefined)).toEqual([
    'a notification get has an attribute 99 that the specification does not have',
  ])
  // color has never come.
  expect(meaning.missing()).toEqual(['no answer to get (do) has color, which the specification says it has'])
})

test('what is given by name is looked up in the specification', () => {
  const options = { modules: [], meaning: new Meaning(demo) }
  expect(new Subject('demo', { ...options, values: { note: Buffer.from('x') } }).given(NOTE, 0)).toEqual(
    Buffer.from('x'),
  )
  const { unexpected } = { unexpected: new Subject('demo', { ...options, expect: { get: ['ENOENT'] } }) }
  const answer = { datagrams: [], replies: [], faults: [] }
  const operation = { ...asked, privilege: 'none', policy: undefined } as const
  expect(unexpected.unexpected(operation, { ...answer, code: 'ENOENT' })).toEqual([])
  expect(unexpected.unexpected(operation, { ...answer, code: 'EBUSY' })).toEqual([
    'refused with EBUSY; expected is success or ENOENT',
  ])
  for (const [given, message] of [
    [{ values: { nte: Buffer.alloc(1) } }, 'values: the specification has no attribute nte'],
    [{ order: ['got'] }, 'order: the specification has no operation got, but get'],
    [{ meaning: undefined, expect: { get: [] } }, 'expect: get is a name, and there is no spec that has it'],
  ] as const)
    expect(() => new Subject('demo', { ...options, ...given })).toThrow(message)
  expect(() => new Subject('other', options)).toThrow('spec is of the family demo, not of other')
})
