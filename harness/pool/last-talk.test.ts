// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import type { ToldEvent } from '../../guest/agent/protocol.ts'
import { encodeMessage } from '../../guest/netlink/index.ts'
import { LastTalk } from './last-talk.ts'

const socket = { identity: 1, protocol: 21, portId: 1001, groups: [] }
const bytes = (sequence: number) => encodeMessage({ type: 16, sequence }).toString('base64')
const sent = (sequence: number): ToldEvent => ({ kind: 'sent', socket, time: 0, bytes: bytes(sequence) })
const failed = (sequence: number): ToldEvent => ({
  ...{ kind: 'failed', socket, time: 1, call: 'sendto', code: 'EPERM', about: '', bytes: bytes(sequence) },
})

test('the running test only; a message that could not be sent is there once', async () => {
  const talk = new LastTalk()
  talk.add({ begins: true, epoch: 0, missed: 0, events: [sent(1)] })
  talk.add({ begins: true, epoch: 1_000_000, missed: 0, events: [sent(2), failed(2)] })
  talk.add({ begins: false, epoch: 1_000_000, missed: 0, events: [sent(3)] })
  const { text, captured } = await talk.conversation()
  expect(text.match(/seq \d/g)).toEqual(['seq 2', 'seq 3'])
  expect(text).toContain('✗               sendto: EPERM: type 16'.trim().slice(-20))
  expect(captured.packets.map(({ time, direction }) => [time, direction])).toEqual([
    [1_000_001_000, 'out'],
    [1_000_000_000, 'out'],
  ])
})

test('a test that has said nothing has no conversation, not that of the one before it', async () => {
  const talk = new LastTalk()
  const sequences = async () => (await talk.conversation()).text.match(/seq \d/g)
  const say = (sequence: number) => talk.add({ begins: false, epoch: 0, missed: 0, events: [sent(sequence)] })
  say(1)
  talk.testStarted('a')
  expect(await sequences()).toBe(null)
  say(2)
  // At the same time.
  talk.testStarted('b')
  talk.testEnded('a')
  expect(await sequences()).toEqual(['seq 2'])
  talk.testEnded('b')
  expect(await sequences()).toBe(null)
  talk.testStarted('c')
  say(3)
  // Once more.
  talk.testStarted('c')
  expect(await sequences()).toBe(null)
})

test('of many events the first and the last ones are kept, and the rest is counted', async () => {
  const talk = new LastTalk()
  const events = Array.from({ length: 100 }, (_, index) => sent(index))
  for (let round = 0; round < 10; round++) talk.add({ begins: round === 0, epoch: 0, missed: 0, events })
  const { captured } = await talk.conversation()
  expect(captured.packets).toHaveLength(301)
  expect(captured.packets[100]?.comment).toContain('700 events before this one were not kept')
})

test('what the guest has not told is counted where it is missing', async () => {
  const talk = new LastTalk()
  talk.add({ begins: true, epoch: 0, missed: 0, events: [sent(1)] })
  talk.add({ begins: false, epoch: 0, missed: 40, events: [sent(42)] })
  const { captured, text } = await talk.conversation()
  expect(captured.packets.map(({ comment }) => comment)).toEqual([
    expect.stringContaining('seq 1'),
    expect.stringContaining('40 events before this one were not kept'),
    expect.stringContaining('seq 42'),
  ])
  expect(text).toContain('40')
})

test('each gap is where it was, also when those before it are no longer kept', async () => {
  const talk = new LastTalk()
  const add = (missed: number, from: number, count = 4) =>
    talk.add({
      ...{ begins: from === 0, epoch: 0, missed },
      events: Array.from({ length: count }, (_, index) => sent(from + index)),
    })
  add(0, 0)
  add(10, 14)
  add(0, 18)
  add(20, 42)
  const { text, captured } = await talk.conversation()
  const order = /seq \d+|\d+ more, which were not kept/g
  expect(text.match(order)).toEqual([
    ...['seq 0', 'seq 1', 'seq 2', 'seq 3', '10 more, which were not kept'],
    ...[14, 15, 16, 17, 18, 19, 20, 21].map(each => `seq ${each}`),
    ...['20 more, which were not kept', 'seq 42', 'seq 43', 'seq 44', 'seq 45'],
  ])
  expect(captured.packets.map(({ comment }) => /^\d+(?= events)/.exec(comment)?.[0] ?? '').join()).toBe(
    ',,,,10,,,,,,,,,20,,,,',
  )
  // A flood: what was missed before events that have been driven out is counted with them.
  add(0, 46, 84)
  for (let round = 0; round < 60; round++) add(6, 1000 + 10 * round)
  const flood = await talk.conversation()
  const gaps = flood.captured.packets.map(({ comment }) => Number(/^\d+(?= events)/.exec(comment)?.[0] ?? 0))
  expect(gaps.reduce((sum, each) => sum + each)).toBe(30 + 40 + 360)
  expect(flood.text).toMatch(/6 more, which were not kept \.\.\.\n.*seq 1590/)
})

test('nothing said is nothing told', async () => {
  expect(await new LastTalk().conversation()).toEqual({
    text: '',
    sequence: undefined,
    captured: { sockets: [], packets: [] },
  })
})
