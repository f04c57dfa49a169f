// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import type { TestModule, Vitest } from 'vitest/node'
import { conversationArtifact, type SequenceDiagram } from '../../../guest/agent/protocol.ts'
import { visible, visibleName } from '../../../guest/agent/visible.ts'
import { diagram } from '../../../guest/testing/diagram.ts'
import { ExitStatus } from '../../base/errors.ts'
import { detailsKey, type FailureDetails } from '../../pool/failure-details.ts'
import { describeReport, type KernelReport } from '../../verdict/describe-splat.ts'
import type { KernelFacts } from '../kernel-facts.ts'
import { exitStatusOf, summarize } from '../summary.ts'
import { pageData, patternOf } from './collect.ts'

const facts: KernelFacts = {
  label: 'debian-6.1',
  release: '6.1.0',
  origin: 'linux 6.1',
  startTimes: [100, 300, 200],
  guests: { forked: 0, restored: 3, booted: 0 },
  losses: [],
  knownReports: [],
  isReady: true,
  obstacles: [],
  missing: [],
}
const report = (title: string): KernelReport => ({ kind: 'WARN', title, count: 1, frames: [], text: 'a\nb' })
const sequence: SequenceDiagram = {
  lanes: [['port 1'], ['kernel']],
  rows: [{ time: 0, arrow: { from: 0, to: 1, label: '' }, text: ['type 16'] }],
}
const details: FailureDetails = {
  reports: [],
  kernelLog: '[ 1.0] said',
  loss: undefined,
  evidence: '.netlink-vmtest/debian-6.1/a.test.ts',
  again: './run-vm.sh --kernel debian-6.1 --modules src a.test.ts',
}

interface Fake {
  readonly name: string
  readonly result: { readonly state: string; readonly errors?: readonly object[]; readonly note?: string }
  readonly artifacts?: readonly object[]
  readonly meta?: object
  readonly retries?: number
}

/** The page of a run with one file. */
function pageOf(
  tests: readonly Fake[],
  { meta = {}, errors = [], unhandled = [] }: { meta?: object; errors?: object[]; unhandled?: object[] } = {},
) {
  const fakes = tests.map(({ name, result, artifacts = [], meta = {}, retries = 0 }) => ({
    type: 'test',
    id: name,
    fullName: name,
    ok: () => result.state !== 'failed',
    result: () => result,
    artifacts: () => artifacts,
    meta: () => meta,
    diagnostic: () => (result.state === 'skipped' ? undefined : { duration: 5, retryCount: retries }),
  }))
  const module = {
    type: 'module',
    id: 'file',
    project: { name: 'debian-6.1', config: { root: '/project' } },
    relativeModuleId: 'a.test.ts',
    children: { allTests: () => fakes, allSuites: () => [] },
    ok: () => errors.length === 0,
    errors: () => errors,
    meta: () => meta,
    diagnostic: () => ({
      environmentSetupDuration: 1,
      prepareDuration: 2,
      setupDuration: 3,
      collectDuration: 4,
      duration: 5,
    }),
  } as unknown as TestModule
  const logs = [{ content: 'one\n' }, { content: 'two\n' }]
  const vitest = {
    config: { root: '/project' },
    state: {
      getTestModules: () => [module],
      getUnhandledErrors: () => unhandled,
      idMap: new Map([['fails', { logs }]]),
    },
  } as unknown as Vitest
  const summaries = [summarize(vitest, facts)]
  const passed = exitStatusOf(vitest, summaries) === ExitStatus.passed
  return pageData(vitest, summaries, { total: 1000, passed, find: () => undefined })
}

const failing = (errors: readonly object[], artifacts: readonly object[] = []): Fake => ({
  name: 'fails',
  result: { state: 'failed', errors },
  artifacts,
})
const failureOf = (fake: Fake) => pageOf([fake]).files[0]?.tests[0]?.failure

test('what tests did, and why some did nothing', () => {
  const { files, ok, kernels } = pageOf([
    { name: 'passes', result: { state: 'passed' }, retries: 2 },
    { name: 'is skipped', result: { state: 'skipped', note: 'not here' } },
    { name: 'is lost', result: { state: 'skipped', note: 'not run: kernel panic' } },
    { name: 'is not reached', result: { state: 'pending' } },
  ])
  expect(files).toMatchObject([
    {
      kernel: 'debian-6.1',
      name: 'a.test.ts',
      ok: true,
      phases: { start: 3, load: 7, run: 5 },
      missed: '1 test not run: kernel panic',
    },
  ])
  const id = expect.stringMatching(/^[\w-]{12}$/)
  expect(files[0]?.tests).toEqual([
    { id, name: 'passes', status: 'passed', duration: 5, retries: 2 },
    { id, name: 'is skipped', status: 'skipped', duration: 0, note: 'not here' },
    { id, name: 'is lost', status: 'not run', duration: 0, note: 'not run: kernel panic' },
    { id, name: 'is not reached', status: 'not run', duration: 5 },
  ])
  expect(files[0]?.outside).toBeUndefined()
  expect(ok).toBe(true)
  expect(kernels).toMatchObject([{ label: 'debian-6.1', release: '6.1.0', bootTime: 200 }])
})

test("a test's id is the same wherever it is, and no other has it", () => {
  const ids = (...names: string[]) =>
    pageOf(names.map(name => ({ name, result: { state: 'passed' } }))).files[0]?.tests.map(({ id }) => id)
  const [a, b, again] = ids('a', 'b', 'a') ?? []
  expect(new Set([a, b, again]).size).toBe(3)
  expect(ids('new', 'b', 'a', 'a')).toEqual([expect.any(String), b, a, again])
})

test('the command for a test finds it by whatever name it has', () => {
  for (const name of [
    'a > b',
    '$(c) | "d" \'e\' `f` *',
    'two\nlines\r\nand\ta tab',
    '\u001b[2J \u202e \u007f',
    '\\u202e',
    'cr\rlf\u240a',
    'half \ud800',
  ]) {
    const pattern = new RegExp(`^${patternOf(visibleName(name).toWellFormed())}$`)
    expect(name).toMatch(pattern)
    expect(`${name}!`).not.toMatch(pattern)
    expect(visible(pattern.source)).toBe(pattern.source)
    expect(pattern.source).not.toContain('\n')
  }
})

test('all causes of an error, as they were thrown', () => {
  const inner = { name: 'Caused by: Caused by: RangeError', message: 'inner' }
  const error = {
    name: 'Error',
    message: 'outer',
    cause: { name: 'Caused by: Error', message: 'middle', cause: inner },
  }
  expect(failureOf(failing([error]))?.errors[0]?.message).toBe(
    'outer\nCaused by: Error: middle\nCaused by: RangeError: inner',
  )
  const own: { name: string; message: string; cause?: object } = { name: 'Error', message: 'own' }
  own.cause = own
  expect(failureOf(failing([own]))?.errors[0]?.message.length).toBeLessThan(1000)
})

test('what hooks have said is drawn, too', () => {
  const meta = { [conversationArtifact]: sequence }
  const { files } = pageOf([], { meta, errors: [{ name: 'Error', message: 'beforeAll' }] })
  expect(files[0]?.outside?.conversations).toEqual([sequence])
})

test('an error with its places, what it printed, and the command for this test alone', () => {
  const stacks = [{ file: '/project/a.test.ts', line: 3, column: 5 }]
  const error = { name: 'TypeError', message: 'no', stacks, cause: { name: 'Error', message: 'because' } }
  expect(failureOf({ ...failing([error], [{ type: detailsKey, ...details }]), name: 'fails' })).toEqual({
    errors: [
      { name: 'TypeError', message: 'no\nCaused by: Error: because', diff: '', places: ['a.test.ts:3:5'] },
    ],
    conversations: [],
    kernelLog: '[ 1.0] said',
    details: { loss: undefined, evidence: details.evidence },
    output: 'one\ntwo\n',
    again: "./run-vm.sh --kernel debian-6.1 --modules src a.test.ts -t '^fails$'",
  })
  const logged = {
    ...failing([error], [{ type: detailsKey, ...details }]),
    meta: { kernelLog: 'of the test' },
  }
  expect(failureOf(logged)?.kernelLog).toBe('of the test')
  const odd = { name: "it's (not) a|b", result: { state: 'failed', errors: [error] } }
  expect(failureOf(odd)?.again).toMatch(
    / --kernel debian-6\.1 a\.test\.ts -t '\^it'\\''s \\\(not\\\) a\\\|b\$'$/,
  )
})

test('a conversation that is drawn is not told in words, too', () => {
  const diff = `- 1\n+ 2\n\nthe conversation:\n\n${diagram(sequence)}`
  const artifact = { type: conversationArtifact, sequence }
  const failure = failureOf(
    failing(
      [
        { message: 'x', diff },
        { message: 'y', diff: '- 3' },
      ],
      [artifact],
    ),
  )
  expect(failure?.errors.map(error => error.diff)).toEqual(['- 1\n+ 2', '- 3'])
  expect(failure?.conversations).toEqual([sequence])
  expect(failureOf(failing([{ message: 'x', diff }]))?.errors[0]?.diff).toBe(diff)
})

test("the kernel's reports in the place of the errors that tell them; last words besides", () => {
  const [first, second, last] = [report('first'), report('second'), report('last')]
  const loss = { reason: 'kernel panic: last', stack: '', console: 'Kernel panic' }
  const errors = [
    { name: 'KernelSplat', message: `${describeReport(second)}\n\nevidence: here` },
    { name: 'KernelSplat', message: describeReport(first) },
    { name: 'GuestLost', message: 'kernel panic: last\n\nconsole:\nKernel panic' },
  ]
  const artifact = { type: detailsKey, ...details, reports: [first, second, last], loss }
  const failure = failureOf(failing(errors, [artifact]))
  expect(failure?.errors).toMatchObject([
    { name: 'KernelSplat', message: '', report: second },
    { name: 'KernelSplat', message: '', report: first },
    { name: 'GuestLost', message: 'kernel panic: last' },
    { name: '', message: '', report: last },
  ])
  expect(failure?.details?.loss).toEqual(loss)
})

test('what fails outside of tests: a file, the run', () => {
  const meta = { [detailsKey]: { ...details, reports: [report('late')] } }
  const late = { name: 'KernelSplat', message: describeReport(report('late')) }
  const { files, ok } = pageOf([{ name: 'passes', result: { state: 'passed' } }], { meta, errors: [late] })
  expect(files[0]).toMatchObject({
    ok: false,
    outside: { errors: [{ report: report('late') }], again: details.again },
  })
  expect(ok).toBe(false)
  const run = pageOf([], { unhandled: [{ name: 'Error', message: 'nobody caught it' }] })
  expect(run).toMatchObject({ ok: false, unhandled: [{ message: 'nobody caught it' }] })
})
