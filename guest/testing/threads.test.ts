// SPDX-License-Identifier: MIT
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type ConversationHook, conversationHook, type ToldConversation } from '../agent/protocol.ts'
import { allTell } from './speakers.ts'
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

describe('a thread that works when the test ends', () => {
  const heard: [said: ToldConversation, conversation: number | undefined][] = []
  const unheard = vi.fn()
  const key = Symbol.for(conversationHook)
  const hooks = globalThis as unknown as Record<symbol, Partial<ConversationHook> | undefined>
  beforeEach(() => {
    heard.length = 0
    unheard.mockReset()
    hooks[key] = { current: 7, hear: (...said) => void heard.push(said), unheard }
  })
  afterEach(() => {
    delete hooks[key]
  })
  const ofPart = (missed: number) => ({ thread: 1, zero: 0n, missed, first: [], last: [] })
  /** Tells how often it was asked; ends when the counter is not 0. */
  const work = async (_: unknown, { name, counter }: { name: string; counter: Int32Array }) => {
    let missed = 0
    const tell = () => ({ thread: 1, zero: 0n, missed: ++missed, first: [], last: [] })
    Object.assign(globalThis, { [Symbol.for(name)]: { begin: () => {}, tell } })
    await Atomics.waitAsync(counter, 0, 0).value
  }
  const shared = () => new Int32Array(new SharedArrayBuffer(8))

  test('tells what it has said by then, and the rest with its result: of the test that has started it', async () => {
    const counter = shared()
    const done = inThread({ name: conversationHook, counter }, work)
    expect(allTell(8)).toBeUndefined()
    await allTell(7)
    expect(heard).toEqual([[ofPart(1), 7]])
    Object.assign(hooks[key] ?? {}, { current: 8 })
    Atomics.store(counter, 0, 1)
    Atomics.notify(counter, 0)
    await done
    expect(heard).toEqual([
      [ofPart(1), 7],
      [ofPart(2), 7],
    ])
    expect(unheard).not.toHaveBeenCalled()
    expect(allTell(7)).toBeUndefined()
  })

  test('if it is busy, that is said', async () => {
    const counter = shared()
    const done = inThread(counter, (_, counter) => {
      Atomics.store(counter, 1, 1)
      Atomics.notify(counter, 1)
      Atomics.wait(counter, 0, 0)
    })
    await Atomics.waitAsync(counter, 1, 0).value
    await allTell(7)
    expect(unheard).toHaveBeenCalledExactlyOnceWith(expect.any(Number), 7)
    // It is not waited for again.
    await allTell(7)
    expect(unheard).toHaveBeenCalledOnce()
    Atomics.store(counter, 0, 1)
    Atomics.notify(counter, 0)
    await done
  })

  test('one that ends meanwhile is not waited for', async () => {
    const done = inThread(0, () => process.exit())
    const told = allTell(7)
    await expect(done).rejects.toThrow('the thread ended without a result')
    await told
    expect(unheard).not.toHaveBeenCalled()
  })
})
