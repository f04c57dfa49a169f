// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { UsageError } from '../base/errors.ts'
import { checkWorkerArguments, onCommandLine } from './worker-arguments.ts'

test('what node takes is taken', async () => {
  await checkWorkerArguments([])
  await checkWorkerArguments([
    '--expose-gc',
    '--max-old-space-size=64',
    '--stack-trace-limit=50',
    '--title=a b',
  ])
})

test.each([
  ['--no-such-flag', 'node refuses that: .*bad option: --no-such-flag'],
  ['--max-old-space-size=much', 'node refuses that: .*illegal value'],
  ['--inspect', 'no debugger reaches a guest'],
  ['--inspect-brk=9229', 'no debugger reaches a guest'],
  ['--eval=1', 'the test worker would not run'],
  ['-p', 'the test worker would not run'],
  ['--test', 'the test worker would not run'],
  ['--require=./here.js', 'it names what is on this machine, and not in guests'],
  ['--import=./here.js', 'it names what is on this machine, and not in guests'],
  ['64', 'begins with a dash'],
  ['--', 'begins with a dash'],
  [`--title=${'x'.repeat(2000)}`, 'too much for the command line of a kernel'],
])('%s is refused', async (argument, why) => {
  const refusal = await checkWorkerArguments([argument]).then(
    () => undefined,
    error => error,
  )
  expect(refusal).toBeInstanceOf(UsageError)
  expect(refusal.message).toMatch(new RegExp(`^--execArgv.*${why}`))
})

test('a kernel parameter holds any of them', () => {
  const args = ['--title=one, "two" 100%', '--expose-gc']
  const parameter = onCommandLine(args)
  expect(parameter).toMatch(/^[^\s"]+$/)
  expect(parameter.split(',').map(decodeURIComponent)).toEqual(args)
})
