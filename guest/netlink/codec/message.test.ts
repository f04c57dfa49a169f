// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeGenericHeader, parseGenericHeader } from '../generic/header.ts'
import { type Attribute, attr } from './attribute.ts'
import { NLM_F_ACK, NLM_F_REQUEST } from './constants.ts'
import { parseAnswer } from './error-message.ts'
import { MalformedError } from './errors.ts'
import { encodeMessage, Message, parseMessages } from './message.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

describe('messages against bytes written out by hand', () => {
  it('an update of a variable, as libmnl sends it', () => {
    const bytes = encodeMessage(
      { type: 16, flags: NLM_F_REQUEST | NLM_F_ACK, sequence: 0x11223344, portId: 0 },
      attr.u32(1, 10),
    )
    expect(bytes.toString('hex')).toBe(
      hex('18000000 1000 0500 44332211 00000000 0800 0100 0a000000').toString('hex'),
    )
  })

  it('a generic netlink request', () => {
    const bytes = encodeMessage(
      { type: 16, flags: NLM_F_REQUEST, sequence: 1, portId: 5 },
      encodeGenericHeader({ command: 3, version: 2 }),
      attr.string(2, 'nlex'),
    )
    expect(bytes.toString('hex')).toBe(
      hex('20000000 1000 0100 01000000 05000000 03020000 0900 0200 6e6c6578 00000000')
        .subarray(0, 32)
        .toString('hex'),
    )
    const message = new Message(bytes)
    expect(parseGenericHeader(message)).toEqual({ command: 3, version: 2, reserved: 0 })
    expect(message.attributes(4).map(a => [a.type, a.string(), a.offset])).toEqual([[2, 'nlex', 20]])
  })

  it('refuses what the fields of a header do not hold', () => {
    for (const header of [
      { type: 0x10000 },
      { type: 16, flags: -1 },
      { type: 16, sequence: 2 ** 32 },
      { type: 16, portId: 1.5 },
      { type: Number.NaN },
    ])
      expect(() => encodeMessage(header)).toThrow(RangeError)
    const fullest = { type: 0xffff, flags: 0xffff, sequence: 0xffffffff, portId: 0xffffffff }
    expect(encodeMessage(fullest).toString('hex')).toBe('10000000ffffffffffffffffffffffff')
  })

  it('pads with zeros that are not counted', () => {
    const bytes = encodeMessage({ type: 3 }, hex('0102030405'))
    expect(bytes.toString('hex')).toBe(
      hex('15000000 0300 0000 00000000 00000000 0102030405 000000').toString('hex'),
    )
    expect(parseMessages(bytes).map(m => m.length)).toEqual([21])
    // the padding of the last one may be missing
    expect(parseMessages(bytes.subarray(0, 21)).map(m => m.length)).toEqual([21])
  })

  it('several in a datagram', () => {
    const bytes = Buffer.concat([
      encodeMessage({ type: 16, sequence: 1 }, hex('01')),
      encodeMessage({ type: 17, sequence: 2, flags: 0x8000, portId: 0xffffffff }),
    ])
    expect(parseMessages(bytes).map(m => [m.type, m.flags, m.sequence, m.portId, m.length])).toEqual([
      [16, 0, 1, 0, 17],
      [17, 0x8000, 2, 0xffffffff, 16],
    ])
  })

  it('views, not copies', () => {
    const bytes = encodeMessage({ type: 16 }, attr.u32(1, 1))
    const [message] = parseMessages(bytes)
    expect(message?.bytes.buffer).toBe(bytes.buffer)
    expect(message?.payload.byteOffset).toBe(bytes.byteOffset + 16)
  })
})

describe('malformed datagrams', () => {
  const good = encodeMessage({ type: 16 })
  it.each([
    ['15 bytes', good.subarray(0, 15), 0],
    ['nlmsg_len 0', hex('00000000 1000 0000 00000000 00000000'), 0],
    ['nlmsg_len 15', hex('0f000000 1000 0000 00000000 00000000'), 0],
    ['nlmsg_len past the end', hex('11000000 1000 0000 00000000 00000000'), 0],
    ['nlmsg_len 0xffffffff', hex('ffffffff 1000 0000 00000000 00000000'), 0],
    ['stray bytes after a message', Buffer.concat([good, hex('01')]), 16],
  ])('%s', (_name, bytes, offset) => {
    expect(() => parseMessages(bytes)).toThrow(MalformedError)
    expect(() => parseMessages(bytes)).toThrow(expect.objectContaining({ offset }))
  })

  it('a payload shorter than its family’s header', () => {
    const message = new Message(encodeMessage({ type: 16 }, hex('0102')))
    expect(() => parseGenericHeader(message)).toThrow(MalformedError)
    expect(() => message.attributes(4)).toThrow(MalformedError)
  })
})

describe('NLMSG_ERROR', () => {
  const request = '18000000 1000 0500 07000000 00000000'

  it('an acknowledgement', () => {
    const answer = parseAnswer(new Message(hex(`24000000 0200 0001 07000000 05000000 00000000 ${request}`)))
    expect(answer).toMatchObject({ errno: 0, isCapped: true, extendedAck: { attributes: [] } })
    expect(answer.request).toEqual(hex(request))
  })

  it('an error with the whole request', () => {
    const whole = `${request} 0800 0100 01000000`
    const answer = parseAnswer(new Message(hex(`2c000000 0200 0000 07000000 05000000 eaffffff ${whole}`)))
    expect(answer).toMatchObject({ errno: 22, isCapped: false })
    expect(answer.request).toEqual(hex(whole))
  })

  it('all of an extended acknowledgement, unknown attributes as well', () => {
    const policy = attr.nested(
      4,
      attr.u64(4, 1n),
      attr.u64(5, 0xffffffffn),
      attr.u32(1, 4),
      attr.u32(6, 2),
      attr.u32(7, 3),
      attr.u32(8, 5),
      attr.u32(9, 6),
      attr.u32(10, 7),
      attr.u64(12, 8n),
      attr.u32(99, 9),
    )
    const bytes = encodeMessage(
      { type: 2, flags: 0x300, sequence: 7 },
      hex(`eaffffff ${request}`),
      attr.string(1, 'no good'),
      attr.u32(2, 16),
      attr.binary(3, hex('0102')),
      policy,
      attr.u32(5, 9),
      attr.u32(6, 20),
      attr.u32(77, 1),
    )
    const { extendedAck } = parseAnswer(new Message(bytes))
    expect(extendedAck).toMatchObject({
      message: 'no good',
      offset: 16,
      cookie: hex('0102'),
      policy: {
        type: 'U32',
        minimum: 1n,
        maximum: 0xffffffffn,
        minimumLength: 2,
        maximumLength: 3,
        policyIndex: 5,
        maximumType: 6,
        bitfieldMask: 7,
        mask: 8n,
      },
      missingType: 9,
      missingNest: 20,
    })
    expect(extendedAck.attributes.map(a => a.type)).toEqual([1, 2, 3, 4, 5, 6, 77])
  })

  it.each([
    ['another type', '24000000 0300 0001 07000000 05000000 00000000', request],
    ['too short', '20000000 0200 0001 07000000 05000000 00000000', request.slice(0, -8)],
    ['a positive error', '24000000 0200 0001 07000000 05000000 16000000', request],
    ['a request longer than the message', '24000000 0200 0000 07000000 05000000 eaffffff', request],
    ['a request of 0 bytes', '24000000 0200 0000 07000000 05000000 eaffffff', request.replace('18', '00')],
  ])('malformed: %s', (_name, header, embedded) => {
    expect(() => parseAnswer(new Message(hex(`${header} ${embedded}`)))).toThrow(MalformedError)
  })
})

describe('random bytes', () => {
  /** Reads all that this library can read from a datagram. */
  function readAll(bytes: Uint8Array): void {
    for (const message of attempt(() => parseMessages(bytes)) ?? []) {
      attempt(() => parseAnswer(message))
      attempt(() => parseGenericHeader(message))
      readAttributes(attempt(() => message.attributes()) ?? [])
      readAttributes(attempt(() => message.attributes(4)) ?? [])
    }
  }
  function readAttributes(attributes: readonly Attribute[], depth = 0): void {
    for (const a of attributes) {
      const reads: (() => unknown)[] = [
        () => a.u8(),
        () => a.u16(),
        () => a.u32(),
        () => a.u64(),
        () => a.s8(),
        () => a.s16(),
        () => a.s32(),
        () => a.s64(),
        () => a.be16(),
        () => a.be32(),
        () => a.be64(),
      ]
      for (const read of reads) attempt(read)
      a.string()
      readAttributes(attempt(() => a.attributes()) ?? [], depth + 1)
    }
  }
  function attempt<T>(parse: () => T): T | undefined {
    try {
      return parse()
    } catch (error) {
      if (error instanceof MalformedError) return undefined
      throw error
    }
  }

  // Small lengths and known types, so that parsing goes on for long; the bytes after the view show a read
  // outside it.
  const u16 = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 0xffff }))
  const words = fc.array(fc.tuple(u16, u16), { maxLength: 24 }).map(pairs => Uint16Array.from(pairs.flat()))
  const bytes = fc
    .tuple(
      fc.oneof(
        words.map(w => new Uint8Array(w.buffer)),
        fc.uint8Array({ maxLength: 96 }),
      ),
      fc.nat(3),
    )
    .map(([b, cut]) => b.subarray(0, Math.max(0, b.length - cut)))

  it('throw nothing but a MalformedError, and end', () => {
    fc.assert(fc.property(bytes, readAll), { numRuns: Number(process.env.FUZZ_RUNS ?? 20_000) })
  })

  it('in an NLMSG_ERROR', () => {
    const flags = fc.constantFrom(0, 0x100, 0x200, 0x300)
    fc.assert(
      fc.property(flags, bytes, (f, b) => readAll(encodeMessage({ type: 2, flags: f }, hex('eaffffff'), b))),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 20_000) },
    )
  })

  it('what is encoded is decoded', () => {
    const u32 = fc.integer({ min: 0, max: 0xffffffff })
    const header = fc.record({
      type: fc.integer({ min: 0, max: 0xffff }),
      flags: fc.integer({ min: 0, max: 0xffff }),
      sequence: u32,
      portId: u32,
    })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(header, fc.uint8Array({ maxLength: 30 })), { minLength: 1 }),
        messages => {
          const datagram = Buffer.concat(messages.map(([h, payload]) => encodeMessage(h, payload)))
          const read = parseMessages(datagram).map(({ type, flags, sequence, portId, payload }) => [
            { type, flags, sequence, portId },
            Uint8Array.from(payload),
          ])
          expect(read).toEqual(messages)
        },
      ),
    )
  })
})
