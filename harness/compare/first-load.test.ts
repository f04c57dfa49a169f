// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { lineOf } from './finding.ts'
import { logDifferences } from './log-differences.ts'
import type { RecordedFile, RecordedTest } from './recorded.ts'
import { fileDifferences } from './tests.ts'

const tainting = (name: string) => [
  `${name}: loading out-of-tree module taints kernel.`,
  'Disabling lock debugging due to kernel taint',
  `${name}: module verification failed: signature and/or required key missing - tainting kernel`,
]
const logging = (name: string, log?: readonly string[], more: Partial<RecordedTest> = {}): RecordedTest => ({
  ...{ name, state: 'passed', failures: [], said: [], log, logLevels: log?.map(() => 4) },
  ...more,
})
const file = (...tests: RecordedTest[]): RecordedFile => ({ file: 'a.test.ts', tests, modules: [] })
const told = (base: RecordedFile, head: RecordedFile) =>
  logDifferences(base, head).map(({ finding }) => lineOf({ ...finding, kernel: undefined }))

test('what the first load of a guest logs is of its file, whichever test and module that is', () => {
  const base = file(logging('x', [...tainting('nctab'), 'nctab: loaded']), logging('y', ['nctab: loaded']))
  const moved = file(
    logging('new', [...tainting('nctab'), 'nctab: loaded']),
    logging('x', ['nctab: loaded']),
    logging('y', ['nctab: loaded']),
  )
  expect(told(base, moved)).toEqual([])
  expect(told(moved, base)).toEqual([])
  const split = file(logging('x', [...tainting('nccore'), 'nctab: loaded']), logging('y', ['nctab: loaded']))
  expect(told(base, split)).toEqual([])
})

test('a first load that taints in another way is told, where a test of both sides shows it', () => {
  const license = "nctab: module license 'Proprietary' taints kernel."
  const [free, closed] = [
    file(logging('x', tainting('nctab'))),
    file(logging('x', [license, ...tainting('nctab')])),
  ]
  expect(told(free, closed)).toEqual([`log: the kernel now logs '${license}'`])
  expect(told(closed, free)).toEqual([`log: the kernel no longer logs '${license}'`])
  expect(told(file(logging('y', [])), file(logging('x', [license]), logging('y', [])))).toEqual([])
  expect(told(file(logging('x', undefined)), closed)).toEqual([])
  expect(told(closed, file(logging('x', [], { state: 'failed' })))).toEqual([])
})

test('a failed test whose log lacks the first load only has read less', () => {
  const asked = (...answers: string[]) => ({
    ...{ socket: 'socket 1', key: 'k', operation: 'get', request: 'get', datagrams: 1, told: [] },
    answers: answers.map(what => ({ what, parts: [] })),
  })
  const said = (...answers: string[]) => [{ missed: 0, exchanges: [asked(...answers)] }]
  const base = file(logging('x', [...tainting('nctab'), 'a'], { said: said('get', 'acknowledgement') }))
  const head = file(
    logging('new', tainting('nctab')),
    logging('x', ['a'], { state: 'failed', said: said('get') }),
  )
  const behaviour = fileDifferences(base, head).filter(({ finding }) => finding.kind === 'behaviour')
  expect(behaviour.map(({ finding }) => finding.text)).toEqual(['get: get, acknowledgement became get'])
})
