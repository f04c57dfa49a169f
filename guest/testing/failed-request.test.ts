// SPDX-License-Identifier: MIT
import { expect, onTestFinished, test } from 'vitest'
import {
  Datagram,
  encodeMessage,
  encodeMessages,
  KernelError,
  NLMSG_ERROR,
  OverflowError,
  parseAnswer,
  TimeoutError,
} from '../netlink/index.ts'
import { observer } from '../netlink/socket/observer.ts'
import { FailedRequest } from './failed-request.ts'

const socket = { identity: 1, protocol: 16, portId: 7 }
const other = { identity: 2, protocol: 16, portId: 8 }
const [ENOENT, ENOMEM] = [2, 12]
const answerTo = (sequence: number, errno = 0) => {
  const number = Buffer.alloc(4)
  number.writeInt32LE(-errno)
  return encodeMessage({ type: NLMSG_ERROR, sequence }, number, encodeMessage({ type: 20, sequence }))
}
const refusal = (errno: number) => {
  const [message] = new Datagram(answerTo(2, errno), 0, 0, 36).messages()
  if (message === undefined) throw new Error('no message')
  return new KernelError(parseAnswer(message))
}

/** What sockets do, with the allocation failing in the send of those sequence numbers, if any. */
function watch(failsIn: readonly number[] | 'receiving') {
  const before = observer
  let hasFailed = false
  const request = new FailedRequest(() => hasFailed)
  onTestFinished(() => {
    request[Symbol.dispose]()
    expect(observer).toBe(before)
  })
  const send = (...sequences: readonly number[]) => {
    const bytes = encodeMessages(sequences.map(sequence => ({ type: 20, sequence })))
    observer?.sending?.(socket, bytes, undefined)
    hasFailed ||= sequences.some(each => failsIn !== 'receiving' && failsIn.includes(each))
    observer?.sent(socket, bytes, undefined, undefined)
  }
  const receive = (bytes: Buffer, groups = 0, by = socket) => {
    hasFailed ||= failsIn === 'receiving'
    observer?.received(by, new Datagram(bytes, 0, groups, bytes.length))
  }
  return { request, send, receive }
}

test('a request that was granted, though memory was lacking, is found out by the next one', () => {
  const { request, send, receive } = watch([2])
  send(1, 2)
  receive(answerTo(1))
  expect(request.isDenied(refusal(ENOENT))).toBe(false)
  receive(answerTo(2))
  send(3)
  expect(request.isDenied(refusal(ENOENT))).toBe(true)
  expect(request.isDenied(new TimeoutError('notification', 5))).toBe(true)
  expect(request.isDenied(new Error('expected 5 to be 6'))).toBe(true)
  expect(request.isDenied(refusal(ENOMEM))).toBe(false)
  expect(request.isDenied(new OverflowError())).toBe(false)
})

test('one that was refused, or not answered, denies nothing', () => {
  const refused = watch([1])
  refused.send(1)
  refused.receive(answerTo(1, ENOMEM))
  refused.receive(answerTo(1))
  expect(refused.request.isDenied(refusal(ENOENT))).toBe(false)
  const unanswered = watch([1])
  unanswered.send(1)
  // A notification has the number of the request.
  unanswered.receive(encodeMessage({ type: 20, sequence: 1 }), 1)
  unanswered.send(2)
  unanswered.receive(answerTo(2))
  expect(unanswered.request.isDenied(refusal(ENOENT))).toBe(false)
})

test('another socket has requests of the same numbers', () => {
  const { request, send, receive } = watch([1])
  send(1)
  receive(answerTo(1), 0, other)
  expect(request.isDenied(refusal(ENOENT))).toBe(false)
})

test('what fails while something is received is of no request', () => {
  const { request, send, receive } = watch('receiving')
  send(1)
  receive(answerTo(1))
  send(2)
  receive(answerTo(2))
  expect(request.isDenied(refusal(ENOENT))).toBe(false)
})
