// SPDX-License-Identifier: MIT
import {
  copyFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import libCoverage from 'istanbul-lib-coverage'
import * as v from 'valibot'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { gcovOf, keepNotes, type Notes, notesIn, profiled } from '../../../kernel/build/profiled.ts'
import { Coverage, type DataFile, dataFiles } from '../../pool/coverage.ts'
import { coverageReporters } from '../../prepare/settings.ts'
import { belowThresholds, forgetCoverage, reportCoverage } from './coverage.ts'
import { gcov } from './gcov.ts'
import { coverageMap } from './map.ts'
import { reachedOn, reachedSchema } from './reached.ts'

/** gcc's own runtime writes what the module for guests writes (harness/commands/coverage.e2e.test.ts). */
const source = `int odd(int n)
{
	if (n % 2)
		return 1;
	return 0;
}
int never(void)
{
	return 2;
}
int main(int argc, char **argv)
{
	return odd(argc) - odd(argc);
}
`
let folder: string
let notes: Notes
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'coverage-'))
  mkdirSync(path.join(folder, 'notes/sub'), { recursive: true })
  mkdirSync(path.join(folder, 'sub'))
  writeFileSync(path.join(folder, 'sub/a.c'), source)
  await execa('gcc', ['--coverage', `-ffile-prefix-map=${folder}/=`, '-c', '-o', 'sub/a.o', 'sub/a.c'], {
    cwd: folder,
  })
  await execa('gcc', ['--coverage', '-o', 'program', 'sub/a.o'], { cwd: folder })
  renameSync(path.join(folder, 'sub/a.gcno'), path.join(folder, 'notes/sub/a.gcno'))
  notes = { folder: path.join(folder, 'notes'), root: folder, gcov: 'gcov', unprofiled: [] }
})
afterAll(() => rmSync(folder, { recursive: true }))

/** What a run of the program counts, under another name on request. */
async function counted(args: readonly string[], name = 'elsewhere/build/sub/a.gcda'): Promise<DataFile> {
  await execa(path.join(folder, 'program'), args)
  const file = path.join(folder, 'sub/a.gcda')
  const data = readFileSync(file)
  rmSync(file)
  return { name, data }
}

test('the lines that ran, of several runs together; what has no counters has not run', async () => {
  const runs = [await counted([]), await counted(['one']), await counted(['one', 'two'])]
  const [map] = coverageMap(await gcov(notes, runs), folder)
    .files()
    .map(each => each)
  const coverage = coverageMap(await gcov(notes, runs), folder).fileCoverageFor(map ?? '')
  expect(map).toBe(path.join(folder, 'sub/a.c'))
  // 1 and 3 arguments are odd.
  expect(coverage.getLineCoverage()).toEqual({ 1: 6, 3: 6, 4: 4, 5: 2, 7: 0, 9: 0, 11: 3, 13: 3 })
  expect(Object.values(coverage.b)).toEqual([[4, 2]])
  const functions = Object.entries(coverage.fnMap).map(([key, { name }]) => [name, coverage.f[key]])
  expect(Object.fromEntries(functions)).toEqual({ odd: 6, never: 0, main: 3 })
  const none = coverageMap(await gcov(notes, []), folder).fileCoverageFor(map ?? '')
  expect(new Set(Object.values(none.s))).toEqual(new Set([0]))
})

test('two functions of one line, as macros make them, stay two when kernels are merged', () => {
  const of = (name: string, execution_count: number) => ({
    name,
    start_line: 7,
    end_line: 7,
    execution_count,
  })
  const map = () =>
    coverageMap([{ file: 'sub/a.c', functions: [of('get', 2), of('set', 0)], lines: [] }], folder)
  const all = map()
  all.merge(map())
  expect(all.getCoverageSummary().functions).toMatchObject({ total: 2, covered: 1 })
})

test('counters of another place, or of another compilation, are not these', async () => {
  const elsewhere = await counted([], 'build/other/a.gcda')
  const older = await counted([])
  older.data.writeUInt32LE(1, 8)
  const [file = { lines: [] }] = await gcov(notes, [elsewhere, older])
  expect(file.lines.every(({ count }) => count === 0)).toBe(true)
})

test('notes that gcov does not understand, and a gcov that is not there', async () => {
  const broken = path.join(folder, 'broken')
  mkdirSync(broken)
  writeFileSync(path.join(broken, 'b.gcno'), 'no notes')
  await expect(gcov({ ...notes, folder: broken }, [])).rejects.toThrow('gcov failed with status')
  await expect(gcov({ ...notes, gcov: 'gcov-0' }, [])).rejects.toThrow('gcov-0 is not on the PATH')
  expect(await gcov({ ...notes, folder: path.join(folder, 'none') }, [])).toEqual([])
})

test('what a guest tells: names and data, one after the other', () => {
  const word = (value: number) => {
    const buffer = Buffer.alloc(4)
    buffer.writeUInt32LE(value)
    return buffer
  }
  const content = Buffer.concat([word(1), word(2), Buffer.from('axy'), word(2), word(0), Buffer.from('bc')])
  expect(dataFiles(content)).toEqual([{ name: 'a', data: Buffer.from('xy') }])
})

test('reports by test file and in all; lost guests; thresholds', async () => {
  const print = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  const coverage = new Coverage()
  coverage.counted.push({ file: 'suites/a.test.ts', data: [await counted([])] })
  coverage.counted.push({ file: 'suites/b.test.ts', data: [await counted(['one'])] })
  coverage.lost.add('suites/c.test.ts')
  const withOther = { ...notes, unprofiled: ['sub/other.c'] }
  copyFileSync(path.join(notes.folder, 'sub/a.gcno'), path.join(notes.folder, 'sub/made.gcno'))
  onTestFinished(() => rmSync(path.join(notes.folder, 'sub/made.gcno')))
  const options = {
    reporter: ['text', 'lcovonly', 'cobertura'],
    reportsDirectory: path.join(folder, 'reports'),
    thresholds: { lines: 80, functions: -1, branches: 50 },
  } as const
  onTestFinished(() => print.mockRestore())
  const reached = await reachedOn([{ label: 'debian-6.1', notes: [withOther], coverage }], folder, Date.now())
  // A blob has it as JSON.
  const result = reportCoverage(v.parse(reachedSchema, JSON.parse(JSON.stringify(reached))), options, folder)
  expect(result.text).toBe(
    [
      'lines by test file:',
      '  suites/a.test.ts  62.5 % (5 of 8)',
      '  suites/b.test.ts  62.5 % (5 of 8)',
      'not in it: what ran in the lost guests of suites/c.test.ts (debian-6.1)',
      'not in it: sources without counters, or that the build has made: sub/made.c (debian-6.1), sub/other.c (debian-6.1)',
      'coverage reports: reports',
    ].join('\n'),
  )
  expect(result.below).toEqual(['coverage: 75 % of lines are below the threshold of 80 %'])
  expect(print.mock.calls.join('')).toMatch(/ a\.c +\| +75 \| +100 \| +66\.66 \| +75 \| 7-9/)
  expect(readFileSync(path.join(folder, 'reports/lcov.info'), 'utf8')).toMatch(
    /^SF:sub\/a\.c$[\s\S]*^DA:7,0$/m,
  )
  expect(readFileSync(path.join(folder, 'reports/cobertura-coverage.xml'), 'utf8')).toContain(
    'line-rate="0.75"',
  )
})

test('a source that has changed since is not counted by its new lines', async () => {
  const since = statSync(path.join(folder, 'sub/a.c')).mtimeMs - 1
  const kernel = { label: 'debian-6.1', notes: [notes], coverage: new Coverage() }
  await expect(reachedOn([kernel], folder, since)).rejects.toThrow(
    'sub/a.c changed after the run began: run it again',
  )
})

test('a threshold is not reached where nothing was counted; a negative one is a number', () => {
  const nothing = libCoverage.createCoverageMap({}).getCoverageSummary()
  expect(belowThresholds(nothing, { lines: 1 })).toEqual([
    'coverage: 0 % of lines are below the threshold of 1 %',
  ])
  const summary = libCoverage.createCoverageSummary({
    ...nothing.data,
    lines: { total: 10, covered: 7, skipped: 0, pct: 70 },
  })
  expect(belowThresholds(summary, { lines: -3 })).toEqual([])
  expect(belowThresholds(summary, { lines: -2 })).toEqual(['coverage: 3 lines are not covered, and 2 may be'])
})

test("gcc's own gcov, and a user's flags beside ours", () => {
  expect(['gcc', 'gcc-12', '/usr/bin/x86_64-linux-gnu-gcc-14'].map(gcovOf)).toEqual([
    'gcov',
    'gcov-12',
    '/usr/bin/x86_64-linux-gnu-gcov-14',
  ])
  const [counting, own] = profiled([{ dir: '/m', make: { KCFLAGS: '-DX', A: 'b' } }])
  expect(path.basename(counting?.dir ?? '')).toBe('coverage')
  expect(own?.make).toEqual({
    KCFLAGS: '-DX',
    A: 'b',
    CONFIG_GCOV_KERNEL: 'y',
    CONFIG_GCOV_PROFILE_ALL: 'y',
    CFLAGS_GCOV: expect.stringMatching(/^-ftest-coverage -fprofile-arcs /),
  })
})

test('what modpost writes is none of the sources', async () => {
  const [copy, entry] = ['copy', 'entry'].map(name => path.join(folder, name)) as [string, string]
  for (const each of [copy, entry]) mkdirSync(each)
  const files = ['a.c', 'a.o', 'a.gcno', 'm.mod.c', 'm.mod.o', 'm.mod.gcno', 'quiet.c', 'quiet.o']
  for (const name of files) writeFileSync(path.join(copy, name), '')
  const [, counting = { dir: copy }] = profiled([{ dir: copy }])
  await keepNotes(copy, counting, files, entry)
  expect(readdirSync(path.join(entry, 'notes')).sort()).toEqual(['a.gcno', 'unprofiled.json'])
  expect(await notesIn(entry, copy, 'gcc')).toMatchObject({ unprofiled: ['quiet.c'] })
})

test('nothing of an earlier run is taken for what this one has found', async () => {
  const print = vi.spyOn(console, 'log').mockImplementation(() => {})
  const reportsDirectory = path.join(folder, 'all')
  onTestFinished(() => print.mockRestore())
  const coverage = new Coverage()
  coverage.counted.push({ file: 'suites/a.test.ts', data: [await counted([])] })
  const reached = await reachedOn([{ label: 'debian-6.1', notes: [notes], coverage }], folder, Date.now())
  const found = () =>
    readdirSync(reportsDirectory, { recursive: true, encoding: 'utf8' })
      .filter(name => /\.(?:info|json|xml)$|^(?:lcov-report\/)?index\.html$/.test(name))
      .sort()
  const options = { reporter: [...coverageReporters], reportsDirectory, thresholds: {} }
  reportCoverage(reached, options, folder)
  expect(found()).toHaveLength(7)
  const pages = () => globSync('**/*.c.html', { cwd: reportsDirectory }).sort()
  writeFileSync(path.join(reportsDirectory, 'own.c.html'), 'of somebody else')
  expect(pages()).toEqual(['a.c.html', 'lcov-report/a.c.html', 'own.c.html'])
  // The folder may be one that has an index.html of its own.
  forgetCoverage({ ...options, reporter: ['lcovonly', 'text'] })
  expect(found()).toHaveLength(6)
  forgetCoverage(options)
  expect(found()).toEqual([])
  expect(pages()).toEqual(['own.c.html'])
})

test('the table has all lines that are not covered, however many', () => {
  const print = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  onTestFinished(() => print.mockRestore())
  const odd = Array.from({ length: 60 }, (_, index) => 2 * index + 1)
  const line = (number: number) => ({ line: number, column: 0 })
  const source = {
    path: 'a.c',
    statementMap: Object.fromEntries(
      odd.flatMap(at => [at, at + 1]).map(at => [at, { start: line(at), end: line(at) }]),
    ),
    s: Object.fromEntries(odd.flatMap(at => [[at, 0] as const, [at + 1, 1] as const])),
    ...{ branchMap: {}, b: {}, fnMap: {}, f: {} },
  }
  const reached = { sources: { 'a.c': source }, digests: {}, byFile: {}, lost: [], unprofiled: [] }
  const result = reportCoverage(
    reached,
    { reporter: ['text'], reportsDirectory: folder, thresholds: {} },
    folder,
  )
  // All guests were lost, for instance.
  expect(result.text).toBe('')
  expect(print.mock.calls.join('')).toContain(`| ${odd.join(',')} `)
})
