// SPDX-License-Identifier: MIT
/** Compiled decoders read any bytes exactly as the general decoder does. */
import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { attr } from './attribute.ts'
import { compileStruct, Sequences } from './compiled.ts'
import { MalformedError } from './errors.ts'
import { ipAddress } from './ip-address.ts'
import { attributes, nested, nestedArray, selected, struct } from './schema.ts'
import {
  array,
  be16,
  binary,
  bitfield32,
  flag,
  hardwareAddress,
  named,
  pad,
  padding,
  repeated,
  s8,
  s16,
  s32,
  s64,
  string,
  times,
  u8,
  u16,
  u32,
  u64,
  uint,
} from './value.ts'

const everything = () =>
  attributes({
    u8: [1, u8],
    u16: [2, u16],
    u32: [3, u32],
    u64: [4, u64],
    s8: [5, s8],
    s16: [6, s16],
    s32: [7, s32],
    s64: [8, s64],
    be16: [9, be16],
    uint: [10, uint],
    string: [11, string],
    binary: [12, binary],
    flag: [13, flag],
    bits: [14, bitfield32],
    'a "name"': [15, named(u8, { 1: 'one' })],
    struct: [16, struct({ a: u8, b: u16, gap: pad(3), c: times(2, u32), d: s64 })],
    nest: [17, nested(attributes({ x: [1, u32], y: [2, string] }))],
    list: [18, nestedArray(u16)],
    array: [19, array(u16)],
    padding: [20, padding],
    mac: [21, hardwareAddress],
    ip: [22, ipAddress],
    kind: [23, string],
    data: [24, selected('kind', { one: u32 })],
    several: [25, repeated(u8)],
    ['__proto__']: [26, u8],
  })

/** Attributes in any order, mostly valid, in the schema or not. */
const attribute = fc.oneof(
  fc.tuple(fc.constantFrom(1, 5, 15, 25, 26), fc.nat(255)).map(([type, n]) => attr.u8(type, n)),
  fc.tuple(fc.constantFrom(2, 6, 9), fc.nat(0xffff)).map(([type, n]) => attr.u16(type, n)),
  fc.tuple(fc.constantFrom(3, 7, 10, 22, 24), fc.nat(0xffffffff)).map(([type, n]) => attr.u32(type, n)),
  fc.tuple(fc.constantFrom(4, 8, 10, 14), fc.bigInt(0n, 2n ** 64n - 1n)).map(([t, n]) => attr.u64(t, n)),
  fc
    .tuple(fc.constantFrom(11, 23), fc.string({ maxLength: 9, unit: 'binary' }))
    .map(([t, s]) => attr.string(t, s)),
  fc
    .tuple(fc.constantFrom(12, 13, 16, 19, 20, 21, 99, 100, 0x4000 | 12), fc.uint8Array({ maxLength: 28 }))
    .map(([type, bytes]) => attr.binary(type, bytes)),
  fc
    .tuple(fc.nat(0xffff), fc.string({ maxLength: 5 }))
    .map(([n, s]) => attr.nested(17, attr.u32(1, n), attr.string(2, s))),
  fc.nat(0xffff).map(n => attr.nested(18, attr.u16(1, n), attr.u16(2, n))),
)
const attributeList = fc.array(attribute, { maxLength: 12 }).map(list => Buffer.concat(list))

/** The result of decoding, with the order of its properties, or the error. */
function outcome(set: ReturnType<typeof everything>, bytes: Buffer): unknown {
  try {
    const decoded = set.decode(bytes)
    return { decoded, names: Object.keys(decoded) }
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    return { message: error.message, path: error.path, offset: error.offset }
  }
}

describe('as the general way', () => {
  it('of attributes in a sequence that it has learnt, whole or damaged', () => {
    fc.assert(
      fc.property(
        attributeList,
        fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 3 }),
        fc.nat(5),
        (bytes, damage, cut) => {
          const learnt = everything()
          for (let i = 0; i < 50; i++) outcome(learnt, bytes)
          expect(outcome(learnt, bytes)).toStrictEqual(outcome(everything(), bytes))
          const damaged = Buffer.from(bytes)
          for (const [at, byte] of damage) if (at < damaged.length) damaged[at] = byte
          for (const other of [damaged, damaged.subarray(0, Math.max(0, damaged.length - cut))])
            expect(outcome(learnt, other)).toStrictEqual(outcome(everything(), other))
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('of sequences that take turns', () => {
    fc.assert(
      fc.property(fc.array(attributeList, { minLength: 2, maxLength: 7 }), lists => {
        const learnt = everything()
        for (let i = 0; i < 60; i++)
          for (const bytes of lists) for (let times = 0; times < 9; times++) outcome(learnt, bytes)
        for (const bytes of lists) expect(outcome(learnt, bytes)).toStrictEqual(outcome(everything(), bytes))
      }),
      { numRuns: 40 },
    )
  })
})

describe('what is compiled', () => {
  const bytes = Buffer.concat([attr.u32(1, 7), attr.string(2, 'seven'), attr.u8(3, 1)])
  const fields = [undefined, { name: 'number', value: u32 }, { name: 'text', value: string }]
  const learnt = (sequence: Buffer) => {
    const sequences = new Sequences(type => fields[type])
    for (let i = 0; i < 50; i++) sequences.learn(sequence, 0, sequence.length)
    return sequences
  }

  it('a sequence that comes often, with what is not in the schema', () => {
    const decoded = learnt(bytes).decode(bytes, 0, bytes.length)
    expect(decoded).toMatchObject({ number: 7, text: 'seven', unknown: [{ type: 3, offset: 20 }] })
  })

  it('the last attribute may lack its padding, and nothing may follow it', () => {
    const sequences = learnt(bytes)
    expect(sequences.decode(bytes, 0, bytes.length - 3)).toBeDefined()
    expect(sequences.decode(bytes, 0, bytes.length - 4)).toBeUndefined()
    expect(sequences.decode(Buffer.concat([bytes, attr.flag(4)]), 0, bytes.length + 4)).toBeUndefined()
  })

  it('not what is seldom, nor attributes that come twice, nor very many', () => {
    const seldom = new Sequences(type => fields[type])
    for (let i = 0; i < 20; i++) seldom.learn(bytes, 0, bytes.length)
    expect(seldom.decode(bytes, 0, bytes.length)).toBeUndefined()
    const twice = Buffer.concat([attr.u32(1, 7), attr.u32(1, 8)])
    expect(learnt(twice).decode(twice, 0, twice.length)).toBeUndefined()
    const many = Buffer.concat(Array.from({ length: 200 }, () => attr.u8(3, 1)))
    expect(learnt(many).decode(many, 0, many.length)).toBeUndefined()
  })

  it('nothing where no code can be made: all is read in the general way', () => {
    const url = new URL('../index.ts', import.meta.url).href
    const program = `
      const { attr, attributes, string, struct, u8, u32 } = await import('${url}')
      const set = attributes({ number: [1, u32], text: [2, string], pair: [3, struct({ a: u8, b: u8 })] })
      const bytes = Buffer.concat([attr.u32(1, 7), attr.string(2, 'seven'), attr.binary(3, Buffer.from([8, 9]))])
      for (let i = 0; i < 100; i++) set.decode(bytes)
      console.log(JSON.stringify(set.decode(bytes)))`
    const flags = ['--disallow-code-generation-from-strings', '--input-type=module', '--eval']
    const said = execFileSync(process.execPath, [...flags, program], { encoding: 'utf8' })
    expect(JSON.parse(said)).toEqual({ number: 7, text: 'seven', pair: { a: 8, b: 9 } })
  })

  it('a struct', () => {
    const read = compileStruct([
      { name: 'a', value: u8, offset: 0 },
      { name: 'b', value: s32, offset: 4 },
      { name: 'c', value: u64, offset: 8 },
    ])
    const struct = Buffer.from('0001000000fffffffff000000000000080', 'hex')
    expect(read?.(struct, 1)).toStrictEqual({ a: 1, b: -1, c: 0x80000000000000f0n })
  })
})
