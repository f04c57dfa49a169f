// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import type { PageData, PageFailure, PageStatus, PageTest } from '../page-data.ts'
import { countsOf, entriesOf, hashOf, shownEntries, viewOf } from './view.ts'

const failure = (message: string): PageFailure => ({
  errors: [{ name: 'Error', message, diff: '', places: [] }],
  conversations: [],
  details: undefined,
  output: '',
  kernelLog: '',
  again: '',
})
const named = (id: string, status: PageStatus, message?: string): PageTest => ({
  id,
  name: `group > ${id}`,
  status,
  duration: 1,
  ...(message === undefined ? {} : { failure: failure(message) }),
})
const file = (kernel: string, name: string, tests: readonly PageTest[], outside?: PageFailure) => ({
  kernel,
  name,
  ok: false,
  phases: { start: 0, load: 0, run: 0 },
  outside,
  missed: undefined,
  tests,
})
const entries = entriesOf({
  files: [
    file('old', 'a.test.ts', [named('one', 'passed'), named('two', 'failed', 'Expected ENOENT')]),
    file('new', 'a.test.ts', [named('three', 'skipped'), named('four', 'not run')]),
    file('new', 'b.test.ts', [named('five', 'passed')], failure('left behind')),
  ],
} as unknown as PageData)

const shown = (hash: string) => shownEntries(entries, viewOf(hash, entries)).map(({ id }) => id)

test('without a hash: what failed, in tests and outside; all where nothing failed', () => {
  expect(shown('')).toEqual(['two', 'new b.test.ts'])
  const passed = entries.filter(({ status }) => status !== 'failed')
  expect(shownEntries(passed, viewOf('', passed))).toHaveLength(4)
})

test.each([
  ['#status=all&kernel=new', ['three', 'four', 'new b.test.ts', 'five']],
  ['#file=a.test.ts', ['one', 'two', 'three', 'four']],
  ['#file=a.test.ts&kernel=old&status=passed', ['one']],
  ['#status=all&q=enoent+GROUP', ['two']],
  ['#status=all&q=left', ['new b.test.ts']],
  ['#status=not+run', ['four']],
  ['#status=nonsense', ['two', 'new b.test.ts']],
  // What a link is about is there whatever else it says.
  ['#status=skipped&kernel=old&test=five', ['five']],
  ['#status=all&q=nowhere', []],
])('%s', (hash, ids) => {
  expect(shown(hash)).toEqual(ids)
})

test('counts are of what the other filters let pass', () => {
  expect(countsOf(entries, viewOf('#kernel=new', entries))).toEqual({
    all: 4,
    failed: 1,
    passed: 1,
    skipped: 1,
    'not run': 1,
  })
})

describe('hashes', () => {
  test('name what is chosen, and bring it back', () => {
    const view = { text: 'a b&c', status: 'all', kernel: 'tree:../x', file: 'ä.ts', test: '1_2' } as const
    expect(viewOf(hashOf(view), entries)).toEqual(view)
    expect(hashOf({ status: 'failed', kernel: '' })).toBe('#status=failed')
  })
})
