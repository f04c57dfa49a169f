// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { attr, Datagram, encodeMessage, type ObservedSocket } from '../netlink/index.ts'
import { captured } from './capture.ts'
import { firstMarker } from './markers.ts'
import { Recording } from './recording.ts'

const socket = (identity: number, portId: number, protocol = 21): ObservedSocket => ({
  identity,
  protocol,
  portId,
})
const request = encodeMessage({ type: 16, flags: 5, sequence: 1 }, attr.u32(1, 42))
const capture = (recording: Recording) => captured(recording.conversation, recording.families)

test('sockets by name, and what each packet means', () => {
  const recording = new Recording()
  const [a, b, silent] = [socket(1, 101), socket(2, 102), socket(3, 103)]
  recording.opened(a, undefined)
  recording.opened(b, '/run/netns/left')
  recording.opened(silent, undefined)
  recording.joined(b, 2)
  recording.joined(b, 1)
  recording.begin()
  recording.sent(a, request, undefined, undefined)
  recording.sent(a, request, { portId: 7, groups: 2 }, undefined)
  recording.sent(a, request, { groups: 4 }, undefined)
  recording.received(b, new Datagram(request, 9, 1, 1000))
  recording.received(b, new Datagram(encodeMessage({ type: 1, sequence: firstMarker }), 0, 0, 16))
  recording.failed(a, 'sendto', 'EPERM', request)
  recording.failed(b, 'recvmsg', 'ENOBUFS')
  recording.closed(b)
  const { sockets, packets } = capture(recording)
  expect(sockets).toEqual([
    { identity: 1, protocol: 21, name: 'port 101, protocol 21', description: '' },
    { identity: 2, protocol: 21, name: 'port 102, protocol 21, ns left', description: 'groups 1, 2' },
  ])
  const text = 'type 16: 24 bytes, flags REQUEST|ACK, seq 1, pid 0; 1: 2a 00 00 00 (42)'
  expect(
    packets.map(({ socket, direction, length, comment }) => [socket, direction, length, comment]),
  ).toEqual([
    [1, 'out', 24, `to the kernel: ${text}`],
    [1, 'out', 24, `to port 7, group 2: ${text}`],
    [1, 'out', 24, `to the kernel, group 3: ${text}`],
    [2, 'in', 1000, `from port 9, group 1: ${text}`],
    [2, 'in', 16, expect.stringMatching(/^\(marker\) from the kernel: NLMSG_NOOP: /)],
    [1, 'out', 24, `not sent, sendto: EPERM: ${text}`],
    [2, 'none', 0, 'recvmsg: ENOBUFS, messages were lost'],
  ])
  expect(packets.slice(0, 1).map(({ bytes }) => Buffer.from(bytes))).toEqual([request])
})

test('what was dropped is a note in its place, and long texts are cut', () => {
  const recording = new Recording()
  const a = socket(1, 101)
  recording.opened(a, undefined)
  recording.begin()
  for (let round = 0; round < 10_000; round++) recording.sent(a, request, undefined, undefined)
  const many = Array.from({ length: 30 }, (_, index) => attr.binary(1000 + index, Buffer.alloc(100)))
  for (let round = 0; round < 4; round++)
    recording.sent(a, encodeMessage({ type: 16 }, ...many), undefined, undefined)
  const { packets } = capture(recording)
  expect(packets.length).toBe(4001)
  expect(packets[2000]).toMatchObject({
    direction: 'none',
    comment: '6004 events before this one were not kept: the recording is full',
  })
  expect(packets.at(-1)?.comment.length).toBeLessThan(4100)
})

test('names of generic families', () => {
  const recording = new Recording()
  const generic = socket(1, 101, 16)
  recording.opened(generic, undefined)
  const family = Buffer.concat([Buffer.from([1, 2, 0, 0]), attr.u16(1, 31), attr.string(2, 'faults')])
  recording.received(generic, new Datagram(encodeMessage({ type: 16 }, family), 0, 0, 100))
  recording.begin()
  const header = Buffer.from([3, 1, 0, 0])
  recording.sent(generic, encodeMessage({ type: 31 }, header), undefined, undefined)
  expect(capture(recording).packets[0]?.comment).toMatch(/^to the kernel: faults command 3: 20 bytes/)
})
