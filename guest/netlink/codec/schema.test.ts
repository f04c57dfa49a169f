// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  type Attribute,
  array,
  arrayView,
  attr,
  attributes,
  be16,
  be32,
  be64,
  binary,
  bitfield32,
  bytes,
  encodeMessage,
  flag,
  hardwareAddress,
  headed,
  ipAddress,
  KernelError,
  MalformedError,
  Message,
  NLA_F_NESTED,
  named,
  nested,
  nestedArray,
  netByteOrder,
  pad,
  padding,
  parseAnswer,
  parseIPAddress,
  payload,
  repeated,
  s8,
  s16,
  s32,
  s64,
  selected,
  sint,
  string,
  struct,
  type TypeOf,
  times,
  u8,
  u16,
  u32,
  u64,
  uint,
  type Value,
} from '../index.ts'
import { attributePaths } from './attribute-path.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const write = <T>(value: Value<T>, content: T) => value.write(1, content, {}).toString('hex')
const read = <T>(value: Value<T>, encoded: string) => {
  const whole = hex(encoded)
  return value.read(whole, 4, whole.readUInt16LE(0), {})
}

describe('values against bytes written out by hand', () => {
  // [type, value in TypeScript, the attribute]
  const cases: [Value<unknown>, unknown, string][] = [
    [u8, 0xfe, '0500 0100 fe000000'],
    [u16, 0x0102, '0600 0100 0201 0000'],
    [u32, 0x01020304, '0800 0100 04030201'],
    [u64, 0x0102030405060708n, '0c00 0100 0807060504030201'],
    [s8, -2, '0500 0100 fe000000'],
    [s16, -2, '0600 0100 feff 0000'],
    [s32, -2, '0800 0100 feffffff'],
    [s64, -2n, '0c00 0100 feffffffffffffff'],
    [be16, 0x0102, '0600 0100 0102 0000'],
    [be32, 0x01020304, '0800 0100 01020304'],
    [be64, 0x0102030405060708n, '0c00 0100 0102030405060708'],
    [bitfield32, { value: 1, selector: 3 }, '0c00 0100 01000000 03000000'],
    [bytes(3), hex('010203'), '0700 0100 010203 00'],
    [times(3, u16), [1, 2, 3], '0a00 0100 0100 0200 0300 0000'],
    [named(u8, { 0: 'UNKNOWN', 6: 'UP' }), 'UP', '0500 0100 06 000000'],
    [named(u8, { 0: 'UNKNOWN', 6: 'UP' }), 9, '0500 0100 09 000000'],
    [string, 'abc', '0800 0100 616263 00'],
    [string, 'ü', '0700 0100 c3bc 00 00'],
    [string, '', '0500 0100 00 000000'],
    [binary, hex('0102'), '0600 0100 0102 0000'],
    [flag, true, '0400 0100'],
    [uint, 1n, '0800 0100 01000000'],
    [uint, 2n ** 32n, '0c00 0100 0000000001000000'],
    [sint, -1n, '0800 0100 ffffffff'],
    [sint, -(2n ** 32n), '0c00 0100 00000000ffffffff'],
    [array(u16), [1, 2, 3], '0a00 0100 0100 0200 0300 0000'],
    [array(struct({ a: u8, b: u16 })), [{ a: 1, b: 2 }], '0800 0100 01 00 0200'],
    [netByteOrder(be32), 1, '0800 0140 00000001'],
    [nestedArray(u8, 0), [7, 8], '1400 0180 0500 0000 07000000 0500 0100 08000000'],
    [nestedArray(u8), [7, 8], '1400 0180 0500 0100 07000000 0500 0200 08000000'],
    [hardwareAddress, '02:00:5e:10:00:ff', '0a00 0100 02005e1000ff 0000'],
    [hardwareAddress, '', '0400 0100'],
    [ipAddress, '192.0.2.1', '0800 0100 c0000201'],
    [ipAddress, '2001:db8::1', '1400 0100 20010db8000000000000000000000001'],
    [nested(attributes({ a: [1, u8] })), { a: 5 }, '0c00 0180 0500 0100 05000000'],
  ]
  it.each(cases.map(([value, content, encoded]) => [value.kind, encoded, value, content] as const))(
    '%s %s',
    (_kind, encoded, value, content) => {
      expect(write(value, content)).toBe(hex(encoded).toString('hex'))
      expect(read(value, encoded)).toEqual(content)
    },
  )

  it('a flag that is false is not there', () => expect(write(flag, false)).toBe(''))

  it.each<[string, () => unknown]>([
    ['u8 of 2 bytes', () => read(u8, '0600 0100 0201 0000')],
    ['array with a rest', () => read(array(u16), '0700 0100 010203 00')],
    ['IP address of 5 bytes', () => read(ipAddress, '0900 0100 0102030405')],
    ['uint of 2 bytes', () => read(uint, '0600 0100 0201 0000')],
  ])('malformed: %s', (_name, decode) => expect(decode).toThrow(MalformedError))

  it.each<[string, () => unknown]>([
    ['256 in a u8', () => write(u8, 256)],
    ['2 bytes for 3', () => write(bytes(3), hex('0102'))],
    ['2 elements for 3', () => write(times(3, u8), [1, 2])],
    ['a name that is none', () => write(named(u8, { 1: 'ONE' }), 'TWO' as 'ONE')],
    ['no hardware address', () => write(hardwareAddress, '02:0')],
    ['no IP address', () => write(ipAddress, '1.2.3')],
    ['an address with a zone', () => write(ipAddress, 'fe80::1%lo')],
  ])('does not fit: %s', (_name, encode) => expect(encode).toThrow(RangeError))
})

describe('what does not fit is named', () => {
  const inner = attributes({ id: [1, u16], name: [2, string], list: [3, array(u8)] })
  const schema = payload(
    struct({ family: u8, index: u32 }),
    attributes({
      mtu: [1, u32],
      info: [2, nested(inner)],
      groups: [3, nestedArray(nested(inner))],
      pair: [4, struct({ a: u8, b: u8 })],
      bits: [5, times(2, u8)],
    }),
  )
  const long = 'x'.repeat(65532)
  it.each<[string, Parameters<typeof schema.encode>[0], string]>([
    ['an attribute', { attributes: { mtu: undefined as never } }, 'mtu: attribute 1 (u32)'],
    ['in a nest', { attributes: { info: { name: undefined as never } } }, 'info.name: attribute 2 (string)'],
    ['in a header', { header: { index: undefined as never } }, 'header.index: u32'],
  ])('undefined: %s', (_what, content, place) => {
    expect(() => schema.encode(content)).toThrow(
      new TypeError(`${place}: undefined is no value: leave the name out`),
    )
  })

  it.each<[string, Parameters<typeof schema.encode>[0], string]>([
    ['a number', { attributes: { mtu: -1 } }, 'mtu: attribute 1 (u32): '],
    ['in a nest', { attributes: { info: { id: 65536 } } }, 'info.id: attribute 1 (u16): '],
    [
      'a long text',
      { attributes: { info: { name: long } } },
      'info.name: attribute 2: 65533 bytes where there is room for 65531',
    ],
    ['in an array', { attributes: { groups: [{}, { id: -1 }] } }, 'groups[1].id: attribute 1 (u16): '],
    [
      'a nest that is too long',
      { attributes: { groups: Array(4).fill({ name: 'x'.repeat(20000) }) } },
      'groups: attribute 3: ',
    ],
    ['in a struct', { attributes: { pair: { a: 1, b: 256 } } }, 'pair.b: u8: '],
    ['an array in a struct', { attributes: { bits: [1] } }, 'bits: attribute 5 (u8[2]): 1 elements'],
    ['in the header', { header: { family: 300 } }, 'header.family: u8: '],
  ])('%s', (_name, content, words) => {
    const error = (() => {
      try {
        return schema.encode(content)
      } catch (reason) {
        return reason
      }
    })()
    expect(error).toBeInstanceOf(RangeError)
    expect(`${error}`).toContain(`RangeError: ${words}`)
  })
})

describe('IP addresses', () => {
  it.each([
    ['::', '00'.repeat(16)],
    ['::1', `${'00'.repeat(15)}01`],
    ['1::', `0001${'00'.repeat(14)}`],
    ['fe80::1:0:0:1', 'fe800000000000000001000000000001'],
    ['1:0:2:3:4:5:6:7', '00010000000200030004000500060007'],
    ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
    ['2001:db8:0:1::', '20010db8000000010000000000000000'],
  ])('%s', (text, encoded) => {
    expect(parseIPAddress(text).toString('hex')).toBe(encoded)
    expect(read(ipAddress, `14000100${encoded}`)).toBe(text)
  })

  it('any of them', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), text => {
        const parsed = parseIPAddress(text)
        const shown = ipAddress.read(parsed, 0, parsed.length, {})
        expect(parseIPAddress(shown)).toEqual(parsed)
      }),
    )
  })
})

describe('structs', () => {
  it('are laid out as C does', () => {
    const ifinfomsg = struct({ family: u8, type: u16, index: s32, flags: u32, change: u32 })
    expect(ifinfomsg.size).toBe(16)
    const buffer = Buffer.alloc(16)
    ifinfomsg.put(buffer, { family: 1, type: 2, index: -1, flags: 4, change: 5 }, 0)
    expect(buffer.toString('hex')).toBe(hex('01 00 0200 ffffffff 04000000 05000000').toString('hex'))
    expect(struct({ a: u64, b: u8 }).size).toBe(16)
    expect(struct({ a: u8, skipped: pad(2), b: u8 }).get(hex('01ffff02'), 0)).toEqual({ a: 1, b: 2 })
  })

  it('as attributes: shorter and longer ones of other kernels', () => {
    const stats = struct({ packets: u32, bytes: u32 })
    expect(read(stats, '0800 0100 01000000')).toEqual({ packets: 1, bytes: 0 })
    expect(read(stats, '1000 0100 01000000 02000000 03000000')).toEqual({ packets: 1, bytes: 2 })
  })
})

const peer = attributes({ name: [3, string] })
const link = payload(
  struct({ family: u8, index: s32 }),
  attributes({
    name: [3, string],
    mtu: [4, u32],
    pad: [6, padding],
    info: [
      18,
      nested(
        attributes({
          kind: [1, string],
          data: [
            2,
            selected('kind', {
              vlan: nested(attributes({ id: [1, u16] })),
              veth: nested(attributes({ peer: [1, headed(payload(struct({ index: s32 }), peer))] })),
            }),
          ],
        }),
      ),
    ],
    groups: [20, nestedArray(nested(attributes({ name: [1, string], id: [2, u32] })))],
    ports: [21, repeated(u16)],
  }),
)

describe('schemas', () => {
  it('TypeScript’s types follow', () => {
    type Link = ReturnType<typeof link.decode>
    expectTypeOf<Link['header']>().toEqualTypeOf<{ family: number; index: number }>()
    expectTypeOf<Link['attributes']['mtu']>().toEqualTypeOf<number | undefined>()
    expectTypeOf<Link['attributes']['ports']>().toEqualTypeOf<number[] | undefined>()
    expectTypeOf<NonNullable<Link['attributes']['groups']>[0]['name']>().toEqualTypeOf<string | undefined>()
    expectTypeOf<Link['attributes']>().not.toHaveProperty('pad')
    expectTypeOf<TypeOf<typeof bitfield32>['selector']>().toEqualTypeOf<number>()
    // @ts-expect-error a number it is not
    expect(() => link.encode({ attributes: { name: 5 } })).toThrow(TypeError)
    // @ts-expect-error no such attribute
    expect(() => link.encode({ attributes: { nam: 'x' } })).toThrow('the schema has no attribute nam')
  })

  const content = {
    header: { family: 2, index: 7 },
    attributes: {
      name: 'v0',
      mtu: 1500,
      info: { kind: 'veth', data: { peer: { header: { index: 9 }, attributes: { name: 'v1' } } } },
      groups: [{ name: 'a', id: 1 }, { name: 'b' }],
      ports: [80, 443],
    },
  }

  it('what is encoded is decoded, byte for byte what attr makes', () => {
    const message = new Message(encodeMessage({ type: 16 }, ...link.encode(content)))
    expect(link.decode(message)).toEqual(content)
    expect(message.payload.toString('hex')).toBe(
      Buffer.concat([
        hex('02000000 07000000'),
        attr.string(3, 'v0'),
        attr.u32(4, 1500),
        attr.nested(
          18,
          attr.string(1, 'veth'),
          attr.nested(2, attr.nested(1, hex('09000000'), attr.string(3, 'v1'))),
        ),
        attr.nested(
          20,
          attr.nested(1, attr.string(1, 'a'), attr.u32(2, 1)),
          attr.nested(2, attr.string(1, 'b')),
        ),
        attr.u16(21, 80),
        attr.u16(21, 443),
      ]).toString('hex'),
    )
  })

  it('unknown attributes are kept, and written again; padding is passed over; the last of several counts', () => {
    const encoded = Buffer.concat([
      attr.u32(4, 1),
      attr.u8(99 | NLA_F_NESTED, 5),
      attr.flag(6),
      attr.u32(4, 2),
    ])
    const decoded = link.attributes.decode(encoded)
    expect(decoded).toEqual({ mtu: 2, unknown: [expect.objectContaining({ type: 99 })] })
    const [unknown] = decoded.unknown as Attribute[]
    expect(unknown?.u8()).toBe(5)
    expect(link.attributes.encode({ unknown: decoded.unknown ?? [] })).toEqual(attr.u8(99 | NLA_F_NESTED, 5))
  })

  it('what is selected by an attribute that comes after it, and by one that nobody knows', () => {
    const data = attr.nested(2, attr.u16(1, 5))
    const info = (kind: string) => link.attributes.decode(attr.nested(18, data, attr.string(1, kind))).info
    expect(info('vlan')).toEqual({ kind: 'vlan', data: { id: 5 } })
    for (const kind of ['other', 'toString', '__proto__'])
      expect(info(kind)).toEqual({ kind, data: attr.u16(1, 5) })
    expect(link.attributes.encode({ info: { data: attr.u16(1, 5), kind: 'other' } })).toEqual(
      attr.nested(18, attr.binary(2, attr.u16(1, 5)), attr.string(1, 'other')),
    )
  })

  it('malformed attributes are named by their path', () => {
    const broken = attr.nested(20, attr.nested(1, attr.u32(2, 1)), attr.nested(2, attr.u16(2, 1)))
    expect(() => link.attributes.decode(broken)).toThrow('groups[1].id: u32 of 2 bytes, not 4')
    const inner = attr.nested(18, attr.string(1, 'vlan'), attr.nested(2, attr.u32(1, 1)))
    expect(() => link.attributes.decode(inner)).toThrow(
      expect.objectContaining({ path: 'info.data.id', name: 'MalformedError' }),
    )
    expect(() => link.decode(new Message(encodeMessage({ type: 16 }, hex('02'))))).toThrow(
      'a payload of 1 bytes, shorter than its header of 8 bytes',
    )
  })
})

describe('views', () => {
  const encoded = link.encode({
    header: { family: 2, index: 7 },
    attributes: {
      mtu: 1,
      name: 'v0',
      info: { kind: 'vlan', data: { id: 5 } },
      ports: [1, 2],
    },
  })
  const bytes = encodeMessage({ type: 16 }, ...encoded, attr.u32(4, 1500), attr.u8(999, 1))

  it('read what they are asked for', () => {
    const { header, attributes } = link.view(new Message(bytes))
    expect(header).toEqual({ family: 2, index: 7 })
    expect(attributes.get('mtu')).toBe(1500)
    expect(attributes.get('name')).toBe('v0')
    expect(attributes.get('info')).toEqual({ kind: 'vlan', data: { id: 5 } })
    expect(attributes.get('ports')).toEqual([1, 2])
    expect([attributes.has('mtu'), attributes.has('groups')]).toEqual([true, false])
    expect(attributes.get('groups')).toBeUndefined()
    expect(attributes.decode()).toEqual(link.decode(new Message(bytes)).attributes)
  })

  it('malformed ones', () => {
    expect(() => link.attributes.view(hex('0300 0100'))).toThrow(MalformedError)
    const view = link.attributes.view(attr.u8(4, 1))
    expect(() => view.get('mtu')).toThrow('mtu: u32 of 1 bytes, not 4')
    expect(() => link.view(new Message(encodeMessage({ type: 16 })))).toThrow(MalformedError)
  })

  it('of long arrays', () => {
    const value = arrayView(u16)
    const view = read(value, '0a00 0100 0100 0200 0300 0000')
    expect([view.length, view.at(0), view.at(2), view.at(3), view.at(-1), ...view]).toEqual([
      3,
      1,
      3,
      undefined,
      undefined,
      1,
      2,
      3,
    ])
    expect(write(value, view)).toBe(write(array(u16), [1, 2, 3]))
    expect(() => read(value, '0700 0100 010203 00')).toThrow(MalformedError)
  })
})

describe('paths of what the kernel complains about', () => {
  const request = encodeMessage(
    { type: 16 },
    ...link.encode({
      attributes: {
        mtu: 1,
        info: { kind: 'veth', data: { peer: { attributes: { name: 'v1' } } } },
        groups: [{ name: 'a' }, { name: 'b', id: 5 }],
        unknown: [],
      },
    }),
    attr.nested(77, attr.u8(1, 1)),
  )
  /** The offset of these bytes in the request. */
  const at = (part: Buffer) => {
    const offset = request.indexOf(part)
    if (offset === -1) throw new Error('not there')
    return offset
  }
  const paths = (extendedAck: object) => attributePaths(request, { attributes: [], ...extendedAck }, link)

  it.each([
    ['mtu', attr.u32(4, 1)],
    ['info', hex('2400 1280')],
    ['info.kind', attr.string(1, 'veth')],
    ['info.data.peer.name', attr.string(3, 'v1')],
    ['info.data', hex('1400 0280')],
    ['groups[1]', hex('1400 0280 0600 0100 6200')],
    ['groups[1].id', attr.u32(2, 5)],
    ['77', hex('0c00 4d80')],
  ])('%s', (path, part) => expect(paths({ offset: at(part) })).toEqual({ attribute: path }))

  it('missing ones, at the top and in a nest', () => {
    expect(paths({ missingType: 3 })).toEqual({ missing: 'name' })
    expect(paths({ missingType: 999 })).toEqual({ missing: '999' })
    expect(paths({ missingType: 2, missingNest: at(hex('0c00 0180 0600 0100')) })).toEqual({
      missing: 'groups[0].id',
    })
  })

  it('offsets that are none', () => {
    for (const offset of [0, 16, 20, request.length, 0xffffffff]) expect(paths({ offset })).toEqual({})
  })

  it('in a KernelError’s text', () => {
    const answer = parseAnswer(
      new Message(
        encodeMessage(
          { type: 2, flags: 0x300 },
          hex('eaffffff'),
          request.subarray(0, 16),
          attr.string(1, 'too small'),
          attr.u32(2, at(attr.u32(4, 1))),
          attr.u32(5, 3),
        ),
      ),
    )
    expect(new KernelError(answer, attributePaths(request, answer.extendedAck, link)).message).toBe(
      'EINVAL: too small, attribute mtu at offset 24, missing attribute name',
    )
  })
})
