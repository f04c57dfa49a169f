// SPDX-License-Identifier: MIT
import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Uncaught } from './uncaught.ts'

const events = ['uncaughtException', 'unhandledRejection'] as const
const emitter = process as NodeJS.EventEmitter
const raw = (event: string) => emitter.rawListeners(event) as (() => void)[]

/** As Vitest's own: passes an error over if there is another listener. */
const told = vi.fn()
const vitests = events.map(
  event => [event, (error: unknown) => emitter.listenerCount(event) === 1 && told(error)] as const,
)
let kept: (readonly [string, () => void])[]
beforeEach(() => {
  told.mockReset()
  kept = events.flatMap(event => raw(event).map(each => [event, each] as const))
  for (const event of events) emitter.removeAllListeners(event)
  for (const [event, each] of vitests) emitter.on(event, each)
})
afterEach(() => {
  for (const event of events) emitter.removeAllListeners(event)
  for (const [event, each] of kept) emitter.on(event, each)
  emitter.removeAllListeners('uncaughtExceptionMonitor')
  Reflect.deleteProperty(process, 'emit')
})

test.each(events)("%s: a test's own listeners hear it too, and hide nothing", event => {
  const uncaught = new Uncaught()
  const prepare = vi.fn()
  uncaught.begin(prepare)
  const [own, once] = [vi.fn(), vi.fn()]
  emitter.on(event, own)
  emitter.once(event, once)
  const errors = [new Error('first'), new Error('second')]
  for (const error of errors) emitter.emit(event, error)
  expect(told.mock.calls).toEqual(errors.map(error => [error]))
  expect([own, once, prepare].map(({ mock }) => mock.calls.length)).toEqual([2, 1, 2])
  uncaught.end()
  expect(emitter.listenerCount(event)).toBe(1)
})

test('a file after the other: each error is told once', () => {
  const uncaught = new Uncaught()
  uncaught.begin(() => {})
  uncaught.end()
  uncaught.begin(() => {})
  emitter.emit('uncaughtException', new Error('x'))
  expect(told).toHaveBeenCalledOnce()
  uncaught.end()
  for (const [event, each] of vitests) emitter.on(event, each)
  uncaught.begin(() => {})
  emitter.emit('uncaughtException', new Error('y'))
  expect(told).toHaveBeenCalledTimes(2)
})

test.each([
  ['unhandledRejection', undefined, 'a promise was rejected with undefined, which has no stack'],
  ['uncaughtException', null, 'somebody threw null, which has no stack'],
])('%s with %s has words', (event, error, message) => {
  new Uncaught().begin(() => {})
  emitter.emit(event, error)
  expect(told).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ message }))
})

/** Emits as Node does when nobody catches an error. */
function throwUncaught(error: unknown, callback?: (error: unknown) => void): void {
  emitter.emit('uncaughtExceptionMonitor', error, 'uncaughtException')
  if (callback) callback(error)
  else emitter.emit('uncaughtException', error, 'uncaughtException')
}

test('an exception is told once, also where a callback captures it', () => {
  const uncaught = new Uncaught()
  uncaught.begin(() => {})
  const captured = vi.fn()
  throwUncaught('a', captured)
  throwUncaught('b')
  throwUncaught('b')
  expect(told.mock.calls).toEqual([['a'], ['b'], ['b']])
  expect(captured).toHaveBeenCalledExactlyOnceWith('a')
  process.setUncaughtExceptionCaptureCallback(captured)
  uncaught.end()
  expect(process.hasUncaughtExceptionCaptureCallback()).toBe(false)
})

test("EventEmitter's emit, replaced, hides nothing", () => {
  const uncaught = new Uncaught()
  uncaught.begin(() => {})
  using _ = vi.spyOn(EventEmitter.prototype, 'emit').mockReturnValue(true)
  throwUncaught('a')
  emitter.emit('unhandledRejection', 'b')
  expect(told.mock.calls).toEqual([['a'], ['b']])
})

test('process.emit, replaced, hides nothing, and is gone when the file ends', () => {
  const uncaught = new Uncaught()
  uncaught.begin(() => {})
  const own = vi.fn(() => false)
  emitter.emit = own
  expect(emitter.emit('exit', 3)).toBe(false)
  throwUncaught('a')
  expect(own.mock.calls).toEqual([
    ['exit', 3],
    ['uncaughtExceptionMonitor', 'a', 'uncaughtException'],
    ['uncaughtException', 'a', 'uncaughtException'],
  ])
  emitter.emit('unhandledRejection', 'b')
  expect(told.mock.calls).toEqual([['a'], ['b']])
  uncaught.end()
  throwUncaught('c')
  expect(own).toHaveBeenCalledTimes(4)
})
