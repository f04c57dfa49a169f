// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import type { TestModule } from 'vitest/node'
import { missingRecords } from '../guest/kernel-log.ts'
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

test('what differs from what a test expects is below its message, without colours', () => {
  const message = 'expected { command: 1, … } to match object { version: 1, …(2) }'
  const diff = '\u001b[32m- Expected\u001b[39m\n\u001b[32m-   "version": 1,\u001b[39m'
  const failing = {
    ...module,
    errors: () => [{ name: 'AssertionError', message, diff }],
  } as unknown as TestModule
  const [before, after] = [module, failing].map(each => new FileRecorder().take(each) as RecordedFile)
  expect(before && after && fileDifferences(before, after)).toMatchObject([
    { finding: { is: `failed: ${message}`, show: `${message}\n\n- Expected\n-   "version": 1,` } },
  ])
})

test('of a file whose guest the machinery has lost only that is known, and then forgotten', () => {
  const recorder = new FileRecorder()
  recorder.ended('suites/a.test.ts', ['nlexample'])
  recorder.lost('suites/a.test.ts', 'QEMU was killed by SIGKILL')
  expect(recorder.take(module)).toEqual({ lost: 'QEMU was killed by SIGKILL' })
  expect(recorder.take(module)).toMatchObject({ file: 'suites/a.test.ts', modules: undefined })
})

test('a test has what the kernel logged in its time, without what differs from run to run', () => {
  const logOf = (kernelLog: string | undefined) => {
    const x = {
      fullName: 'x',
      result: () => ({ state: 'passed' }),
      errors: () => [],
      diagnostic: () => undefined,
      meta: () => (kernelLog === undefined ? {} : { kernelLog }),
    }
    const withTest = {
      ...module,
      children: { allTests: () => [x], allSuites: () => [] },
    } as unknown as TestModule
    const [test] = (new FileRecorder().take(withTest) as RecordedFile).tests
    return test?.log && { log: test.log, levels: test.logLevels }
  }
  const line = (second: number, text: string) => `<6>[${second}.123456] ${text}`
  expect(logOf(undefined)).toEqual({ log: [], levels: [] })
  expect(
    logOf(
      [
        line(1, 'netlink-vmtest: the log up to here'),
        line(2, 'box: at ffff888003a4c000'),
        line(3, 'box: at ffff888003a4c008'),
        '<4>[    3.123456] MainThread (124): busy',
        '<12>[    3.123456] a program',
        line(3, 'MainThread (124): drop_caches: 2'),
        line(4, 'box_get: 12 callbacks suppressed'),
        line(5, "netlink: 'MainThread': attribute type 3 has an invalid length."),
      ].join('\n'),
    ),
  ).toEqual({ log: ['box: at ADDRESS', 'box: at ADDRESS', 'MainThread (N): busy'], levels: [6, 6, 4] })
  expect(logOf(missingRecords)).toBeUndefined()
  expect(logOf(line(1, 'WARNING: CPU: 0 PID: 1 at box.c:3 box_get+0x1/0x2 [box]'))).toBeUndefined()
})

test('what probe and suites say of growing slab caches is a finding of memory', () => {
  const failing = (message: string, actual?: string) => {
    const errors = () => [{ name: 'AssertionError', message, ...(actual && { actual }) }]
    return (new FileRecorder().take({ ...module, errors } as unknown as TestModule) as RecordedFile).tests[0]
  }
  const grown = failing(
    "objects of slab caches that are left in each round; each request of command 3 leaves 1 of kmalloc-512: expected { 'kmalloc-512': 40, skbuff_head_cache: 9 } to deeply equal {}",
  )
  expect(grown?.failures).toMatchObject([
    { kind: 'memory', text: 'objects of kmalloc-512, skbuff_head_cache are left in each round' },
  ])
  // Of many caches the message names the first; how many objects, and pages, may be others in each run.
  const ofSuite = failing(
    'expected { skbuff_head_cache: 1024, …(2) } to deeply equal {}',
    'Object {\n  "pages": 40,\n  "skbuff_head_cache": 1024,\n  "kmalloc-512": 1023,\n}',
  )
  expect(ofSuite?.failures).toMatchObject([
    { kind: 'memory', text: 'objects of kmalloc-512, skbuff_head_cache are left' },
  ])
  const clean = new FileRecorder().take(module) as RecordedFile
  const found = fileDifferences(clean, { ...clean, tests: grown ? [grown] : [] })
  expect(found.map(({ finding }) => finding.kind)).toEqual(['test', 'memory'])
  expect(failing('expected { a: 1 } to deeply equal {}')?.failures).toMatchObject([{ kind: 'test' }])
})

test('a failure whose first line only announces the reason is told with the reason', () => {
  const message =
    'Transform failed with 1 error:\n\n\u001b[31m[TSCONFIG_ERROR] \u001b[0mTsconfig not found\n at x\n'
  const errors = () => [{ name: 'Error', message }]
  const [test] = (new FileRecorder().take({ ...module, errors } as unknown as TestModule) as RecordedFile)
    .tests
  expect(test?.failures).toMatchObject([
    { text: 'Transform failed with 1 error: [TSCONFIG_ERROR] Tsconfig not found' },
  ])
})

test('a guest that is lost is told with the first report of its kernel, which may be another one each time', () => {
  const lost = (...evidence: readonly string[]) => {
    const message = ['the test worker was killed by SIGKILL', ...evidence].join('\n\n')
    const errors = () => [{ name: 'GuestLost', message }]
    return new FileRecorder().take({ ...module, errors } as unknown as TestModule) as RecordedFile
  }
  const textOf = (file: RecordedFile) => file.tests[0]?.failures[0]?.text
  const oops =
    'oops: BUG: unable to handle page fault for address: ffffffffc046f9dc\n  at box_set [box] box.c:72'
  const [one, other] = [lost(oops, 'kernel log:\n[ 1.0] x'), lost('oops: BUG: y', 'kernel log:\n[ 1.0] x')]
  expect(textOf(one)).toBe(
    'the test worker was killed by SIGKILL: oops: BUG: unable to handle page fault for address: ADDRESS, at box_set [box]',
  )
  expect(textOf(other)).toBe('the test worker was killed by SIGKILL: oops: BUG: y')
  expect(textOf(lost('kernel log:\n[ 1.0] x'))).toBe('the test worker was killed by SIGKILL')
  const clean = new FileRecorder().take(module) as RecordedFile
  const folds = [one, other].map(file =>
    fileDifferences(clean, file).flatMap(({ finding, fold }) => (finding.kind === 'loss' ? [fold] : [])),
  )
  expect(folds[0]).toHaveLength(1)
  expect(folds[1]).toEqual(folds[0])
})
