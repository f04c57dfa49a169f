// SPDX-License-Identifier: MIT
import { tmpdir } from 'node:os'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ExitStatus } from '../base/errors.ts'
import { Coverage } from '../pool/coverage.ts'
import type { PreparedKernel } from '../prepare/prepare.ts'
import { checkSettings } from '../prepare/settings.ts'
import { coverageOptions, endCoverage } from './coverage.ts'
import { parseVitestArguments } from './vitest-command.ts'

const optionsOf = (args: readonly string[], configured = {}) =>
  coverageOptions(parseVitestArguments(args).coverage, checkSettings({ coverage: configured }), '/project')

test('off, on by an option of it, on by the configuration, off by the command line', () => {
  expect(optionsOf([])).toBeUndefined()
  expect(optionsOf([], { thresholds: { lines: 80 } })).toBeUndefined()
  expect(optionsOf(['--coverage=false'], { enabled: true })).toBeUndefined()
  expect(optionsOf(['--coverage.enabled=false'], { enabled: true })).toBeUndefined()
  for (const [args, configured] of [
    [['--coverage']],
    [['--coverage.enabled']],
    [['--coverage.thresholds.lines=1']],
    [[], { enabled: true }],
  ] as const)
    expect(optionsOf(args, configured)).toMatchObject({ reportsDirectory: '/project/coverage' })
})

test('the command line goes before the configuration', () => {
  const configured = { thresholds: { lines: 80, branches: 50 }, reporter: ['text' as const] }
  const args = ['--coverage', '--coverage.thresholds.lines=90', '--coverage.reportsDirectory=out']
  expect(optionsOf(args, configured)).toEqual({
    enabled: false,
    reporter: ['text'],
    reportsDirectory: '/project/out',
    thresholds: { lines: 90, branches: 50 },
  })
  expect(optionsOf(['--coverage.reporter=lcov', '--coverage.reporter=text'])).toMatchObject({
    reporter: ['lcov', 'text'],
  })
})

test.each([
  [['--coverage.reporter=nosuch'], /coverage\.reporter/],
  [['--coverage.thresholds.lines=101'], /coverage\.thresholds\.lines: must be at most 100/],
  [['--coverage.thresholds.lines=many'], /--coverage\.thresholds\.lines: it takes a number, not many/],
  [
    ['--coverage.include=a.c'],
    /--coverage\.include has no place here: the modules under test are counted, by gcc/,
  ],
  [['--coverage.provider=v8'], /--coverage\.provider has no place here: the modules under test are counted/],
])('%j is refused', (args, message) => {
  expect(() => optionsOf(args)).toThrow(message)
})

test('a run of which the coverage is not known is no pass', async () => {
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => said.mockRestore())
  const kernel = {
    label: 'debian-6.1',
    delivery: { notes: [{ folder: tmpdir(), root: tmpdir(), gcov: 'gcov-0' }] },
    guests: { coverage: new Coverage() },
  } as unknown as PreparedKernel
  const options = { reporter: [], reportsDirectory: tmpdir(), thresholds: {} }
  expect(await endCoverage(options, [kernel], '/')).toBe(ExitStatus.machinery)
  expect(said.mock.calls).toEqual([
    [expect.stringMatching(/^error: coverage is not known: gcov-0 is not on/)],
  ])
})
