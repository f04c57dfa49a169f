// SPDX-License-Identifier: MIT
import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { ToWorker } from '../../guest/agent/protocol.ts'
import type { Guest } from '../guest/guest.ts'
import { Watchdog } from './watchdog.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A guest whose agent answers, and whose worker does so unless a test blocks it. */
class FakeGuest extends EventEmitter {
  readonly qemu = { pid: process.pid }
  readonly log = new EventEmitter()
  isBlocked = true
  isIdle = true
  readonly giveUp = vi.fn()
  readonly giveUpFrozen = vi.fn()
  #idle = 0

  ping(): Promise<number> {
    return Promise.resolve(this.#idle)
  }

  async workerState() {
    return { state: 'S', stack: 'waits' }
  }

  sendToWorker({ type }: ToWorker): void {
    if (type === 'ping' && !this.isBlocked) this.emit('worker', { type: 'pong' })
  }

  async pass(seconds: number): Promise<void> {
    for (let passed = 0; passed < seconds; passed++) {
      await vi.advanceTimersByTimeAsync(1_000)
      if (this.isIdle) this.#idle += 1_000
    }
  }
}

function watched(timeout: number, patience = 0): FakeGuest {
  const guest = new FakeGuest()
  const watchdog = new Watchdog(guest as unknown as Guest)
  watchdog.start()
  watchdog.testStarted(timeout, patience)
  return guest
}

test('a test that blocks the event loop is given up 10 s after its limit', async () => {
  const guest = watched(20_000)
  await guest.pass(29)
  expect(guest.giveUp).not.toHaveBeenCalled()
  await guest.pass(3)
  expect(guest.giveUp).toHaveBeenCalledExactlyOnceWith({
    cause: 'worker',
    message: 'the test did not give control back within 30 s (its own limit is 20 s)',
    stack: 'waits',
  })
})

test('who comes back while the worker is asked is not given up, though the next test blocks it', async () => {
  const guest = new FakeGuest()
  const watchdog = new Watchdog(guest as unknown as Guest)
  watchdog.start()
  watchdog.testStarted(20_000, 0)
  await guest.pass(31)
  watchdog.testEnded()
  watchdog.testStarted(20_000, 0)
  await guest.pass(29)
  expect(guest.giveUp).not.toHaveBeenCalled()
})

test('where the agent does not answer either the guest is frozen, whatever its pings still wait for', async () => {
  const guest = watched(20_000)
  guest.ping = () => new Promise(() => {})
  guest.workerState = () => Promise.reject(new Error('no answer'))
  await guest.pass(33)
  expect(guest.giveUp).not.toHaveBeenCalled()
  expect(guest.giveUpFrozen).toHaveBeenCalledExactlyOnceWith(
    'the test did not give control back within 30 s (its own limit is 20 s), and nothing in the guest answers',
  )
})

test('who does not block the worker is ended by Vitest', async () => {
  const guest = watched(20_000, 10_000)
  guest.isBlocked = false
  await guest.pass(60)
  expect(guest.giveUp).not.toHaveBeenCalled()
  expect(guest.listenerCount('worker')).toBe(0)
})

test('a hook that blocks the event loop is given up 10 s after its own limit, in a test and between tests', async () => {
  const guest = new FakeGuest()
  const watchdog = new Watchdog(guest as unknown as Guest)
  watchdog.start()
  watchdog.testStarted(5_000, 0)
  watchdog.limitChanged(40_000, 0)
  await guest.pass(30)
  watchdog.limitChanged(5_000, 0)
  await guest.pass(14)
  watchdog.testEnded()
  await guest.pass(60)
  watchdog.limitChanged(5_000, 0)
  watchdog.limitChanged(0, 0)
  await guest.pass(60)
  expect(guest.giveUp).not.toHaveBeenCalled()
  watchdog.limitChanged(5_000, 0)
  await guest.pass(18)
  expect(guest.giveUp).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({
      message: 'a hook did not give control back within 15 s (its own limit is 5 s)',
    }),
  )
})

test('on a slow kernel a test that waits in an idle guest is given up as on others', async () => {
  const guest = watched(100_000, 20_000)
  await guest.pass(30)
  expect(guest.giveUp).not.toHaveBeenCalled()
  await guest.pass(10)
  expect(guest.giveUp).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({
      message:
        'the test did not give control back while its guest was idle for 30 s (its own limit of 100 s is for work)',
    }),
  )
})

test('on a slow kernel a test that works has its time', async () => {
  const guest = watched(100_000, 20_000)
  guest.isIdle = false
  await guest.pass(109)
  expect(guest.giveUp).not.toHaveBeenCalled()
  await guest.pass(4)
  expect(guest.giveUp).toHaveBeenCalledOnce()
})

test('a request that does not return in an idle guest is given up long before the limit of its test', async () => {
  const guest = new FakeGuest()
  const watchdog = new Watchdog(guest as unknown as Guest)
  watchdog.start()
  watchdog.requestLimited(10_000)
  watchdog.testStarted(60_000, 0)
  guest.isBlocked = false
  await guest.pass(20)
  guest.isBlocked = true
  guest.isIdle = false
  await guest.pass(20)
  guest.isIdle = true
  await guest.pass(9)
  expect(guest.giveUp).not.toHaveBeenCalled()
  await guest.pass(6)
  expect(guest.giveUp).toHaveBeenCalledExactlyOnceWith({
    cause: 'worker',
    message: 'a request did not return while its guest was idle for 10 s',
    stack: 'waits',
  })
})

test('requests without a limit have that of their test', async () => {
  const guest = new FakeGuest()
  const watchdog = new Watchdog(guest as unknown as Guest)
  watchdog.start()
  watchdog.requestLimited(10_000)
  watchdog.testStarted(60_000, 0)
  await guest.pass(8)
  watchdog.requestLimited(0)
  await guest.pass(30)
  expect(guest.giveUp).not.toHaveBeenCalled()
  expect(guest.listenerCount('worker')).toBe(0)
})
