// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Vitest } from 'vitest/node'
import { type Annotation, compilerErrors, workflowCommands } from './annotations.ts'
import { githubReport } from './github.ts'
import { sourceFinder, sourcePlace } from './source-files.ts'
import type { KernelSummary } from './summary.ts'

/** A repository with a file of a module and one of the tests; its name needs escapes. */
function repository(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'annotations-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const name of ['module', 'other']) mkdirSync(path.join(folder, name))
  for (const name of ['module/a.c', 'a,b: 5%.test.ts', 'module/same.c', 'other/same.c'])
    writeFileSync(path.join(folder, name), '')
  vi.stubEnv('GITHUB_WORKSPACE', folder)
  onTestFinished(() => void vi.unstubAllEnvs())
  return folder
}

const at = (file: string, line: number): Annotation => ({
  title: 'a: test, really',
  message: '100 %\r\nof it\u001b[31m\u0007',
  place: { file, line, column: 7 },
})

test('texts are escaped, and a path is relative to the repository', () => {
  const folder = repository()
  const file = path.join(folder, 'a,b: 5%.test.ts')
  const link = path.join(folder, 'link')
  symlinkSync(folder, link)
  const command =
    '::error file=a%2Cb%3A 5%25.test.ts,line=12,col=7,title=a%3A test%2C really::Error: 100 %25%0Aof it\ufffd\n'
  const message = `Error: ${at(file, 12).message}`
  expect(workflowCommands([{ ...at(file, 12), message }])).toBe(command)
  expect(workflowCommands([{ ...at(path.join(link, path.basename(file)), 12), message }])).toBe(command)
  // GitHub has no page for a file elsewhere.
  for (const elsewhere of ['/usr/include/stdio.h', path.join(folder, 'not-there.ts')])
    expect(workflowCommands([at(elsewhere, 1)])).toMatch(/^::error title=/)
})

test('without GitHub, too, a path is relative to the repository, wherever the run was started', () => {
  const folder = repository()
  vi.stubEnv('GITHUB_WORKSPACE', undefined)
  mkdirSync(path.join(folder, '.git'))
  const command = workflowCommands([at(path.join(folder, 'module/a.c'), 3)])
  expect(command).toMatch(/^::error file=module\/a\.c,line=3,/)
})

test('an error outside of tests is at its line, or in the file that ran', () => {
  const file = path.join(repository(), 'module/a.c')
  const placed = { message: 'boom', stack: 'x', VITEST_TEST_PATH: file }
  const state = { getTestModules: () => [], getUnhandledErrors: () => [placed, { ...placed, stack: '' }] }
  const projects = [{ name: 'debian-5.10' }, { name: 'debian-6.1' }]
  const formatError = ({ stack }: { stack: string }, { project }: { project: { name: string } }) => ({
    nearest: stack && project.name === 'debian-6.1' ? { file, line: 7, column: 2 } : undefined,
  })
  const vitest = { state, projects, logger: { formatError } } as unknown as Vitest
  expect(githubReport(vitest, [], () => undefined)).toBe(
    '::error file=module/a.c,line=7,col=2,title=an error outside of tests::Error: boom\n' +
      '::error file=module/a.c,line=1,title=an error outside of tests::Error: boom\n',
  )
})

test('what is in no file of the repository has its place in words', () => {
  repository()
  const outside = mkdtempSync(path.join(tmpdir(), 'elsewhere-'))
  onTestFinished(() => rmSync(outside, { recursive: true }))
  const file = path.join(outside, 'bad.c')
  writeFileSync(file, '')
  expect(workflowCommands(compilerErrors('bad does not build', `${file}:12:5: error: 'x' undeclared`))).toBe(
    `::error title=does not compile::${file}:12:5: 'x' undeclared\n`,
  )
  expect(workflowCommands(compilerErrors('bad does not build', `${file}:9: error: no`))).toBe(
    `::error title=does not compile::${file}:9: no\n`,
  )
})

test("a report of a module elsewhere is at the test's line, or else in its file", () => {
  const suite = path.join(repository(), 'a,b: 5%.test.ts')
  const outside = mkdtempSync(path.join(tmpdir(), 'elsewhere-'))
  onTestFinished(() => rmSync(outside, { recursive: true }))
  writeFileSync(path.join(outside, 'bad.c'), '')
  const message = 'WARN: it\n  at f [bad] bad.c:12'
  const commands = (location: { line: number; column: number } | undefined, file: string) => {
    const project = { name: 'debian-6.1' }
    const module = {
      ...{ type: 'module', project, moduleId: file, relativeModuleId: 'a', errors: () => [] },
      children: { allSuites: () => [], allTests: () => [ofModule] },
    }
    const result = () => ({ state: 'failed', errors: [{ name: 'KernelSplat', message, stack: '' }] })
    const ofModule = { type: 'test', fullName: 'b', module, location, result }
    const state = { getTestModules: () => [module], getUnhandledErrors: () => [] }
    const logger = { formatError: () => ({ nearest: undefined }) }
    const vitest = { state, projects: [project], logger } as unknown as Vitest
    const kernels = [{ label: 'debian-6.1', obstacles: [] }] as unknown as KernelSummary[]
    return githubReport(vitest, kernels, sourceFinder([{ dir: outside }]))
  }
  const said = 'title=[debian-6.1] a > b::KernelSplat: WARN: it%0A  at f [bad] bad.c:12\n'
  const name = 'a%2Cb%3A 5%25.test.ts'
  expect(commands({ line: 7, column: 3 }, suite)).toBe(`::error file=${name},line=7,col=3,${said}`)
  expect(commands(undefined, suite)).toBe(`::error file=${name},line=1,${said}`)
  // If nothing is in the repository, the first place is told.
  expect(commands({ line: 7, column: 3 }, path.join(outside, 'a.test.ts'))).toBe(
    `::error ${said.replace('::', `::${path.join(outside, 'bad.c')}:12: `)}`,
  )
})

test('ten, the first ones, and how many more there are; one for what kernels have in common', () => {
  const file = path.join(repository(), 'module/a.c')
  const on = (kernel: string) => Array.from({ length: 12 }, (_, index) => ({ ...at(file, index), kernel }))
  const lines = workflowCommands([...on('debian-6.1'), ...on('debian-5.10')]).split('\n')
  expect(lines).toHaveLength(12)
  expect(lines.slice(0, 10).map(line => Number(/line=(\d+),/.exec(line)?.[1]))).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
  ])
  expect(lines[0]).toContain('title=[debian-6.1%2C debian-5.10] a%3A test')
  expect(lines[10]).toBe(
    '::notice title=netlink-vmtest::2 more failures are in the log of this step: GitHub shows 10 errors',
  )
  expect(workflowCommands([])).toBe('')
})

test('long messages are cut, with a word how much is missing', () => {
  const long = { ...at('', 1), message: 'a line\n'.repeat(5000) }
  const [line = ''] = workflowCommands([long]).split('\n')
  expect(line.length).toBeLessThan(1000)
  expect(line).toMatch(/%0A\.\.\. and 4960 more lines$/)
  expect(workflowCommands([{ ...long, message: 'x'.repeat(70_000) }]).length).toBeLessThan(5000)
})

test("a compiler's errors are at their lines; other output is at none", () => {
  const folder = repository()
  const file = path.join(folder, 'module/a.c')
  const details = [
    `In file included from ${folder}/module/b.h:1:`,
    `${file}:12:5: error: 'x' undeclared (first use in this function)`,
    '   12 |     x = 1;',
    `${file}:20:1: warning: unused variable 'y'`,
    `${file}:30: fatal error: no.h: No such file or directory`,
  ].join('\n')
  expect(workflowCommands(compilerErrors('module does not build', details, 'debian-6.1'))).toBe(
    "::error file=module/a.c,line=12,col=5,title=[debian-6.1] does not compile::'x' undeclared (first use in this function)\n" +
      '::error file=module/a.c,line=30,title=[debian-6.1] does not compile::no.h: No such file or directory\n',
  )
  expect(workflowCommands(compilerErrors('module does not build', 'ERROR: modpost: "x" undefined!'))).toBe(
    '::error title=netlink-vmtest::module does not build%0AERROR: modpost: "x" undefined!\n',
  )
})

test("a report's line in a module is found where it is, and nowhere if two files have that name", () => {
  const folder = repository()
  const find = sourceFinder([{ dir: path.join(folder, 'module') }, { dir: path.join(folder, 'other') }])
  const said = (place: string) => `WARN: it\n  at kfree mm/slab.c:9\n  at f [m] ${place}\n\nmore`
  const file = path.join(folder, 'module/a.c')
  expect(sourcePlace(said('a.c:12'), find)).toEqual({ file, line: 12 })
  expect(sourcePlace(said('a.c:12, inlined in same.c:3'), find)).toEqual({ file, line: 12 })
  expect(sourcePlace(said('same.c:12'), find)).toBe(undefined)
  expect(sourcePlace(said('gone.c:12'), find)).toBe(undefined)
  // Where the build has further sources, paths begin at the folder that has all of them.
  const sources = [path.join(folder, 'other')]
  const wider = sourceFinder([{ dir: path.join(folder, 'module'), sources }])
  expect(sourcePlace(said('other/same.c:4'), wider)).toEqual({
    file: path.join(folder, 'other/same.c'),
    line: 4,
  })
})

test('kernels that did not run come first, once each', () => {
  const state = { getTestModules: () => [], getUnhandledErrors: () => [] }
  const obstacle = { status: 3, message: 'no space is left', details: 'of 5 GB' } as const
  const kernels = ['debian-6.1', 'debian-5.10'].map(label => ({
    ...{ label, release: '', origin: '', suites: [], bootTime: undefined, status: 3 as const },
    ...{ error: 'no space is left', obstacles: [obstacle], incomplete: undefined, knownReports: [] },
    ...{ passed: 0, failed: 0, skipped: 0, notRun: 0, guests: { forked: 0, restored: 0, booted: 0 } },
  }))
  expect(githubReport({ state } as unknown as Vitest, kernels, () => undefined)).toBe(
    '::error title=[debian-6.1%2C debian-5.10] netlink-vmtest::no space is left%0Aof 5 GB\n',
  )
})
