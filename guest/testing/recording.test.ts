// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import {
  attr,
  Datagram,
  encodeGenericHeader,
  encodeMessage,
  GENL_ID_CTRL,
  NETLINK_GENERIC,
} from '../netlink/index.ts'
import { CTRL_CMD_NEWFAMILY } from './nlctrl.ts'
import { Recording } from './recording.ts'

test('a request is of the time before it was sent, also in threads, whose recordings tell nobody', () => {
  const recording = new Recording()
  recording.begin()
  const socket = { identity: 1, protocol: 21, portId: 5 }
  const request = new Uint8Array(16)
  recording.sending(socket, request, undefined)
  // The kernel does all that is asked within the call.
  const meanwhile = performance.now()
  recording.sent(socket, request, undefined, undefined)
  const [event] = recording.conversation.first.filter(({ kind }) => kind === 'sent')
  expect(event?.time).toBeLessThanOrEqual(meanwhile)
})

test('of a family that is registered again and again, all numbers are known', () => {
  const recording = new Recording()
  const socket = { identity: 1, protocol: NETLINK_GENERIC, portId: 5 }
  const numbers = Array.from({ length: 100 }, (_, index) => 32 + index)
  for (const number of numbers) {
    const group = attr.nested(1, attr.u32(2, 1000 + number), attr.string(1, 'events'))
    const bytes = encodeMessage(
      { type: GENL_ID_CTRL },
      encodeGenericHeader({ command: CTRL_CMD_NEWFAMILY }),
      ...[attr.string(2, 'nlex'), attr.u16(1, number), attr.nested(7, group)],
    )
    recording.received(socket, new Datagram(bytes, 0, 0, bytes.length))
  }
  expect([...recording.families]).toEqual(numbers.map(number => [number, 'nlex']))
  expect([...recording.groups]).toEqual(numbers.map(number => [1000 + number, 'nlex/events']))
})
