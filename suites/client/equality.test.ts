// SPDX-License-Identifier: MIT
/** In a guest's worker too, messages that differ in a byte are unequal in every comparison. */
import assert from 'node:assert'
import { inspect } from 'node:util'
import {
  attr,
  attributes,
  Datagram,
  encodeMessage,
  KernelError,
  Message,
  NETLINK_ROUTE,
  NLMSG_ERROR,
  parseAnswer,
  parseAttributes,
  rtnetlink,
  Socket,
  string,
} from 'netlink-vmtest/netlink'
import { expect, it, vi } from 'vitest'

const hello = encodeMessage({ type: 30 }, attr.string(1, 'hello'))
const other = encodeMessage({ type: 30 }, attr.string(1, 'other'))
const schema = attributes({ name: [1, string] })

it.each<[string, (bytes: Buffer) => object]>([
  ['a message', bytes => new Message(bytes)],
  ['attributes', bytes => parseAttributes(bytes, 16)],
  ['a datagram', bytes => new Datagram(bytes, 0, 0, bytes.length)],
  ['a view', bytes => schema.view(bytes, 16)],
])('%s', (_what, read) => {
  const [a, same, different] = [read(hello), read(Buffer.from(hello)), read(other)]
  const called = vi.fn()
  called(a)

  expect(a).toEqual(same)
  expect(a).toStrictEqual(same)
  expect(a).toMatchObject(same)
  expect(called.mock.calls).toEqual([[same]])
  assert.deepStrictEqual(a, same)

  expect(a).not.toEqual(different)
  expect(a).not.toStrictEqual(different)
  expect(a).not.toMatchObject(different)
  expect(called.mock.calls).not.toEqual([[different]])
  assert.notDeepStrictEqual(a, different)
  expect(inspect(a)).not.toBe(inspect(different))
})

it('what the kernel sends', async () => {
  using socket = Socket.open(NETLINK_ROUTE)
  const get = (index: number) =>
    socket.request({ type: rtnetlink.RTM_GETLINK }, rtnetlink.link.encode({ header: { index } }))
  const [first] = await get(1)
  const [again] = await get(1)
  // each has the sequence number of its request
  expect(first).not.toEqual(again)
  expect(first?.payload).toEqual(again?.payload)
  expect({ ...first, sequence: 0 }).toEqual({ ...again, sequence: 0 })
  const [missing, gone] = await Promise.all([9998, 9999].map(index => get(index).catch(reason => reason)))
  expect(missing).toBeInstanceOf(KernelError)
  expect(missing.message).toBe(gone.message)
  expect(missing).not.toEqual(gone)
})

it('errors in snapshots, which show what they compare', () => {
  const refused = (index: number) => {
    const request = encodeMessage({ type: 18, sequence: 1 }, attr.u32(1, index))
    const error = Buffer.from([0xed, 0xff, 0xff, 0xff])
    return new KernelError(parseAnswer(new Message(encodeMessage({ type: NLMSG_ERROR }, error, request))))
  }
  expect(refused(1)).toMatchInlineSnapshot(`
    [KernelError: the kernel answered ENODEV] {
      "flags": 0,
      "length": 44,
      "payload": "edffffff 18000000 12000000 01000000 00000000 08000100 01000000",
      "portId": 0,
      "sequence": 0,
      "type": 2,
    }
  `)
  expect(refused(2)).toMatchInlineSnapshot(`
    [KernelError: the kernel answered ENODEV] {
      "flags": 0,
      "length": 44,
      "payload": "edffffff 18000000 12000000 01000000 00000000 08000100 02000000",
      "portId": 0,
      "sequence": 0,
      "type": 2,
    }
  `)
})
