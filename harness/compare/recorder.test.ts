// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import type { TestModule } from 'vitest/node'
import type { RecordedFile } from './recorded.ts'
import { FileRecorder } from './recorder.ts'
import { fileDifferences } from './tests.ts'

const module = {
  type: 'module',
  relativeModuleId: 'suites/a.test.ts',
  children: { allTests: () => [], allSuites: () => [] },
  errors: () => [],
} as unknown as TestModule

test('an error that nobody has caught is one of its file, once', () => {
  const recorder = new FileRecorder()
  const before = recorder.take(module) as RecordedFile
  recorder.uncaught('suites/a.test.ts', { name: 'TypeError', message: 'of no test' })
  recorder.uncaught('suites/a.test.ts', undefined)
  const after = recorder.take(module) as RecordedFile
  expect(after.tests).toMatchObject([
    {
      name: '',
      state: 'failed',
      failures: [{ text: 'nobody caught: of no test' }, { text: 'nobody caught: undefined' }],
    },
  ])
  expect(fileDifferences(before, after)).toMatchObject([
    { finding: { kind: 'test', where: 'suites/a.test.ts', was: 'passed', matters: true } },
  ])
  expect(recorder.take(module)).toEqual(before)
})

test('of a file whose guest the machinery has lost only that is known, and then forgotten', () => {
  const recorder = new FileRecorder()
  recorder.ended('suites/a.test.ts', ['nlexample'])
  recorder.lost('suites/a.test.ts', 'QEMU was killed by SIGKILL')
  expect(recorder.take(module)).toEqual({ lost: 'QEMU was killed by SIGKILL' })
  expect(recorder.take(module)).toMatchObject({ file: 'suites/a.test.ts', modules: undefined })
})
