// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { JsonReporter, JUnitReporter, type Reporter, type Vitest, version } from 'vitest/node'
import {
  annotate,
  blobFile,
  checkReports as check,
  completeReports,
  outputFiles,
  type ReportFiles,
  reporters,
} from './reports.ts'
import type { VitestOptions } from './vitest-command.ts'
import { VitestFiles } from './vitest-files.ts'

const checkReports = (given: VitestOptions, files: ReportFiles, root = '/nowhere') =>
  check(given, files, root)

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'reports-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

test('two reports at one place are refused, whatever they are', () => {
  const file = path.join(folder(), 'report')
  const again = path.join(path.dirname(file), 'x', '..', 'report')
  const both = (a: string, b: string) => `${a} and ${b} would both write`
  expect(() => checkReports({}, { junit: file, json: again })).toThrow(both('--junit', '--json'))
  expect(() => checkReports({}, { json: file, markdown: file })).toThrow(both('--json', '--markdown'))
  expect(() => checkReports({ reporter: ['blob'], outputFile: { blob: file } }, { junit: file })).toThrow(
    both('--junit', '--outputFile.blob'),
  )
  expect(() => checkReports({ reporter: ['json', 'junit'], outputFile: file }, {})).toThrow(
    both('--reporter json', '--reporter junit'),
  )
})

test('a file that no reporter writes is refused', () => {
  const file = path.join(folder(), 'report')
  expect(() => checkReports({ outputFile: file }, {})).toThrow('--outputFile: no reporter that writes a file')
  expect(() => checkReports({ reporter: ['dot'], outputFile: { json: file } }, {})).toThrow(
    '--outputFile.json: no reporter json that writes a file is asked for',
  )
})

test('each place is looked at, and what was there stays', () => {
  const place = folder()
  const file = path.join(place, 'report')
  writeFileSync(file, 'of the last run')
  checkReports({ reporter: ['json'], outputFile: { json: file } }, { markdown: path.join(place, 'new.md') })
  expect(readFileSync(file, 'utf8')).toBe('of the last run')
  for (const option of ['junit', 'json', 'markdown'])
    expect(() => checkReports({}, { [option]: place })).toThrow(
      `cannot write the report ${place}: it is a folder`,
    )
  expect(() => checkReports({ reporter: ['junit'], outputFile: place }, {})).toThrow('it is a folder')
})

test('a blob without a place of its own has the kernels in its name: jobs differ in them', () => {
  const labels = ['debian-6.1', 'pack:a/b.pack']
  const blob = { reporter: ['dot', 'blob'] }
  expect(blobFile({ reporter: ['dot'] }, labels, '/project')).toBe(undefined)
  expect(blobFile(blob, labels, '/project')).toBe('/project/.vitest/blob/blob-debian-6.1-pack-a-b.pack.json')
  expect(blobFile({ ...blob, shard: '1/2' }, ['tree:../x'], '/project')).toBe(
    '/project/.vitest/blob/blob-tree-..-x-1-2.json',
  )
  for (const outputFile of ['x.json', { blob: 'x.json' }])
    expect(blobFile({ ...blob, outputFile }, labels, '/project')).toBe(path.resolve('x.json'))
  const { outputFile } = outputFiles({ reporter: ['blob', 'json'], outputFile: { json: 'y' } }, '/b')
  expect(outputFile).toEqual({ json: path.resolve('y'), blob: '/b' })
})

test('files are named from where the command is run', () => {
  const given = { reporter: ['./own.ts', 'junit'], outputFile: { junit: 'a.xml' } }
  expect(outputFiles(given)).toEqual({ outputFile: { junit: path.resolve('a.xml') } })
  expect(reporters(given, { junit: 'b.xml', json: 'c.json' }, new VitestFiles())).toEqual([
    path.resolve('own.ts'),
    expect.any(JUnitReporter),
    expect.any(JsonReporter),
  ])
})

test('a report that cannot be written is told of, and does not keep others from being written', () => {
  const place = folder()
  writeFileSync(path.join(place, 'file'), '')
  const below = (name: string) => path.join(place, 'file', name)
  const state = { getTestModules: () => [], getUnhandledErrors: () => [] }
  const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => told.mockRestore())
  completeReports(
    {
      junit: below('a.xml'),
      json: below('b.json'),
      ktap: below('c.ktap'),
      markdown: path.join(place, 'd.md'),
    },
    { vitest: { state } as unknown as Vitest, theirs: new VitestFiles() },
    [],
    { total: 1, passed: true, find: () => undefined },
  )
  expect(told.mock.calls.map(([text]) => text)).toEqual(
    ['a.xml', 'b.json', 'c.ktap'].map(name =>
      expect.stringContaining(`error: cannot write the report ${below(name)}: `),
    ),
  )
  expect(readFileSync(path.join(place, 'd.md'), 'utf8')).toContain('✓ passed')
})

test('a report that cannot be made, by a fault of ours, keeps no other from being written', () => {
  const place = folder()
  const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => told.mockRestore())
  const file = (name: string) => path.join(place, name)
  // Not what Vitest has.
  const vitest = {
    config: { root: place },
    state: { getTestModules: () => [undefined], getUnhandledErrors: () => [] },
  } as unknown as Vitest
  completeReports(
    { junit: file('a.xml'), html: file('b.html'), ktap: file('c.ktap'), json: file('d.json') },
    { vitest, theirs: new VitestFiles() },
    [],
    { total: 1, passed: true, find: () => undefined },
  )
  vi.stubEnv('GITHUB_ACTIONS', 'true')
  onTestFinished(() => void vi.unstubAllEnvs())
  annotate({}, vitest, [], { find: () => undefined })
  const faults = told.mock.calls.map(([text]) => String(text))
  const what = [...['a.xml', 'c.ktap'].map(name => `the report ${file(name)}`), 'the annotations for GitHub']
  expect(faults).toEqual(
    what.map(it =>
      expect.stringMatching(
        new RegExp(
          `^error: cannot make ${it}, which is a fault of netlink-vmtest's: [^\\n]*, at [^\\n]*\\n$`,
        ),
      ),
    ),
  )
  expect(readFileSync(file('b.html'), 'utf8')).toContain('<!doctype html>')
  expect(JSON.parse(readFileSync(file('d.json'), 'utf8'))).toMatchObject({ kernels: [] })
})

test('a report of Vitest that cannot be written is told of in a line, and changes no result', async () => {
  const place = folder()
  const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => told.mockRestore())
  const theirs = new VitestFiles()
  writeFileSync(path.join(place, 'file'), '')
  const file = path.join(place, 'file/report')
  const context = { config: { root: place, outputFile: { junit: file } } } as unknown as Vitest
  const reporter: Reporter = theirs.reporter('junit')
  await reporter.onInit?.(context)
  await reporter.onTestRunEnd?.([], [], 'passed')
  expect(told.mock.calls.map(([text]) => text)).toEqual([
    expect.stringMatching(new RegExp(`^error: cannot write the report ${file}: .*\\n$`)),
  ])
  expect([theirs.isUnwritten('junit'), theirs.isUnwritten('blob')]).toEqual([true, false])
})

test('one report can be on stdout, in place of the usual one, and what tests print is on stderr', () => {
  expect(() => checkReports({}, { junit: '-', ktap: '-' })).toThrow('--junit and --ktap would both write -')
  checkReports({}, { junit: '-' })
  const [reporter] = reporters({}, { junit: '-' }, new VitestFiles()) as [Reporter]
  const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => told.mockRestore())
  reporter.onUserConsoleLog?.({ content: 'a trace\n', type: 'stdout', time: 0, size: 1 })
  expect(told).toHaveBeenCalledExactlyOnceWith('a trace\n')
})

test('what tests print names them, where stdout is for a report', () => {
  const [reporter] = reporters({}, { json: '-' }, new VitestFiles()) as [Reporter]
  const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => told.mockRestore())
  const module = { type: 'module', relativeModuleId: 'a.test.ts', project: { name: 'debian-6.1' } }
  const entities = new Map<unknown, object>([
    ['1', { type: 'test', fullName: 'suite > one', module }],
    ['2', { type: 'test', fullName: 'two', module }],
    ['3', module],
  ])
  const state = { idMap: { get: (id: string) => id }, getReportedEntity: (id: unknown) => entities.get(id) }
  reporter.onInit?.({ state } as unknown as Vitest)
  for (const taskId of ['1', '1', '2', '3'])
    reporter.onUserConsoleLog?.({ content: 'said\n', type: 'stdout', time: 0, size: 1, taskId })
  expect(told.mock.calls.map(([text]) => text)).toEqual([
    'stdout | |debian-6.1| a.test.ts > suite > one\nsaid\n',
    'said\n',
    'stdout | |debian-6.1| a.test.ts > two\nsaid\n',
    'stdout | |debian-6.1| a.test.ts\nsaid\n',
  ])
})

test("Vitest's html reporter needs its package, of the same version, and writes to a place of its own", () => {
  const root = folder()
  const html = { reporter: ['html'] }
  expect(() => checkReports(html, {}, root)).toThrow(
    `--reporter=html needs the npm package @vitest/ui: npm i -D @vitest/ui@${version}`,
  )
  const ui = path.join(root, 'node_modules/@vitest/ui')
  mkdirSync(ui, { recursive: true })
  writeFileSync(path.join(ui, 'package.json'), '{ "version": "1.2.3" }')
  expect(() => checkReports(html, {}, root)).toThrow(
    `--reporter=html needs @vitest/ui of Vitest's version, ${version}, not 1.2.3: npm i -D @vitest/ui@${version}`,
  )
  writeFileSync(path.join(ui, 'package.json'), JSON.stringify({ version }))
  checkReports(html, {}, root)
  expect(() => checkReports({ ...html, outputFile: { html: path.join(root, 'x') } }, {}, root)).toThrow(
    '--outputFile.html has no effect: the html reporter writes .vitest/index.html',
  )
  expect(() => checkReports({ ...html, outputFile: path.join(root, 'x') }, {}, root)).toThrow(
    '--outputFile: no reporter that writes a file',
  )
})
