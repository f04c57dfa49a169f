// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import type { TestModule, Vitest } from 'vitest/node'
import { type ThrownError, thrownError } from '../../guest/agent/thrown-error.ts'
import { failuresOf } from './failures.ts'
import { githubReport } from './github.ts'
import { junit } from './junit.ts'
import { ktap } from './ktap.ts'
import { markdown } from './markdown.ts'
import { pageData } from './page/collect.ts'
import type { KernelSummary } from './summary.ts'

/** What Vitest may keep of what a test has thrown, and the message that reports have of it. */
const thrown: readonly (readonly [what: string, value: unknown, message: string])[] = [
  ['an object', { code: 'EIO', stack: undefined, VITEST_TEST_NAME: 'a' }, "{ code: 'EIO' }"],
  ['null', null, 'null'],
  ['nothing', undefined, 'undefined'],
  ['a number', 5, '5'],
  ['a text', 'no luck', 'no luck'],
  ['a list', ['a', 1], "[ 'a', 1 ]"],
  ['a number as its message', { name: 'Error', message: 42, stack: 'Error: 42' }, '42'],
  ['an object as its message', { name: 7, message: { a: 1 }, stack: {}, stacks: 5, diff: {} }, '{ a: 1 }'],
  ['a cause without a message', { message: 'above', cause: { name: null, code: 1, cause: 'why' } }, 'above'],
  [
    'getters that throw',
    Object.defineProperty({ a: 1 }, 'message', {
      enumerable: true,
      get: () => {
        throw new Error('never')
      },
    }),
    '{ a: 1 }',
  ],
  ['frames that are none', { message: 'framed', stacks: [null, { file: 1 }] }, 'framed'],
]

test.each(thrown)('%s is an error with a name and a message', (_, value, message) => {
  const error = thrownError(value)
  expect(error).toMatchObject({ name: 'Error', message })
  for (const key of ['stack', 'diff'] as const) expect(typeof (error[key] ?? '')).toBe('string')
  expect(Array.isArray(error.stacks ?? [])).toBe(true)
})

test('an error that is its own cause ends, and what Vitest has put before a cause goes', () => {
  const circular: { message: string; cause?: unknown } = { message: 'again' }
  circular.cause = circular
  let depth = 0
  for (let each: ThrownError | undefined = thrownError(circular); each; each = each.cause) depth++
  expect(depth).toBe(11)
  expect(
    thrownError({ message: '', cause: { name: 'Caused by: Caused by: E', message: '' } }).cause?.name,
  ).toBe('E')
})

test.each(thrown)('all reports have %s', (_, value, message) => {
  const kernel = { label: 'k', obstacles: [], suites: [{ suite: 'a.test.ts', ok: false }], knownReports: [] }
  const kernels = [kernel as unknown as KernelSummary]
  const project = { name: 'k', config: { root: '/p' } }
  const common = { meta: () => ({}), logs: () => [], annotations: () => [], artifacts: () => [], project }
  const failing = {
    ...{ ...common, type: 'test', id: 't', name: 'fails', fullName: 'fails', options: {} },
    ...{ diagnostic: () => undefined, result: () => ({ state: 'failed', errors: [value] }) },
  }
  const module = {
    ...{ ...common, type: 'module', id: 'm', moduleId: '/p/a.test.ts', relativeModuleId: 'a.test.ts' },
    ...{ errors: () => [value], diagnostic: () => ({ duration: 1 }), ok: () => false, state: () => 'failed' },
    children: Object.assign([failing], { allTests: () => [failing], allSuites: () => [] }),
  }
  Object.assign(failing, { module })
  const vitest = {
    ...{ config: project.config, projects: [project], getRootProject: () => project },
    state: {
      ...{ idMap: new Map(), getUnhandledErrors: () => [value] },
      getTestModules: () => [module as unknown as TestModule],
    },
    logger: { formatError: (error: ThrownError) => ({ output: error.message.trim() }) },
  } as unknown as Vitest
  const outcome = { total: 1, passed: false, find: () => undefined }
  const [firstLine = ''] = message.split('\n')
  const inXml = firstLine.replaceAll("'", '&apos;')
  expect(junit(vitest, kernels).replaceAll("'", '&apos;').split(inXml).length).toBeGreaterThan(3)
  expect(ktap(vitest, kernels).split(`# Error: ${firstLine}`)).toHaveLength(4)
  expect(
    JSON.stringify(pageData(vitest, kernels, outcome)).split(JSON.stringify(firstLine).slice(1, -1)),
  ).not.toHaveLength(1)
  expect(githubReport(vitest, kernels, () => undefined).split(`::Error: ${firstLine}`)).toHaveLength(4)
  const suites = [{ suite: 'a.test.ts', passed: 0, failed: 1, skipped: 0, notRun: 0, ok: false, duration: 1 }]
  const counted = [
    { ...kernel, suites, guests: { forked: 0, restored: 1, booted: 0 } } as unknown as KernelSummary,
  ]
  expect(markdown(counted, failuresOf(vitest, counted), outcome).split(`Error: ${firstLine}`)).toHaveLength(4)
})
