// SPDX-License-Identifier: MIT
import type { RunnerTask, RunnerTestFile } from 'vitest'
import { expect, test } from 'vitest'
import { reportUnfinished, type SeenSoFar } from './unfinished.ts'

const testTask = (id: string, mode = 'run') => ({ id, type: 'test', mode, meta: {} }) as unknown as RunnerTask
const file = (...tasks: RunnerTask[]) =>
  ({ id: 'file', type: 'suite', filepath: '/f', mode: 'run', meta: {}, tasks }) as unknown as RunnerTestFile
const interruption = { reason: 'kernel panic: x', evidence: 'console:\nOops' }
const seen = (parts: Partial<SeenSoFar>): SeenSoFar => ({
  files: [],
  lastEvents: new Map(),
  outcomes: new Map(),
  running: undefined,
  since: Date.now() - 5_000,
  ...parts,
})

test('the running test fails with the evidence, the rest is not run, what was known stays', () => {
  const files = [
    file(
      testTask('done'),
      testTask('told'),
      testTask('running'),
      testTask('later'),
      testTask('last'),
      testTask('skipped', 'skip'),
    ),
  ]
  const [packs, events] = reportUnfinished(
    seen({
      files,
      running: 'running',
      lastEvents: new Map([
        ['file', 'suite-prepare'],
        ['told', 'test-finished'],
        ['running', 'test-prepare'],
      ]),
      outcomes: new Map([['done', { state: 'pass', duration: 3 }]]),
    }),
    interruption,
  )
  const result = (id: string) => packs.find(pack => pack[0] === id)?.[1]
  expect(result('done')).toEqual({ state: 'pass', duration: 3 })
  expect(result('told')).toBeUndefined()
  expect(result('running')).toMatchObject({
    state: 'fail',
    errors: [{ name: 'GuestLost', message: 'kernel panic: x\n\nconsole:\nOops' }],
  })
  expect(result('running')?.duration).toBeGreaterThanOrEqual(5_000)
  expect(result('later')).toEqual({ state: 'skip', note: 'not run: kernel panic: x' })
  // The reason is the same.
  expect(result('last')).toEqual({ state: 'skip', note: 'not run' })
  expect(result('skipped')).toBeUndefined()
  expect(result('file')).toEqual({ state: 'fail' })
  expect(events).toEqual([
    ['done', 'test-prepare', undefined],
    ['done', 'test-finished', undefined],
    ['running', 'test-finished', undefined],
    ['later', 'test-prepare', undefined],
    ['later', 'test-finished', undefined],
    ['last', 'test-prepare', undefined],
    ['last', 'test-finished', undefined],
    ['file', 'suite-finished', undefined],
  ])
})

test('a file that was lost outside any test fails itself, with the evidence', () => {
  const [packs] = reportUnfinished(seen({ files: [file(testTask('never'))] }), interruption)
  expect(packs.find(pack => pack[0] === 'file')?.[1]).toMatchObject({
    state: 'fail',
    errors: [{ name: 'GuestLost' }],
  })
})

test('a file that had ended is left alone', () => {
  const lastEvents = new Map([['file', 'suite-finished']])
  expect(reportUnfinished(seen({ files: [file(testTask('a'))], lastEvents }), interruption)).toEqual([[], []])
})
