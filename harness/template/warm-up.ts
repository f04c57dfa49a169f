// SPDX-License-Identifier: MIT
/**
 * The test file that a template's worker runs before it is saved, so that restored guests have Vitest's code
 * compiled and paged in. It does what test files usually do; its results are dropped. It runs in the guest;
 * nothing imports it.
 */
import { Buffer } from 'node:buffer'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import koffi from 'koffi'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'

beforeAll(() => {})
afterAll(() => {})

/** This project's own package, as the guest has it. */
const own = (name: string) =>
  import(/* @vite-ignore */ `file://${process.env.NETLINK_VMTEST_PACKAGE}/${name}.mjs`)

for (const round of ['first', 'second', 'third']) {
  describe(`${round} round`, () => {
    beforeEach(() => {})
    afterEach(() => {})
    test('values', async () => {
      expect(1).toBe(1)
      expect({ type: 16, bytes: [1, 2, 3] }).toEqual({ type: 16, bytes: [1, 2, 3] })
      expect({ a: 1, b: 2 }).toMatchObject({ a: 1 })
      expect(Buffer.from('0102', 'hex')).toEqual(Buffer.from([1, 2]))
      expect('text').toMatch(/te/)
      expect([1, 2]).toContain(2)
      expect(() => {
        throw new TypeError('wanted')
      }).toThrow('wanted')
      await expect(Promise.reject(new Error('wanted'))).rejects.toThrow()
      await expect(Promise.resolve(1)).resolves.toBe(1)
    })
    test.each([0, 1, 0xffffffff])('a table: %i', value => {
      expect(value).toBeGreaterThanOrEqual(0)
      expect(BigInt(value)).toBeTypeOf('bigint')
    })
    test('foreign functions', () => {
      const getpid = koffi.load('libc.so.6').func('int getpid()')
      expect(getpid()).toBe(process.pid)
    })
    test('spies and timers', async () => {
      const spy = vi.fn()
      await new Promise<void>(resolve => setTimeout(resolve, 1))
      spy(1)
      expect(spy).toHaveBeenCalledWith(1)
    })
    test("this project's own package, whose modules stay loaded", async () => {
      const { Socket } = await own('netlink')
      await own('testing')
      // NETLINK_GENERIC (16) is in every kernel, and acknowledges a NOOP (type 1) with NLM_F_REQUEST |
      // NLM_F_ACK (5).
      const socket = Socket.open(16)
      for (let sequence = 0; sequence < 5; sequence++) await socket.request({ type: 1, flags: 5 }, [])
      socket.close()
    })
    // A failure needs other code than a success: errors, stacks, differences.
    test.fails('a failure', () => {
      expect({ type: 16, bytes: [1, 2, 3] }).toEqual({ type: 17, bytes: [1, 2] })
    })
    test('another failure', () => {
      expect(Buffer.from([1, 2, 3])).toEqual(Buffer.from([1, 2]))
    })
  })
}

/**
 * Threads start slowly under emulation: they stay, with the library loaded, for the first file that needs
 * some.
 */
const threads = 3

test('threads', async () => {
  const { inThread } = await own('testing')
  const work = async ({ Socket }: { Socket: { open(protocol: number): OneSocket } }) => {
    const socket = Socket.open(16)
    for (let sequence = 0; sequence < 5; sequence++) await socket.request({ type: 1, flags: 5 }, [])
    socket.close()
  }
  await Promise.all(Array.from({ length: threads }, () => inThread(undefined, work)))
})

// All that lives is old by now: a restored guest begins with an empty young generation. Two minor collections,
// for a major one ages compiled code.
afterAll(() => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void
  setFlagsFromString('--no-expose-gc')
  for (let i = 0; i < 2; i++) collect({ type: 'minor' })
})

interface OneSocket {
  request(header: { type: number; flags: number }, payload: []): Promise<unknown>
  close(): void
}
