// SPDX-License-Identifier: MIT
/** What no answer may be, whatever the module is for. */
import { expect, test } from 'vitest'
import {
  attr,
  Datagram,
  encodeGenericHeader,
  encodeMessage,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
} from '../../netlink/index.ts'
import { isMinusOne, isPassing, readAnswer, Unasked } from './answer.ts'

const [family, portId, sequence] = [30, 77, 5]
const encode = (flags: number) =>
  encodeMessage({ type: family, flags: NLM_F_REQUEST | flags, sequence }, encodeGenericHeader({ command: 1 }))
const [asked, plain, dump] = [encode(NLM_F_ACK), encode(0), encode(NLM_F_ACK | NLM_F_DUMP)]

const reply = (
  header: { flags?: number; sequence?: number; portId?: number; type?: number } = {},
  content = attr.u32(1, 1),
) =>
  encodeMessage({ type: family, sequence, portId, ...header }, encodeGenericHeader({ command: 1 }), content)
const error = (errno: number, request = asked) => {
  const number = Buffer.alloc(4)
  number.writeInt32LE(errno)
  return encodeMessage({ type: NLMSG_ERROR, sequence, portId }, number, request)
}
const done = encodeMessage({ type: NLMSG_DONE, flags: NLM_F_MULTI, sequence, portId }, Buffer.alloc(4))

/** The faults of an answer to a request. */
function faults(request: Buffer, ...datagrams: readonly Buffer[]): readonly string[] {
  const came = datagrams.map(bytes => new Datagram(bytes, 0, 0, bytes.length))
  return readAnswer(came, { request, family, headerSize: 0, portId, earlier: new Set([4]) }).faults
}

test.each([
  ['an acknowledgement', asked, [error(0)]],
  ['a reply and an acknowledgement', asked, [reply(), error(0)]],
  ['an error', asked, [error(-22)]],
  ['nothing, where nothing is asked for', plain, []],
  ['a dump', dump, [Buffer.concat([reply({ flags: NLM_F_MULTI }), reply({ flags: NLM_F_MULTI })]), done]],
  ['many replies to one request', asked, [reply({ flags: NLM_F_MULTI }), done, error(0)]],
  ['a late answer to an earlier request', asked, [reply({ sequence: 4 }), error(0)]],
])('%s is right', (_what, request, datagrams) => {
  expect(faults(request, ...datagrams)).toEqual([])
})

test('ENOTSUPP is told of modules under test; some families of the kernel let it out', () => {
  const bytes = error(-524)
  const came = [new Datagram(bytes, 0, 0, bytes.length)]
  const of = { request: asked, family, headerSize: 0, portId, earlier: new Set<number>() }
  expect(readAnswer(came, of).faults).toEqual([])
  expect(readAnswer(came, { ...of, isUnderTest: true }).faults).toEqual([
    'the error 524, ENOTSUPP, which no program knows: EOPNOTSUPP is the one for them',
  ])
})

test.each([
  ['sequence number', asked, [reply({ sequence: 0 }), error(0)], 'a reply has the sequence number 0, not 5'],
  ['port id', asked, [reply({ portId: 0 }), error(0)], 'a reply has the port id 0, not 77'],
  ['type', asked, [reply({ type: 31 }), error(0)], "a message of the type 31, not 30, the family's"],
  ['no end', asked, [], 'no acknowledgement and no error, though NLM_F_ACK is set (does it return -EINTR?)'],
  ['two ends', asked, [error(0), error(0)], '2 errors or ends for one request'],
  ['an end too many', plain, [error(0, plain)], 'an acknowledgement that nobody asked for'],
  ['both', asked, [reply(), error(-11)], 'a reply, and an error as well'],
  [
    'a positive error',
    asked,
    [error(22)],
    'a malformed error: an NLMSG_ERROR with the positive error 22 (at byte 16)',
  ],
  ['ERESTARTSYS', asked, [error(-512)], 'the error 512, which no program knows'],
  ['no end of a dump', dump, [reply({ flags: NLM_F_MULTI })], 'the dump has no end'],
  ['a single part', dump, [reply(), done], 'a message of a dump lacks NLM_F_MULTI'],
  [
    'no DONE',
    asked,
    [reply({ flags: NLM_F_MULTI }), error(0)],
    'a reply has NLM_F_MULTI, and no NLMSG_DONE follows',
  ],
  [
    'stray bytes',
    asked,
    [Buffer.concat([error(0), Buffer.from([1, 0, 0, 0])])],
    expect.stringContaining('no message'),
  ],
  [
    'a length without genlmsg_end()',
    asked,
    [reply({}, Buffer.from([9, 0, 1, 0])), error(0)],
    expect.stringContaining('a reply is malformed'),
  ],
])('%s is wrong', (_what, request, datagrams, fault) => {
  expect(faults(request, ...datagrams)).toContainEqual(fault)
})

test('a nest whose end was never set', () => {
  const empty = Buffer.from([4, 0, 3, 0x80])
  const inside = attr.nested(1, attr.u32(1, 5))
  const shape = (...parts: readonly Buffer[]) => reply({}, attr.nested(1, attr.string(1, 'a'), ...parts))
  expect(faults(plain, shape(attr.nested(3, inside)))).toEqual([])
  expect(faults(plain, shape(empty, attr.string(2, 'b')))).toEqual([])
  expect(faults(plain, shape(empty, inside))).toEqual([
    'the nest 3 is empty, and what seems to be in it follows it: is nla_nest_end() missing? (the type 1 is a nest there, and none before)',
  ])
})

test('events with the sequence number 0 are no answers, unless one comes with each acknowledgement', () => {
  const event = reply({ sequence: 0 })
  const told = (unasked: Unasked, ...datagrams: readonly Buffer[]) => {
    const came = datagrams.map(bytes => new Datagram(bytes, 0, 0, bytes.length))
    const who = { family, headerSize: 0, portId, earlier: new Set([4]) }
    const request = datagrams.includes(done) ? dump : asked
    const { faults: wrong, hasEventEachTime } = readAnswer(came, { request, unasked, ...who })
    return hasEventEachTime ? [...wrong, suspected] : wrong
  }
  const suspected = 'it may be the answer'
  const late = new Unasked()
  for (let time = 0; time < 6; time++) {
    // They come before an answer, before a refusal, and after the acknowledgement.
    expect(told(late, event, reply(), error(0))).toEqual([])
    expect(told(late, event, error(-2))).toEqual([])
    expect(told(late, error(0), event)).toEqual([])
  }
  const first = new Unasked()
  expect(told(first, error(0))).toEqual([])
  for (let time = 0; time < 6; time++) expect(told(first, event, error(0))).toEqual([])
  const always = new Unasked()
  for (let time = 0; time < 3; time++) expect(told(always, event, error(0))).toEqual([])
  // An empty dump of the same command says nothing of it.
  told(always, done)
  expect(told(always, event, error(0))).toEqual([suspected])
  // Other numbers that nobody has asked with are never right.
  expect(told(new Unasked(), reply({ sequence: 9 }), error(0))).toEqual([
    'a reply has the sequence number 9, not 5',
  ])
})

test('an event is an answer if it comes to whoever asks, and is not asked for again', async () => {
  const unasked = new Unasked()
  let asked = 0
  const tells = (verdict: boolean | undefined) => async () => {
    asked++
    return verdict
  }
  expect(await unasked.isAnswer(1, tells(true))).toBe(true)
  expect(await unasked.isAnswer(1, tells(false))).toBe(true)
  expect(await unasked.isAnswer(2, tells(false))).toBe(false)
  expect(await unasked.isAnswer(2, tells(true))).toBe(false)
  expect(asked).toBe(2)
  // Who is refused may try again, but not for ever.
  for (let time = 0; time < 3; time++) expect(await unasked.isAnswer(3, tells(undefined))).toBe(false)
  expect(await unasked.isAnswer(3, tells(true))).toBe(false)
})

test('a part of a dump has the number of its request', () => {
  const bytes = [reply({ sequence: 0, flags: NLM_F_MULTI }), done]
  const came = bytes.map(each => new Datagram(each, 0, 0, each.length))
  const who = { family, headerSize: 0, portId, earlier: new Set<number>(), unasked: new Unasked() }
  expect(readAnswer(came, { request: dump, ...who }).faults).toEqual([
    'a reply has the sequence number 0, not 5',
  ])
})

test('errnos that say that it may be otherwise the next time', () => {
  expect(['EBUSY', 'EAGAIN', 'ENOENT', undefined].map(isPassing)).toEqual([true, true, false, false])
})

test('poison of debug kernels in a reply is memory that nobody has written', () => {
  const told = (fill: number, length: number) =>
    faults(asked, reply({}, attr.binary(1, Buffer.alloc(length, fill))), error(0))
  expect(told(0x5a, 8)).toEqual(['a reply tells memory that was never written (5a5a5a5a5a5a5a5a)'])
  expect(told(0x6b, 12)).toEqual(['a reply tells memory that was freed (6b6b6b6b6b6b6b6b)'])
  expect(told(0x6b, 4)).toEqual([])
  expect(told(0xa5, 8)).toEqual([])
})

test('EPERM without words may be -1; another errno, or one that is explained, is meant', () => {
  const answer = { replies: [], datagrams: [], faults: [] }
  expect(isMinusOne({ ...answer, code: 'EPERM' })).toBe(true)
  expect(isMinusOne({ ...answer, code: 'EINVAL' })).toBe(false)
  const extendedAck = { attributes: [], message: 'the first entry stays' }
  expect(isMinusOne({ ...answer, code: 'EPERM', extendedAck })).toBe(false)
  expect(isMinusOne(answer)).toBe(false)
})

test('poison in a hole of a struct is memory that nobody has written, and in a text it is none', () => {
  const told = (hex: string) => faults(asked, reply({}, attr.binary(1, Buffer.from(hex, 'hex'))), error(0))
  expect(told('016b6b6b0500000000000000')).toEqual([
    'a reply tells memory that was freed in a hole (016b6b6b0500000000000000)',
  ])
  expect(told('0100000005000000006b6b00')).toEqual([])
  expect(told(Buffer.from('a bookkkeeper').toString('hex'))).toEqual([])
})
