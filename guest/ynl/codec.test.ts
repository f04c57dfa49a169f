// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { attr, encodeMessage, type Message, parseMessages } from '../netlink/index.ts'
import { Codec, parseSpecification, type Values } from './index.ts'

const specification = parseSpecification(`
name: demo
doc: Every type of attribute.
protocol: netlink-raw
protonum: 31
definitions:
  - { type: enum, name: colour, entries: [ red, green, { name: blue, value: 7 } ] }
  - { type: flags, name: traits, entries: [ big, { name: odd, value: 3 } ] }
  - type: struct
    name: head
    members:
      - { name: family, type: u8, enum: colour }
      - { name: gap, type: pad, len: 1 }
      - { name: port, type: u16, byte-order: big-endian }
      - { name: ifindex, type: s32 }
      - { name: label, type: string, len: 4 }
      - { name: hw, type: binary, len: 6, display-hint: mac }
  - type: struct
    name: pair
    members: [ { name: a, type: u8 }, { name: b, type: u32 }, { name: c, type: u64 } ]
  - type: struct
    name: outer
    members: [ { name: pair, type: binary, struct: pair }, { name: ip, type: u32, byte-order: big-endian, display-hint: ipv4 } ]
attribute-sets:
  - name: item
    attributes:
      - { name: u8, type: u8 }
      - { name: s8, type: s8 }
      - { name: u16, type: u16, byte-order: big-endian }
      - { name: s16, type: s16, byte-order: big-endian }
      - { name: u32, type: u32 }
      - { name: s32, type: s32, byte-order: big-endian }
      - { name: u64, type: u64 }
      - { name: s64, type: s64, byte-order: big-endian }
      - { name: uint, type: uint }
      - { name: sint, type: sint }
      - { name: big-uint, type: uint, byte-order: big-endian }
      - { name: flag, type: flag }
      - { name: text, type: string }
      - { name: bytes, type: binary }
      - { name: colour, type: u32, enum: colour }
      - { name: traits, type: u64, enum: traits }
      - { name: bits, type: u8, enum: colour, enum-as-flags: true }
      - { name: field, type: bitfield32 }
      - { name: named-field, type: bitfield32, enum: traits }
      - { name: mac, type: binary, display-hint: mac }
      - { name: ip, type: binary, display-hint: ipv4-or-v6 }
      - { name: ip4, type: u32, byte-order: big-endian, display-hint: ipv4 }
      - { name: uuid, type: binary, display-hint: uuid }
      - { name: numbers, type: binary, sub-type: u16, byte-order: big-endian }
      - { name: outer, type: binary, struct: outer }
      - { name: many, type: u16, multi-attr: true }
      - { name: nest, type: nest, nested-attributes: item }
      - { name: nests, type: nest, nested-attributes: item, multi-attr: true }
      - { name: list, type: indexed-array, sub-type: nest, nested-attributes: item }
      - { name: plain-list, type: indexed-array, sub-type: u32 }
      - { name: ip-list, type: indexed-array, sub-type: binary, display-hint: ipv6 }
      - { name: keyed, type: nest-type-value, type-value: [ port, queue ], nested-attributes: item }
      - { name: pad, type: pad }
      - { name: old, type: unused }
      - { name: kind, type: string }
      - { name: data, type: sub-message, sub-message: data, selector: kind }
      - { name: stats, type: nest, nested-attributes: stats }
  - name: stats
    attributes:
      - { name: app, type: sub-message, sub-message: data, selector: kind }
sub-messages:
  - name: data
    formats:
      - { value: plain, attribute-set: item }
      - { value: struct, fixed-header: pair }
      - { value: both, fixed-header: pair, attribute-set: item }
      - { value: nothing }
operations:
  fixed-header: head
  list:
    - { name: get, doc: Get., attribute-set: item, do: {} }
`)
const codec = new Codec(specification)
const [get] = specification.operations

function message(parts: readonly Buffer[]): Message {
  const [made] = parseMessages(encodeMessage({ type: 1 }, ...parts))
  if (!made) throw new Error('no message')
  return made
}

function roundTrip(values: Values): Values {
  if (!get) throw new Error('no operation')
  const { family, port, ifindex, label, hw, ...attributes } = codec.decode(
    get,
    message(codec.encode(get, 1, values)),
  )
  return attributes
}

it.each<Values>([
  { u8: 255, s8: -128, u16: 0xfffe, s16: -2, u32: 0xffff_ffff, s32: -3 },
  { u64: 0xffff_ffff_ffff_ffffn, s64: -5n, uint: 7n, sint: -7n, 'big-uint': 9n },
  { uint: 1n << 40n, sint: -(1n << 40n), 'big-uint': 1n << 40n },
  { flag: true, text: 'ä', bytes: Buffer.of(1, 2, 3) },
  { colour: 'blue', traits: ['big', 'odd'], bits: ['green', 'blue'] },
  { colour: 9, traits: ['odd', 63], bits: [4] },
  { field: { value: 1, selector: 3 }, 'named-field': { value: ['odd'], selector: ['big', 'odd'] } },
  {
    mac: '02:00:00:00:00:ff',
    ip: '192.0.2.1',
    ip4: '192.0.2.7',
    uuid: '00112233-4455-6677-8899-aabbccddeeff',
  },
  { ip: '2001:db8::1', numbers: [1, 0xfffe] },
  { outer: { pair: { a: 1, b: 2, c: 3n }, ip: '127.0.0.1' } },
  { many: [1, 2, 3], nest: { u8: 1, nest: { u8: 2 } }, nests: [{ u8: 1 }, { u8: 2 }] },
  { list: [{ u8: 1 }, { text: 'b' }], 'plain-list': [5, 6], 'ip-list': ['::1', '::2'] },
  {
    keyed: [
      { port: 1, queue: 2, u8: 3 },
      { port: 4, queue: 5, text: 'x' },
    ],
  },
  { kind: 'plain', data: { u8: 1, kind: 'struct', data: { a: 1, b: 2, c: 3n } } },
  { kind: 'both', data: { a: 1, b: 2, c: 3n, u8: 4 }, stats: { app: { a: 5, b: 6, c: 7n, u16: 8 } } },
  { kind: 'strange', data: Buffer.of(1, 2) },
  { kind: 'nothing', data: Buffer.of() },
])('written and read again: %o', values => {
  expect(roundTrip(values)).toEqual(values)
})

it('a selector is looked for around its set, whatever comes first', () => {
  const values = { stats: { app: { u8: 1 } }, kind: 'plain' }
  expect(roundTrip(values)).toEqual(values)
})

it('the bytes are those of the kernel', () => {
  const attributes = (values: Values) => codec.attributeSet('item').encode(values)
  expect(attributes({ u16: 0x1234, s32: -2 })).toEqual(
    Buffer.concat([attr.binary(3, Buffer.of(0x12, 0x34)), attr.binary(6, Buffer.from('fffffffe', 'hex'))]),
  )
  expect(attributes({ ip4: '10.0.0.1' })).toEqual(attr.binary(22, Buffer.of(10, 0, 0, 1)))
  expect(attributes({ traits: ['odd'] })).toEqual(attr.u64(16, 8n))
  expect(attributes({ list: [{ u8: 1 }, { u8: 2 }] })).toEqual(
    attr.nested(29, attr.nested(1, attr.u8(1, 1)), attr.nested(2, attr.u8(1, 2))),
  )
  expect(attributes({ keyed: [{ port: 6, queue: 7, u8: 8 }] })).toEqual(
    attr.nested(32, attr.nested(6, attr.nested(7, attr.u8(1, 8)))),
  )
  // C aligns b to 4 bytes, and c to 8
  expect(attributes({ outer: { pair: { a: 1, b: 2, c: 3 } } })).toEqual(
    attr.binary(25, Buffer.from('010000000200000003000000000000000000000000000000', 'hex')),
  )
  expect(attributes({ flag: false })).toEqual(Buffer.of())
})

it('numbers may be written for bigints and for names, bytes for what has a hint', () => {
  expect(roundTrip({ u64: 1, uint: 2, colour: 7, traits: 9, mac: Buffer.of(1, 2, 3) })).toEqual({
    u64: 1n,
    uint: 2n,
    colour: 'blue',
    traits: ['big', 'odd'],
    mac: '01:02:03',
  })
})

it('the fixed header is among the values', () => {
  if (!get) throw new Error('no operation')
  const values = { family: 'green', port: 80, ifindex: -1, label: 'abcd', hw: '02:00:00:00:00:01' }
  const parts = codec.encode(get, 1, { u8: 3, ...values })
  expect(parts[0]?.toString('hex')).toBe('01000050ffffffff616263640200000000010000')
  expect(codec.decode(get, message(parts))).toEqual({ ...values, u8: 3 })
})

it('padding is passed over; what the specification does not have, or no longer, is in `unknown`', () => {
  const bytes = Buffer.concat([attr.flag(33), attr.u8(34, 1), attr.u8(99, 2), attr.u8(1, 3)])
  const { unknown, ...rest } = codec.attributeSet('item').decode(bytes)
  expect(rest).toEqual({ u8: 3 })
  expect(unknown?.map(({ type }) => type)).toEqual([34, 99])
})

it.each<[Values, string]>([
  [{ none: 1 }, 'the schema has no attribute none'],
  [{ u8: 256 }, 'u8'],
  [{ colour: 'pink' }, 'colour has no pink, but red, green, blue'],
  [{ traits: ['small'] }, 'traits has no small, but big, odd'],
  [{ traits: 'big' }, 'flags of traits are a list of names, or a number'],
  [{ nest: { nest: { u8: -1 } } }, 'nest.nest.u8'],
  [{ kind: 'strange', data: { u8: 1 } }, 'kind selects none of plain, struct, both, nothing'],
  [{ uuid: 'x' }, 'no UUID: x'],
  [{ ip: 'x' }, 'no IP address: x'],
])('%o does not fit', (values, message) => {
  expect(() => roundTrip(values)).toThrow(message)
})

it('with `checked`, what the kernel would refuse is not written', () => {
  const limited = parseSpecification(`
name: limited
doc: Limits.
definitions:
  - { type: flags, name: traits, entries: [ big, { name: odd, value: 3 } ] }
attribute-sets:
  - name: item
    attributes:
      - { name: id, type: u32, checks: { min: 1, max: 0x10000 } }
      - { name: net, type: s16, byte-order: big-endian, checks: { min: -5 } }
      - { name: auto, type: uint, checks: { max: u32-max } }
      - { name: name, type: string, checks: { min-len: 1, max-len: 3 } }
      - { name: key, type: binary, checks: { exact-len: 2 } }
      - { name: traits, type: u8, checks: { flags-mask: traits } }
      - { name: ids, type: u8, multi-attr: true, checks: { max: 3 } }
operations: { list: [ { name: get, doc: Get., attribute-set: item, do: {} } ] }
`)
  const set = new Codec(limited, { checked: true }).attributeSet('item')
  const allowed = { id: 0x1_0000, net: -5, auto: 0xffff_ffffn, name: 'abc', key: Buffer.of(1, 2), traits: 9 }
  expect(set.decode(set.encode({ ...allowed, ids: [1, 3] }))).toEqual({ ...allowed, ids: [1, 3] })
  const refusals: [Values, string][] = [
    [{ id: 0 }, 'id: attribute 1 (u32): 0 is less than 1'],
    [{ id: 0x1_0001 }, '65537 is more than 65536'],
    [{ net: -6 }, '-6 is less than -5'],
    [{ auto: 1n << 32n }, '4294967296 is more than 4294967295'],
    [{ name: '' }, '0 bytes, less than 1'],
    [{ name: 'abcd' }, '4 bytes, more than 3'],
    [{ key: Buffer.of(1) }, '1 bytes, not 2'],
    [{ traits: 2 }, '2 has bits that traits does not have'],
    [{ ids: [1, 4] }, '4 is more than 3'],
  ]
  const unchecked = new Codec(limited).attributeSet('item')
  for (const [values, message] of refusals) {
    expect(() => set.encode(values)).toThrow(message)
    expect(unchecked.encode(values)).toBeInstanceOf(Buffer)
  }
})
