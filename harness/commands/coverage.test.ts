// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ExitStatus } from '../base/errors.ts'
import { Coverage } from '../pool/coverage.ts'
import type { PreparedKernel } from '../prepare/prepare.ts'
import { checkSettings } from '../prepare/settings.ts'
import type { Blob } from '../report/blob.ts'
import type { Reached } from '../report/coverage/reached.ts'
import {
  coverageOptions,
  endCoverage,
  mergedCoverage,
  type Part,
  prepareReports,
  reachedBy,
} from './coverage.ts'
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

test('reports are not scattered among sources', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  mkdirSync(path.join(root, 'src'))
  writeFileSync(path.join(root, 'src/Kbuild'), '')
  const prepare = (reportsDirectory: string) =>
    prepareReports({ reporter: ['html'], reportsDirectory, thresholds: {} }, root)
  for (const above of [root, path.dirname(root)])
    expect(() => prepare(above)).toThrow(
      `coverage.reportsDirectory: ${above} has the project in it: name a folder for reports alone`,
    )
  expect(() => prepare(path.join(root, 'src'))).toThrow('src has Kbuild in it')
  expect(() => prepare(path.join(root, 'coverage'))).not.toThrow()
})

test.each([
  [['--coverage.reporter=nosuch'], /^--coverage\.reporter\.0: .*"lcov"/],
  [['--coverage.thresholds.lines=101'], /^--coverage\.thresholds\.lines: must be at most 100/],
  [['--coverage.thresholds.lines=many'], /--coverage\.thresholds\.lines: it takes a number, not many/],
  [
    ['--coverage.include=a.c'],
    /--coverage\.include has no place here: the modules under test are counted, by gcc/,
  ],
  [
    ['--coverage.thresholds=80'],
    /--coverage\.thresholds has .*thresholds are --coverage\.thresholds\.lines=80/,
  ],
  [['--coverage.provider=v8'], /--coverage\.provider has no place here: the modules under test are counted/],
])('%j is refused', (args, message) => {
  expect(() => optionsOf(args)).toThrow(message)
})

/** What is written meanwhile. */
function listen() {
  const streams = [process.stdout, process.stderr].map(stream =>
    vi.spyOn(stream, 'write').mockReturnValue(true),
  )
  onTestFinished(() => {
    for (const stream of streams) stream.mockRestore()
  })
  return () => streams.map(({ mock }) => mock.calls.map(([text]) => text).join('')) as [string, string]
}

test('a run of which the coverage is not known is no pass', async () => {
  const said = listen()
  const kernel = {
    label: 'debian-6.1',
    delivery: { notes: [{ folder: tmpdir(), root: tmpdir(), gcov: 'gcov-0', unprofiled: [] }] },
    guests: { coverage: new Coverage() },
  } as unknown as PreparedKernel
  const reached = await reachedBy([kernel], '/', Date.now())
  expect(said()).toEqual(['', expect.stringMatching(/^error: coverage is not known: gcov-0 is not on/)])
  const options = { reporter: [], reportsDirectory: tmpdir(), thresholds: {} }
  expect(endCoverage(options, reached, '/')).toBe(ExitStatus.machinery)
  expect(endCoverage(options, reached, '/', { isShard: true, isInBlob: true })).toBe(ExitStatus.machinery)
})

/** A source of two lines, of which these ran. */
function reachedLines(...ran: number[]): Reached {
  const range = (line: number) => ({ start: { line, column: 0 }, end: { line, column: 9 } })
  const source = {
    path: 'src/a.c',
    statementMap: { 1: range(1), 2: range(2) },
    s: { 1: ran.includes(1) ? 3 : 0, 2: ran.includes(2) ? 3 : 0 },
    ...{ branchMap: {}, b: {}, fnMap: {}, f: {} },
  }
  return {
    sources: { 'src/a.c': source },
    digests: {},
    byFile: { 'a.test.ts': { 'src/a.c': ran } },
    lost: ran.length === 0 ? ['a.test.ts (debian-6.1)'] : [],
    unprofiled: [],
  }
}

const unreached = { reporter: [], reportsDirectory: tmpdir(), thresholds: { lines: 100 } }

test('thresholds are those of all shards: not of one, which says so', () => {
  const said = listen()
  const end = (part?: Part) => endCoverage(unreached, reachedLines(1), '/', part)
  expect(end()).toBe(ExitStatus.failed)
  expect(end({ isShard: true, isInBlob: true })).toBe(ExitStatus.passed)
  expect(end({ isShard: true, isInBlob: false })).toBe(ExitStatus.passed)
  expect(said()[0]).toBe(
    [
      'lines by test file:\n  a.test.ts  50 % (1 of 2)',
      'coverage: 50 % of lines are below the threshold of 100 %',
      'coverage: it is in the blob, and merge reports it and judges its thresholds',
      'lines by test file:\n  a.test.ts  50 % (1 of 2)',
      'coverage: a shard is not judged by thresholds: run all with --reporter=blob, and merge\n',
    ].join('\n'),
  )
})

test('where nothing is counted nothing is known', () => {
  const said = listen()
  const nothing = { ...reachedLines(1), sources: {}, unprofiled: ['src/a.c (debian-6.1)'] }
  expect(endCoverage(unreached, nothing, '/')).toBe(ExitStatus.machinery)
  expect(endCoverage(unreached, { ...nothing, unprofiled: [] }, '/')).toBe(ExitStatus.machinery)
  expect(said()[1]).toBe(
    'error: coverage is not known: no module under test has counters: src/a.c (debian-6.1) are built without\nerror: coverage is not known: no module under test has counters\n',
  )
})

test('a report that cannot be written changes no result', () => {
  const said = listen()
  const full = { reporter: ['lcovonly'], reportsDirectory: import.meta.filename, thresholds: {} } as const
  expect(endCoverage(full, reachedLines(1, 2), '/')).toBe(ExitStatus.passed)
  expect(said()[1]).toMatch(/^error: coverage report lcovonly: .*coverage\.test\.ts.*\n$/)
})

const blob = (file: string, coverage?: Reached) => ({ file, record: { coverage } }) as unknown as Blob

test('merge has what all blobs have reached', () => {
  const said = listen()
  const blobs = [
    blob('1.json', reachedLines(1)),
    blob('2.json', reachedLines(2)),
    blob('3.json', reachedLines()),
  ]
  const merged = mergedCoverage(undefined, blobs, checkSettings({}), '/project')
  expect(merged).toMatchObject({ without: [], options: { reportsDirectory: '/project/coverage' } })
  expect(endCoverage(unreached, merged?.reached, '/project')).toBe(ExitStatus.passed)
  expect(said()[0]).toBe(
    'lines by test file:\n  a.test.ts  100 % (2 of 2)\nnot in it: what ran in the lost guests of a.test.ts (debian-6.1)\n',
  )
})

test('merge refuses sources that are not those that were counted', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  mkdirSync(path.join(root, 'src'))
  writeFileSync(path.join(root, 'src/a.c'), 'int a;\n')
  const digest = createHash('sha256').update('int a;\n').digest('hex')
  const blobs = [blob('1.json', { ...reachedLines(1), digests: { 'src/a.c': digest } })]
  const merge = (wanted?: boolean) => mergedCoverage(wanted, blobs, checkSettings({}), root)
  expect(merge()).toMatchObject({ without: [] })
  for (const change of [
    () => writeFileSync(path.join(root, 'src/a.c'), '\nint a;\n'),
    () => rmSync(path.join(root, 'src/a.c')),
  ]) {
    change()
    expect(merge).toThrow(/^src\/a\.c: not what was counted: merge where the sources are those of the runs/)
    expect(merge(false)).toBeUndefined()
  }
})

test('merge of blobs without coverage', () => {
  const blobs = [blob('1.json', reachedLines(1)), blob('2.json')]
  const settings = checkSettings({})
  expect(mergedCoverage(undefined, blobs, settings, '/')).toMatchObject({ without: ['2.json'] })
  expect(mergedCoverage(undefined, blobs.slice(1), settings, '/')).toBeUndefined()
  expect(mergedCoverage(false, blobs, settings, '/')).toBeUndefined()
  const refusal = '2.json: there is no coverage in it: run it with --coverage, or merge with --coverage=false'
  expect(() => mergedCoverage(true, blobs, settings, '/')).toThrow(refusal)
  const configured = checkSettings({ coverage: { enabled: true } })
  expect(() => mergedCoverage(undefined, blobs, configured, '/')).toThrow(refusal)
})
