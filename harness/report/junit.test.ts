// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import type { Vitest } from 'vitest/node'
import { junit } from './junit.ts'
import type { KernelSummary } from './summary.ts'

/** The parts of a test, a file and Vitest that the report reads. */
const testCase = (name: string, parts: object = {}) => ({
  ...{ type: 'test', name, fullName: name, options: {}, project: { config: { root: '/p' } } },
  ...{ logs: () => [], annotations: () => [], meta: () => ({}), diagnostic: () => undefined },
  result: () => ({ state: 'passed' }),
  ...parts,
})
const ran = { label: 'debian-6.1', error: undefined, obstacles: [] } as unknown as KernelSummary
const reportOf = (
  tests: readonly object[],
  outside: readonly unknown[] = [],
  kernels: readonly KernelSummary[] = [ran],
) => {
  const module = {
    ...{ type: 'module', relativeModuleId: 'a & b.test.ts', project: { name: 'debian-6.1' } },
    ...{ children: { allTests: () => tests, allSuites: () => [] }, errors: () => [] },
    ...{ diagnostic: () => ({ duration: 1 }), logs: () => [] },
  }
  const vitest = {
    state: { getTestModules: () => [module], getUnhandledErrors: () => outside },
    logger: { formatError: (error: { message?: string }) => ({ output: error.message ?? String(error) }) },
    getRootProject: () => ({}),
  }
  return junit(vitest as unknown as Vitest, kernels)
}

test('what XML forbids is shown, in names, texts and attributes', () => {
  const name = '\u0000\u001b[31m\u007f\u0085\ufffe\ud800 <"&\'>\n\t]]>'
  const log = (content: string) => ({ type: 'stdout', content })
  const xml = reportOf([testCase(name, { logs: () => [log(name)] })])
  expect(xml).toContain('name="\u2400\u2421\ufffd\ufffd\ufffd &lt;&quot;&amp;\'&gt;&#10;&#9;]]&gt;"')
  expect(xml).toContain(
    "<system-out>\u2400\u2421\ufffd\ufffd\ufffd &lt;&quot;&amp;'&gt;\n\t]]&gt;</system-out>",
  )
  const logged = reportOf([testCase('a', { meta: () => ({ kernelLog: '\u001b[31mred' }) })])
  expect(logged).toContain('<system-out>kernel log:\n\u241b[31mred</system-out>')
  expect(xml).toContain('classname="debian-6.1 a &amp; b.test.ts"')
  expect(xml.isWellFormed()).toBe(true)
})

test('all failures of a test are in one, and names that come again are numbered, also where that is a name', () => {
  const errors = [
    { name: 'AssertionError', message: 'the first' },
    { name: 'Leak', message: 'the second' },
  ]
  const names = ['a', 'a (2)', 'a', 'a']
  const xml = reportOf([
    ...names.map(name => testCase(name)),
    testCase('fails', { result: () => ({ state: 'failed', errors }) }),
    testCase('skipped', { result: () => ({ state: 'skipped', note: 'why <not>' }) }),
    testCase('pending', { result: () => ({ state: 'pending' }) }),
  ])
  expect([...xml.matchAll(/<testcase [^>]* name="([^"]*)"/g)].map(([, name]) => name)).toEqual([
    ...['a', 'a (2)', 'a (3)', 'a (4)', 'fails', 'skipped', 'pending'],
  ])
  expect(xml.match(/<failure .*/g)).toEqual(['<failure message="the first" type="AssertionError">the first'])
  expect(xml).toContain('the first\n\nthe second</failure>')
  expect(xml).toContain('<skipped message="why &lt;not&gt;"/>')
  expect(xml).toContain('<skipped message="not run"/>')
  expect(xml).toContain('tests="7" failures="1" errors="0" skipped="2"')
})

test('errors outside of tests are a suite of their own', () => {
  const xml = reportOf([], [{ name: 'Error', message: 'nobody\ncaught' }, 'a text'])
  expect(xml).toMatch(/<testsuites name="netlink-vmtest" tests="2" failures="0" errors="2"/)
  expect(xml).toContain('name="Error: nobody"')
  expect(xml).toContain('<error message="nobody" type="Error">nobody\ncaught')
})

test('a message is one line, of which the text has all; a kernel that did not run is an error', () => {
  const errors = [{ name: 'GuestLost', message: 'kernel panic\n\nconsole:\n\u202ea line' }]
  const obstacles = [{ message: 'does not compile', details: 'a.c:1: error <x>', status: 1 }]
  const absent = { label: 'debian-7.3', error: 'does not compile', obstacles } as unknown as KernelSummary
  const xml = reportOf(
    [testCase('fails', { result: () => ({ state: 'failed', errors }) })],
    [],
    [ran, absent],
  )
  expect(xml).toContain(
    '<failure message="kernel panic" type="GuestLost">kernel panic\n\nconsole:\n\\u202ea line</failure>',
  )
  expect(xml).toContain(
    '<error message="does not compile" type="NotRun">does not compile\n\na.c:1: error &lt;x&gt;</error>',
  )
  expect(xml).toContain('<testsuites name="netlink-vmtest" tests="2" failures="1" errors="1"')
})
