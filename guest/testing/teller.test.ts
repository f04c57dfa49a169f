// SPDX-License-Identifier: MIT
import { beforeEach, expect, test } from 'vitest'
import type { Talk } from '../agent/protocol.ts'
import { encodeMessage, NLM_F_REQUEST, NLMSG_NOOP } from '../netlink/index.ts'
import { diagram } from './diagram.ts'
import { firstMarker } from './markers.ts'
import type { RecordedEvent, RecordedSocket } from './recorded.ts'
import { Recording } from './recording.ts'
import { sequenceOf } from './sequence.ts'
import { Teller } from './teller.ts'
import { Listener } from './told.ts'

const socket = { identity: 1, protocol: 21, portId: 1001 }
const message = (sequence: number) => encodeMessage({ type: 16, flags: NLM_F_REQUEST, sequence })

const told: Talk[] = []
const events = () => told.flatMap(talk => talk.events)
let recording: Recording
beforeEach(() => {
  told.length = 0
  recording = new Recording(new Teller(talk => told.push(talk)))
})

test('a message is told of before it is sent, as the recording would have it', () => {
  recording.opened(socket, 'blue')
  recording.joined(socket, 40)
  recording.sending(socket, message(7), { portId: 5, groups: 2 })
  expect(told).toEqual([
    expect.objectContaining({
      begins: true,
      events: [
        expect.objectContaining({ kind: 'joined', group: 40 }),
        expect.objectContaining({
          kind: 'sent',
          to: { portId: 5, groups: 2 },
          socket: { ...socket, namespace: 'blue', groups: [40] },
        }),
      ],
    }),
  ])
  recording.sent(socket, message(7), { portId: 5, groups: 2 }, undefined)
  const listener = new Listener()
  const heard = events().map(event => listener.event(event))
  const draw = (first: readonly RecordedEvent[], sockets: readonly RecordedSocket[]) => {
    const sequence = sequenceOf({ first, dropped: 0, last: [], sockets }, new Map())
    return sequence ? diagram(sequence) : ''
  }
  const drawn = draw(heard, listener.sockets)
  const { first, sockets } = recording.conversation
  const times = (text: string) => text.replaceAll(/ *\d+\.\d /g, '')
  expect(times(drawn)).toBe(times(draw(first, sockets)))
  expect(drawn).toContain('ns blue')
})

test('a long message is told in part, and markers wait for what comes', () => {
  const marker = encodeMessage({ type: NLMSG_NOOP, sequence: firstMarker })
  recording.sending(socket, marker, undefined)
  recording.sent(socket, marker, undefined, undefined)
  expect(told).toHaveLength(0)
  recording.sending(socket, new Uint8Array(1_000_000), undefined)
  expect(events()).toHaveLength(2)
  expect(events().at(-1)?.bytes?.length).toBeLessThan(30_000)
})

test('what is sent again and again is told of now and then', () => {
  for (let sequence = 0; sequence < 10_000; sequence++) {
    recording.sending(socket, message(sequence), undefined)
    recording.sent(socket, message(sequence), undefined, undefined)
  }
  expect(told.length).toBeGreaterThanOrEqual(16)
  expect(told.length).toBeLessThan(1000)
  const all = events().map(event => Buffer.from(event.bytes ?? '', 'base64').readUInt32LE(8))
  // Each once, in their order, and those that are missing are counted.
  expect(all.slice(0, 16)).toEqual(Array.from({ length: 16 }, (_, index) => index))
  expect(all).toEqual([...new Set(all)].sort((a, b) => a - b))
  const missed = told.reduce((sum, talk) => sum + talk.missed, 0)
  expect(all.length + missed).toBe((all.at(-1) ?? 0) + 1)
})

test('a test that has broken what telling needs does not notice', () => {
  const broken = new Recording(
    new Teller(() => {
      throw new Error('JSON is gone')
    }),
  )
  broken.sending(socket, message(1), undefined)
  broken.sent(socket, message(1), undefined, undefined)
  expect(broken.conversation.first).toHaveLength(1)
})
