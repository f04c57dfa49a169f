// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
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
