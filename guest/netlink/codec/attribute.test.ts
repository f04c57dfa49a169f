// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Attribute, attr, findAttribute, parseAttributes } from './attribute.ts'
import { NLA_F_NET_BYTEORDER } from './constants.ts'
import { MalformedError } from './errors.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const only = (bytes: Uint8Array): Attribute => {
  const [attribute, ...others] = parseAttributes(bytes)
  if (attribute === undefined || others.length > 0) throw new Error('not one attribute')
  return attribute
}

// [how it is made, the bytes written out by hand, how it is read, the value]
const cases: [string, Buffer, string, (attribute: Attribute) => unknown, unknown][] = [
  ['u8', attr.u8(1, 0xfe), '0500 0100 fe000000', a => a.u8(), 0xfe],
  ['u16', attr.u16(2, 0x0102), '0600 0200 0201 0000', a => a.u16(), 0x0102],
  ['u32', attr.u32(3, 0x01020304), '0800 0300 04030201', a => a.u32(), 0x01020304],
  ['u32, greatest', attr.u32(3, 0xffffffff), '0800 0300 ffffffff', a => a.u32(), 0xffffffff],
  ['u64', attr.u64(4, 0x0102030405060708n), '0c00 0400 0807060504030201', a => a.u64(), 0x0102030405060708n],
  ['u64, greatest', attr.u64(4, 2n ** 64n - 1n), '0c00 0400 ffffffffffffffff', a => a.u64(), 2n ** 64n - 1n],
  ['s8', attr.s8(1, -2), '0500 0100 fe000000', a => a.s8(), -2],
  ['s16', attr.s16(1, -2), '0600 0100 feff0000', a => a.s16(), -2],
  ['s32', attr.s32(1, -2), '0800 0100 feffffff', a => a.s32(), -2],
  ['s64', attr.s64(1, -2n), '0c00 0100 feffffffffffffff', a => a.s64(), -2n],
  ['be16', attr.be16(1, 0x0102), '0600 0100 0102 0000', a => a.be16(), 0x0102],
  ['be32', attr.be32(1, 0x01020304), '0800 0100 01020304', a => a.be32(), 0x01020304],
  [
    'be64',
    attr.be64(1, 0x0102030405060708n),
    '0c00 0100 0102030405060708',
    a => a.be64(),
    0x0102030405060708n,
  ],
  ['string', attr.string(5, 'abc'), '0800 0500 61626300', a => a.string(), 'abc'],
  ['string, padded', attr.string(5, 'ü'), '0700 0500 c3bc00 00', a => a.string(), 'ü'],
  ['string, empty', attr.string(5, ''), '0500 0500 00 000000', a => a.string(), ''],
  ['flag', attr.flag(6), '0400 0600', a => a.length, 0],
  ['binary', attr.binary(7, hex('010203')), '0700 0700 010203 00', a => a.payload, hex('010203')],
  [
    'nested',
    attr.nested(8, attr.u8(1, 9), attr.u32(2, 1)),
    '1400 0880 0500 0100 09000000 0800 0200 01000000',
    a => [a.isNested, ...a.attributes().map(inner => [inner.type, inner.offset])],
    [true, [1, 0], [2, 8]],
  ],
  [
    'net byte order',
    attr.be16(1 | NLA_F_NET_BYTEORDER, 1),
    '0600 0140 0001 0000',
    a => [a.type, a.isNetByteOrder, a.isNested],
    [1, true, false],
  ],
]

describe('attributes against bytes written out by hand', () => {
  it.each(cases)('%s', (_name, encoded, bytes, read, value) => {
    expect(encoded.toString('hex')).toBe(hex(bytes).toString('hex'))
    expect(read(only(hex(bytes)))).toEqual(value)
  })

  it('reads a string without a NUL, and one with two', () => {
    expect(only(hex('0700 0500 616263 00')).string()).toBe('abc')
    expect(only(hex('0900 0500 6100620000 000000')).string()).toBe('a')
  })

  it('takes a last attribute without its padding', () => {
    expect(only(hex('0500 0100 fe')).u8()).toBe(0xfe)
  })

  it('keeps unknown and repeated ones, and finds the last', () => {
    const attributes = parseAttributes(Buffer.concat([attr.u8(1, 1), attr.u8(999, 2), attr.u8(1, 3)]))
    expect(attributes.map(a => [a.type, a.u8()])).toEqual([
      [1, 1],
      [999, 2],
      [1, 3],
    ])
    expect(findAttribute(attributes, 1)?.u8()).toBe(3)
    expect(findAttribute(attributes, 2)).toBeUndefined()
  })

  it('gives views, not copies', () => {
    const bytes = attr.u32(1, 1)
    expect(only(bytes).payload.buffer).toBe(bytes.buffer)
  })
})

describe('malformed attributes', () => {
  it.each([
    ['a length of 0', '0000 0100', 0],
    ['a length of 3', '0300 0100', 0],
    ['a length past the end', '0900 0100 01020304', 0],
    ['bytes left over', '0400 0100 010203', 4],
    ['the second one', '0800 0100 01020304 0500 0100', 8],
  ])('%s', (_name, bytes, offset) => {
    expect(() => parseAttributes(hex(bytes))).toThrow(expect.objectContaining({ offset }))
    expect(() => parseAttributes(hex(bytes))).toThrow(MalformedError)
  })

  it('a payload of another length than the reader wants', () => {
    const attribute = only(attr.u16(1, 1))
    expect(() => attribute.u8()).toThrow(MalformedError)
    expect(() => attribute.u32()).toThrow('attribute 1 has 2 bytes, not 4')
    expect(() => attribute.u64()).toThrow(MalformedError)
  })
})

describe('values that do not fit', () => {
  it.each([
    ['256 in a u8', () => attr.u8(1, 256)],
    ['-1 in a u32', () => attr.u32(1, -1)],
    ['2^32 in a u32', () => attr.u32(1, 2 ** 32)],
    ['2^64 in a u64', () => attr.u64(1, 2n ** 64n)],
    ['65532 bytes of payload', () => attr.binary(1, Buffer.alloc(65532))],
    ['type 65536', () => attr.flag(65536)],
  ])('%s', (_name, encode) => {
    expect(encode).toThrow(RangeError)
    expect(encode).toThrow(/^attribute \d+/)
  })
})

describe('properties', () => {
  const type = fc.integer({ min: 0, max: 0x3fff })

  it('what is encoded is decoded', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(type, fc.uint8Array({ maxLength: 40 }))), parts => {
        const bytes = Buffer.concat(parts.map(([t, payload]) => attr.binary(t, payload)))
        expect(bytes.length % 4).toBe(0)
        expect(parseAttributes(bytes).map(a => [a.type, Uint8Array.from(a.payload)])).toEqual(parts)
      }),
    )
  })

  it('integers of all widths', () => {
    fc.assert(
      fc.property(type, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (t, value) => {
        expect(only(attr.u64(t, value)).u64()).toBe(value)
        expect(only(attr.be64(t, value)).be64()).toBe(value)
        expect(only(attr.s64(t, BigInt.asIntN(64, value))).s64()).toBe(BigInt.asIntN(64, value))
        const u32 = Number(BigInt.asUintN(32, value))
        expect(only(attr.u32(t, u32)).u32()).toBe(u32)
        expect(only(attr.s32(t, u32 | 0)).s32()).toBe(u32 | 0)
      }),
    )
  })

  it('strings', () => {
    fc.assert(
      fc.property(
        type,
        fc.string({ unit: 'grapheme' }).filter(text => !text.includes('\0')),
        (t, text) => {
          expect(only(attr.string(t, text)).string()).toBe(text)
        },
      ),
    )
  })
})
