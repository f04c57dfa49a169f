// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { encodeFrame, encodePlainFrame, FrameDecoder } from './frames.ts'

test('a frame is its length, little-endian, and what v8.serialize wrote', () => {
  const frame = encodeFrame({ id: 1 })
  expect(frame.readUInt32LE(0)).toBe(frame.length - 4)
  expect(frame[4]).toBe(0xff) // the version tag that v8.serialize begins with
})

test('a plain one is marked in its length, and JSON', () => {
  const frame = encodePlainFrame({ text: 'größer' })
  expect(frame.readUInt32LE(0) - 0x8000_0000).toBe(frame.length - 4)
  expect(frame.toString('utf8', 4)).toBe('{"text":"größer"}')
})

test('what a hook has replaced breaks no frame', () => {
  const spies = [
    vi.spyOn(JSON, 'stringify').mockReturnValue('x'),
    vi.spyOn(Buffer, 'byteLength').mockReturnValue(1),
    vi.spyOn(Buffer, 'allocUnsafe').mockReturnValue(Buffer.alloc(0)),
  ]
  const frame = encodePlainFrame({ id: 1 })
  for (const spy of spies) spy.mockRestore()
  expect(frame.toString('utf8', 4)).toBe('{"id":1}')
})

test('messages arrive whole and in order, in whatever pieces their bytes come', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.anything({ withBigInt: true, withMap: true }).map(message => ({ message, encode: encodeFrame })),
          // as JSON keeps them: without -0
          fc.json().map(text => ({
            message: JSON.parse(JSON.stringify(JSON.parse(text))),
            encode: encodePlainFrame,
          })),
        ),
      ),
      fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
      (messages, sizes) => {
        const received: unknown[] = []
        const decoder = new FrameDecoder(message => received.push(message))
        const bytes = Buffer.concat(messages.map(({ message, encode }) => encode(message)))
        for (let at = 0; at < bytes.length; ) {
          const size = sizes.next().value as number
          decoder.push(bytes.subarray(at, at + size))
          at += size
        }
        expect(received).toEqual(messages.map(({ message }) => message))
      },
    ),
  )
})

test('a length that no message has is refused: the stream is out of step', () => {
  const decoder = new FrameDecoder(() => {})
  expect(() => decoder.push(Buffer.from('ffffffff00', 'hex'))).toThrow('out of step')
})
