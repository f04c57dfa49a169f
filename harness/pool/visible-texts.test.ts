// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import type { RpcRequest } from './messages.ts'
import { makeVisible } from './visible-texts.ts'

const hostile = '\u001b[2J\u202e'
const shown = '␛[2J\\u202e'
const request = (m: string, ...a: unknown[]): RpcRequest => ({ t: 'q', m, a })

test('names of tests and suites, on one line', () => {
  const named = (name: string, parts: object = {}) => ({ name, fullName: name, fullTestName: name, ...parts })
  const file = (name: string) => ({
    name: 'a.test.ts',
    tasks: [named(name, { type: 'suite', tasks: [named(name, { type: 'test' })] })],
  })
  const collected = file(`${hostile}\nok 2`)
  makeVisible(request('onCollected', [collected]))
  expect(collected).toEqual(file(`${shown}\u240aok 2`))
})

test('errors with their causes, and notes; colours of differences stay', () => {
  const own = { message: hostile, cause: {} }
  own.cause = own
  const errors = [
    {
      name: hostile,
      message: hostile,
      stack: hostile,
      diff: `\u001b[31m- ${hostile}\u001b[39m`,
      cause: { message: hostile },
    },
    own,
  ]
  const result = { state: 'skip', note: hostile, errors }
  makeVisible(
    request(
      'onTaskUpdate',
      [
        ['1', result, {}],
        ['2', undefined, {}],
      ],
      [],
    ),
  )
  expect(result.note).toBe(shown)
  expect(errors[0]).toEqual({
    name: shown,
    message: shown,
    stack: shown,
    diff: `\u001b[31m- ${shown}\u001b[39m`,
    cause: { message: shown },
  })
  expect(own.message).toBe(shown)
})

test('texts of errors that nobody reads to their end are cut', () => {
  const [error, outside] = ['a', 'b'].map(each => ({ message: each.repeat(200_000), stack: '' }))
  makeVisible(request('onTaskUpdate', [['1', { state: 'fail', errors: [error] }, {}]], []))
  makeVisible(request('onUnhandledError', outside, 'Unhandled Error'))
  expect(error?.message).toMatch(/^a+ \.\.\. \(134464 characters more\)$/)
  expect(outside?.message).toMatch(/^b+ \.\.\. \(134464 characters more\)$/)
})

test('frames of what runs the tests are no part of errors outside of tests', () => {
  const frames = [
    'at /guest/node_modules/vitest/dist/chunks/chunk-A.mjs:1952:37',
    'at file:///guest/node_modules/vitest/dist/worker.mjs:1:2',
    'at runWithCancel (/guest/node_modules/vitest/dist/chunks/chunk-A.mjs:3247:12)',
    'at async inTest (/project/guest/a.test.ts:4:46)',
    'at TestRunner.runTask (file:///guest/node_modules/vitest/dist/worker.mjs:1775:41)',
  ]
  const error = { message: 'no', stack: ['Error: no', ...frames].join('\n    ') }
  makeVisible(request('onUnhandledError', error, 'Unhandled Rejection'))
  expect(error.stack).toBe('Error: no\n    at async inTest (/project/guest/a.test.ts:4:46)')
})

test('only matchers colour what they say, and errors outside of tests are shown, too', () => {
  const red = '\u001b[31mred\u001b[39m'
  const own: Record<string, unknown> = { name: 'Error', message: red, stack: `Error: ${red}` }
  const matcher: Record<string, unknown> = { message: red, actual: '1', expected: '2', diff: red }
  const outside: Record<string, unknown> = { message: red, cause: { message: red } }
  makeVisible(request('onTaskUpdate', [['1', { state: 'fail', errors: [own, matcher] }, {}]], []))
  makeVisible(request('onUnhandledError', outside, 'Unhandled Error'))
  const shown = '␛[31mred␛[39m'
  expect(own).toEqual({ name: 'Error', message: shown, stack: `Error: ${shown}` })
  expect(matcher).toMatchObject({ message: red, diff: red })
  expect(outside).toEqual({ message: shown, cause: { message: shown } })
})

test('what has no message has its value as one, in results of attempts too', () => {
  const errors: object[] = [{ code: 'EIO' }, ['a'], { message: 'as it is', extra: 1 }]
  const result = { state: 'fail', errors, attempts: [{ errors: [...errors] }] }
  makeVisible(request('onTaskUpdate', [['1', result, {}]], []))
  expect(result.attempts[0]?.errors[0]).toBe(result.errors[0])
  expect(result.errors).toEqual([
    { name: 'Error', message: "{ code: 'EIO' }", code: 'EIO' },
    expect.objectContaining({ message: "[ 'a' ]" }),
    { message: 'as it is', extra: 1 },
  ])
  const outside = request('onUnhandledError', { code: 'EIO' }, 'Unhandled Error')
  makeVisible(outside)
  expect(outside.a[0]).toMatchObject({ message: "{ code: 'EIO' }" })
})

test('the frame of code in an error of a compiler is read without its colours, and nothing in it is obeyed', () => {
  const frame = `\u001b[31m[PARSE_ERROR] \u001b[0m\u001b[38;5;249mc\u001b[0m\u001b[38;5;249mo\u001b[0m ${hostile}`
  const read = `[PARSE_ERROR] co ${shown}`
  const error = {
    ...{ message: frame, stack: frame, frame, codeFrame: frame },
    __vitest_rollup_error__: { plugin: hostile, id: hostile, frame, loc: { line: 1 } },
  }
  makeVisible(request('onTaskUpdate', [['1', { state: 'fail', errors: [error] }, {}]], []))
  expect(error).toEqual({
    ...{ message: read, stack: read, frame: read, codeFrame: read },
    __vitest_rollup_error__: { plugin: shown, id: shown, frame: read, loc: { line: 1 } },
  })
  // Of a test's own error it is shown.
  const own = { message: frame }
  makeVisible(request('onTaskUpdate', [['1', { state: 'fail', errors: [own] }, {}]], []))
  expect(own.message).toContain('\u241b[38;5;249m')
})
