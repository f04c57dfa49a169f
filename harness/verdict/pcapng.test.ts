// SPDX-License-Identifier: MIT
/** What tshark reads in the files. */
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { CapturedPacket, TestConversation } from '../../guest/agent/protocol.ts'
import { attr, encodeMessage } from '../../guest/netlink/index.ts'
import { requireFolder } from '../base/folders.ts'
import { Tshark } from '../fixtures/tshark.ts'
import { Capture } from './capture.ts'
import { Pcapng } from './pcapng.ts'

let tshark: Tshark
beforeAll(async () => {
  tshark = await Tshark.get()
}, 120_000)
afterAll(() => tshark?.remove())

const request = encodeMessage({ type: 16, flags: 5, sequence: 7 }, attr.u32(1, 42))
const packet = (given: Partial<CapturedPacket> = {}): CapturedPacket => ({
  socket: 1,
  time: 1_764_359_000_123_456,
  direction: 'out',
  bytes: request,
  length: given.bytes?.length ?? request.length,
  comment: 'a comment',
  ...given,
})
const conversation = (given: Partial<TestConversation> = {}): TestConversation => ({
  tests: ['a test'],
  failed: true,
  sockets: [
    { identity: 1, protocol: 21, name: 'port 101, protocol 21', description: '' },
    { identity: 2, protocol: 0, name: 'port 102, protocol 0, ns a', description: 'groups 1, 2' },
  ],
  packets: [packet()],
  ...given,
})
const facts = { system: 'Linux 6.1', application: 'netlink-vmtest', comment: 'a.test.ts on debian-6.1' }

function emptyFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function read(conversations: readonly TestConversation[], ...fields: string[]): Promise<string[][]> {
  const file = path.join(emptyFolder(), 'a.pcapng')
  const section = new Pcapng()
  writeFileSync(
    file,
    Buffer.concat([section.header(facts), ...conversations.map(each => section.conversation(each))]),
  )
  return await tshark.fields(file, ...fields)
}

test('packets of two sockets, dissected', async () => {
  const answer = encodeMessage({ type: 2, sequence: 7, portId: 101 }, Buffer.alloc(20))
  const said = conversation({
    packets: [
      packet(),
      packet({ direction: 'in', bytes: answer, time: 1_764_359_000_123_999 }),
      packet({ socket: 2, comment: 'the other' }),
    ],
  })
  const shown = await read(
    [said],
    'frame.time_epoch',
    'frame.interface_id',
    'frame.interface_name',
    'frame.interface_description',
    'frame.packet_flags_direction',
    'netlink.hatype',
    'netlink.family',
    'netlink.hdr_type',
    'netlink-route.nltype',
    'netlink.hdr_seq',
    'frame.comment',
  )
  const [one, two] = ['port 101, protocol 21', 'port 102, protocol 0, ns a']
  // The answer has the header of its request.
  expect(shown.map(fields => fields.join(' | '))).toEqual([
    `1764359000.123456000 | 0 | ${one} |  | 0x00000002 | 824 | 0x0015 | 0x0010 |  | 7 | a test ¦ a comment`,
    `1764359000.123999000 | 0 | ${one} |  | 0x00000001 | 824 | 0x0015 | 0x0002 ¦ 0x0000 |  | 7 ¦ 0 | a test ¦ a comment`,
    `1764359000.123456000 | 1 | ${two} | groups 1, 2 | 0x00000002 | 824 | 0x0000 |  | 16 | 7 | a test ¦ the other`,
  ])
})

test('an interface for each socket, also over several conversations', async () => {
  const bound = conversation({
    sockets: [{ identity: 1, protocol: 0, name: 'port 103, protocol 0', description: '' }],
  })
  const shown = await read(
    [conversation(), conversation({ tests: [] }), bound],
    'frame.interface_name',
    'frame.comment',
  )
  expect(shown).toEqual([
    ['port 101, protocol 21', 'a test ¦ a comment'],
    ['port 101, protocol 21', '(between tests) ¦ a comment'],
    ['port 103, protocol 0', 'a test ¦ a comment'],
  ])
})

test('notes without bytes, malformed and shortened datagrams', async () => {
  const packets = [
    packet({ direction: 'none', bytes: Buffer.alloc(0), comment: 'messages were lost' }),
    packet({ bytes: Buffer.alloc(1, 0xff) }),
    packet({ bytes: Buffer.alloc(13, 0xff) }),
    packet({ bytes: request, length: 100_000 }),
    // Lengths of messages and attributes that are not there.
    packet({ bytes: Buffer.concat([Buffer.from([0xff, 0xff, 0, 0]), request.subarray(4)]) }),
    packet({ bytes: encodeMessage({ type: 16 }, Buffer.from([0xff, 0xff, 1, 0])) }),
  ]
  const shown = await read([conversation({ packets })], 'frame.cap_len', 'frame.len', 'frame.comment')
  expect(shown.map(([kept, length]) => [kept, length])).toEqual([
    ['16', '16'],
    ['17', '17'],
    ['29', '29'],
    ['40', '100016'],
    ['40', '40'],
    ['36', '36'],
  ])
  expect(shown[0]?.[2]).toBe('a test ¦ messages were lost')
})

test('names of any characters and lengths', async () => {
  const tests = ['two\nlines\0 and \x1b[31m', 'a half 😀'.slice(0, -1), 'é'.repeat(40_000)]
  const [[, comment = ''] = []] = await read([conversation({ tests })], 'frame.number', 'frame.comment')
  const [first, second, third, last] = comment.split(' ¦ ')
  expect(first).toBe('two\\x0alines\\x00 and \\x1b[31m')
  expect(second).toBe('a half �')
  expect(third).toMatch(/^é{8000,}\.\.\.$/)
  expect(last).toBe('a comment')
})

test('the evidence has the failed tests only, the file of --capture all', async () => {
  const folder = emptyFolder()
  const file = path.join(folder, 'debian-6.1/suites/a.test.ts.pcapng')
  const capture = new Capture({ label: 'debian-6.1', release: '6.1.0', file: 'a' }, file, text =>
    expect.fail(text),
  )
  expect(capture.failed).toBeUndefined()
  capture.add(conversation({ tests: ['good'], failed: false }))
  capture.add(conversation({ tests: ['bad\u202e\nname'] }))
  capture.close()
  const bad = 'bad\\u202e\u240aname'
  expect((await tshark.fields(file, 'frame.comment')).flat()).toEqual([
    'good ¦ a comment',
    `${bad} ¦ a comment`,
  ])
  const evidence = path.join(folder, 'evidence.pcapng')
  writeFileSync(evidence, capture.failed ?? '')
  expect((await tshark.fields(evidence, 'frame.comment')).flat()).toEqual([`${bad} ¦ a comment`])
})

test('evidence is bounded, and says what is missing', () => {
  const capture = new Capture({ label: 'debian-6.1', release: '6.1.0', file: 'a' }, undefined, () => {})
  const long = conversation({ packets: [packet({ bytes: Buffer.alloc(6 * 1024 * 1024) })] })
  for (let round = 0; round < 5; round++) capture.add(long)
  expect(capture.failed?.length).toBeLessThan(20 * 1024 * 1024)
  expect(capture.failed?.toString('latin1', 0, 300)).toContain('2 further failed tests are not in it')
})

test('a file that cannot be written is told once, and does no harm', () => {
  const folder = emptyFolder()
  const complaints: string[] = []
  const capture = (place: string) => {
    const it = new Capture({ label: 'a', release: '6.1.0', file: 'a' }, place, text => complaints.push(text))
    it.add(conversation())
    it.add(conversation())
    it.close()
    return it
  }
  const full = path.join(folder, 'full.pcapng')
  symlinkSync('/dev/full', full)
  expect(capture(full).failed?.length).toBeGreaterThan(200)
  writeFileSync(path.join(folder, 'file'), '')
  capture(path.join(folder, 'file/a.pcapng'))
  capture(folder)
  expect(complaints).toEqual([
    expect.stringMatching(/^the capture .*full\.pcapng is not complete: ENOSPC/),
    expect.stringMatching(/^the capture .*file\/a\.pcapng is not complete: (ENOTDIR|\S*file is no folder)/),
    expect.stringMatching(/^the capture .* is not complete: EISDIR/),
  ])
})

test('a folder for captures is made, or refused before the run', () => {
  const folder = emptyFolder()
  requireFolder('--capture', path.join(folder, 'a/b'))
  expect(statSync(path.join(folder, 'a/b')).isDirectory()).toBe(true)
  const file = path.join(folder, 'file')
  writeFileSync(file, 'kept')
  expect(() => requireFolder('--capture', file)).toThrow(/^--capture: cannot write into .*file: /)
  expect(() => requireFolder('--capture', '/sys/captures')).toThrow(/^--capture: cannot write into /)
  expect(readFileSync(file, 'utf8')).toBe('kept')
})
