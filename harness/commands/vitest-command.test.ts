// SPDX-License-Identifier: MIT
import path from 'node:path'
import { expect, test } from 'vitest'
import { UsageError } from '../base/errors.ts'
import { parseVitestArguments } from './vitest-command.ts'

test('an option of a group that the group does not have is refused', () => {
  for (const unknown of [
    '--sequence.shufle',
    '--expect.pol.timeout=1',
    '--cache.dir=x',
    '--diff.constructor=1',
  ])
    expect(() => parseVitestArguments([unknown])).toThrow(/^Unknown option `--\w+\.[\w.]+`/)
})

test('a group by itself names one of its options', () => {
  expect(() => parseVitestArguments(['--sequence=shuffle'])).toThrow(
    '--sequence is a group: name an option of it, as --sequence.shuffle',
  )
})

test.each([
  ['--testTimeout=soon', '--testTimeout: it takes milliseconds, not soon'],
  ['--hook-timeout=Infinity', '--hookTimeout: it takes milliseconds, not Infinity'],
  [
    '--teardownTimeout=3e9',
    '--teardownTimeout: no timer can be set for more than 2147483647 ms, not 3000000000',
  ],
  ['--expect.poll.timeout=2147483648', 'no timer can be set for more than 2147483647 ms'],
  ['--retry=-1', '--retry: it must not be negative, not -1'],
  ['--repeats=1.5', '--repeats: it takes a whole number, not 1.5'],
  ['--maxConcurrency=0', '--maxConcurrency: it must be at least 1, not 0'],
  ['--maxWorkers=many', '--maxWorkers: it takes a number from 1, or a percentage, not many'],
  ['--update=echo', '--update: it takes no value, or =all, =new, =none, not echo'],
  ['--sequence.hooks=queue', '--sequence.hooks: it is one of stack, list, parallel, not queue'],
  ['--globals=yes', '--globals takes no value, not yes'],
  ['--log-heap-usage=1', '--logHeapUsage takes no value, not 1'],
  ['-w=1', '-w takes no value, not 1'],
  ['--testTimeout=', '--testTimeout= has no value'],
  ['--dir=nowhere', '--dir: there is no folder nowhere'],
  ['--diff=nowhere.ts', '--diff: there is no file nowhere.ts'],
  ['--color=false', 'colours go by --no-color'],
  ['--env=1x=y', '--env takes NAME=VALUE, not 1x=y'],
])('%s is refused by name', (argument, message) => {
  expect(() => parseVitestArguments([argument])).toThrow(UsageError)
  expect(() => parseVitestArguments([argument])).toThrow(message)
})

test('variables are texts, and their names are as they are written', () => {
  const { project, filters } = parseVitestArguments([
    ...['echo', '--env.A_b=007', '--env', 'C=1e3', '--env=D=x=y', '--env.E', '', '--env.F=', 'errors'],
    ...['--', '--env=G=1'],
  ])
  expect(project.env).toEqual({ A_b: '007', C: '1e3', D: 'x=y', E: '', F: '' })
  expect(filters).toEqual(['echo', 'errors', '--env=G=1'])
  expect(() => parseVitestArguments(['--env'])).toThrow('--env takes NAME=VALUE, not nothing')
})

test("settings of Vitest's that its own command line has no option for", () => {
  const { project, filters } = parseVitestArguments([
    '--clear-mocks',
    'echo',
    '--chaiConfig.truncateThreshold=0',
  ])
  expect(project).toEqual({ clearMocks: true, chaiConfig: { truncateThreshold: 0 } })
  expect(filters).toEqual(['echo'])
})

test('paths start where the command is run', () => {
  const { project } = parseVitestArguments(['--dir=harness/commands', '--diff=package.json'])
  expect(project).toEqual({ dir: path.resolve('harness/commands'), diff: path.resolve('package.json') })
})

test('a filter with the number of a line has locations collected', () => {
  expect(parseVitestArguments(['echo.test.ts:12']).run.includeTaskLocation).toBe(true)
  expect(parseVitestArguments(['echo.test.ts']).run.includeTaskLocation).toBeUndefined()
})
