// SPDX-License-Identifier: MIT
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type ConversationHook, conversationHook, type ToldConversation } from '../agent/protocol.ts'
import { inThread } from './threads.ts'

test('work in a thread has the library and its input, and gives its result back', async () => {
  const sum = await inThread({ numbers: [1, 2, 3] }, ({ attr }, { numbers }) =>
    numbers.map(number => attr.u32(1, number).readUInt32LE(4)).reduce((a, b) => a + b),
  )
  expect(sum).toBe(6)
})

test('what it throws comes back, and so does its not ending', async () => {
  await expect(
    inThread('input', (_, input) => {
      throw new RangeError(`not ${input}`)
    }),
  ).rejects.toThrow('not input')
  await expect(
    inThread(0, () => new Promise(() => setTimeout(() => {}, 60_000)), { limit: 50 }),
  ).rejects.toThrow('the thread did not end within 0.05 s')
})

test('a limit longer than any timer is none', async () => {
  expect(await inThread(2, (_, input) => input, { limit: 3e9 })).toBe(2)
})

test('all that fails has the place where the thread was asked for', async () => {
  const [name] = path.basename(import.meta.filename).split('?')
  const failures = await Promise.allSettled([
    inThread(0, () => {
      throw new RangeError('thrown')
    }),
    inThread(0, () => new Promise(() => setTimeout(() => {}, 60_000)), { limit: 50 }),
    inThread(0, () => process.exit()),
    inThread(0, () => () => 'no thread can give back a function'),
  ])
  for (const failure of failures) {
    const { stack = '' } = (failure as PromiseRejectedResult).reason as Error
    expect(stack.split(/\n {4}at /)[1]).toContain(`${name}:`)
  }
})

test('a thread that does not end tells what it has said until then, or that nobody knows', async () => {
  const heard: ToldConversation[] = []
  const hooks = globalThis as unknown as Record<symbol, Partial<ConversationHook> | undefined>
  const key = Symbol.for(conversationHook)
  hooks[key] = { hear: told => void heard.push(told) }
  onTestFinished(() => {
    delete hooks[key]
  })
  const waiting = inThread(
    conversationHook,
    (_, name) => {
      const told = { thread: 1, zero: 0n, missed: 0, first: [], last: [] }
      Object.assign(globalThis, { [Symbol.for(name)]: { begin: () => {}, tell: () => told } })
      return new Promise(() => setTimeout(() => {}, 60_000))
    },
    { limit: 50 },
  )
  await expect(waiting).rejects.toThrow(/^the thread did not end within 0.05 s$/)
  expect(heard).toEqual([{ thread: 1, zero: 0n, missed: 0, first: [], last: [] }])
  const busy = inThread(
    0,
    () => {
      for (;;);
    },
    { limit: 50 },
  )
  await expect(busy).rejects.toThrow('is too busy to tell what its sockets have said')
})
