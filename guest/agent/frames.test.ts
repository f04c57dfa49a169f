import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeFrame, FrameDecoder } from './frames.ts'

test('a frame is its length, little-endian, and what v8.serialize wrote', () => {
  const frame = encodeFrame({ id: 1 })
  expect(frame.readUInt32LE(0)).toBe(frame.length - 4)
  expect(frame[4]).toBe(0xff) // the version tag that v8.serialize begins with
})

test('messages arrive whole and in order, in whatever pieces their bytes come', () => {
  fc.assert(
    fc.property(
      fc.array(fc.anything({ withBigInt: true, withMap: true })),
      fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
      (messages, sizes) => {
        const received: unknown[] = []
        const decoder = new FrameDecoder(message => received.push(message))
        const bytes = Buffer.concat(messages.map(encodeFrame))
        for (let at = 0; at < bytes.length; ) {
          const size = sizes.next().value as number
          decoder.push(bytes.subarray(at, at + size))
          at += size
        }
        expect(received).toEqual(messages)
      },
    ),
  )
})

test('a length that no message has is refused: the stream is out of step', () => {
  const decoder = new FrameDecoder(() => {})
  expect(() => decoder.push(Buffer.from('ffffffff00', 'hex'))).toThrow('out of step')
})
