// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { MachineryError, UsageError } from '../base/errors.ts'
import { failuresOutside } from './failures.ts'
import { completedJson, forgetReport, requireWritable, requireWritten, writeReport } from './files.ts'

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'report-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

test('the folder of a report is made, as Vitest does for its own', () => {
  const file = path.join(folder(), 'not/there/yet.md')
  writeReport(file, 'text')
  writeReport(file, 'another')
  expect(readFileSync(file, 'utf8')).toBe('another')
})

test('what other steps of a GitHub job have in its summary stays', () => {
  const file = path.join(folder(), 'summary')
  vi.stubEnv('GITHUB_STEP_SUMMARY', file)
  onTestFinished(() => void vi.unstubAllEnvs())
  writeFileSync(file, 'of a step\n')
  writeReport(file, 'ours')
  expect(readFileSync(file, 'utf8')).toBe('of a step\nours')
})

test("the kernels are added to Vitest's report", () => {
  expect(JSON.parse(completedJson('{"success":true}', []))).toEqual({ success: true, kernels: [] })
  expect(JSON.parse(completedJson(undefined, []))).toEqual({ success: false, kernels: [] })
})

test("errors outside of tests, which Vitest's report does not have, are in it", () => {
  const state = { getUnhandledErrors: () => [{ name: 'Error', message: 'nobody caught it', stack: 'at a' }] }
  const outside = failuresOutside({ state } as unknown as Parameters<typeof failuresOutside>[0])
  expect(JSON.parse(completedJson('{"success":true}', [], outside))).toEqual({
    success: false,
    unhandledErrors: [{ name: 'Error', message: 'nobody caught it', stack: 'at a' }],
    kernels: [],
  })
})

test('what is another program’s file as well is added to', () => {
  const file = path.join(folder(), 'output')
  const fd = openSync(file, 'a')
  onTestFinished(() => closeSync(fd))
  writeSync(fd, 'before\n')
  const stream = `/proc/self/fd/${fd}`
  forgetReport(stream)
  writeReport(stream, 'report\n')
  writeSync(fd, 'after\n')
  expect(readFileSync(file, 'utf8')).toBe('before\nreport\nafter\n')
})

test('one of an earlier run is removed; what is no file of its own stays', () => {
  const place = folder()
  const [file, link, summary] = ['report', 'link', 'summary'].map(name => path.join(place, name)) as [
    string,
    string,
    string,
  ]
  vi.stubEnv('GITHUB_STEP_SUMMARY', summary)
  onTestFinished(() => void vi.unstubAllEnvs())
  for (const each of [file, summary]) writeFileSync(each, 'of the last run')
  symlinkSync(file, link)
  for (const each of [link, summary, place, '/dev/null', '-', path.join(place, 'none')]) forgetReport(each)
  expect(readdirSync(place).sort()).toEqual(['link', 'summary'])
  expect(existsSync('/dev/null')).toBe(true)
  // A link is written through.
  writeReport(link, 'text')
  expect(readFileSync(file, 'utf8')).toBe('text')
})

test('one that does not fit is not there in part, nor is that of an earlier run', () => {
  const place = folder()
  const file = path.join(place, 'report')
  writeFileSync(file, 'of the last run')
  const limited = `ulimit -f 1; exec "$0" "$@"`
  const script = `import { writeReport } from ${JSON.stringify(path.join(import.meta.dirname, 'files.ts'))}
    process.on('SIGXFSZ', () => {})
    try { writeReport(process.argv[1], 'x'.repeat(1_000_000)) } catch (error) { console.log(error.message) }`
  const arguments_ = ['-c', limited, process.execPath, '--input-type=module', '-e', script, file]
  expect(execFileSync('sh', arguments_, { encoding: 'utf8' })).toMatch(
    `cannot write the report ${file}: EFBIG`,
  )
  expect(readdirSync(place)).toEqual([])
})

test('one that cannot be written is named', () => {
  const file = path.join(folder(), 'file')
  writeFileSync(file, '')
  const below = path.join(file, 'report')
  const cannot = `cannot write the report ${below}`
  expect(() => writeReport(below, '')).toThrow(cannot)
  expect(() => writeReport(below, '')).toThrow(MachineryError)
})

test('whether one can be written is seen before, and leaves nothing', () => {
  const place = folder()
  const fresh = path.join(place, 'new/report')
  requireWritable(fresh)
  expect(existsSync(fresh)).toBe(false)
  writeFileSync(path.join(place, 'file'), '')
  for (const [file, why] of [
    [place, 'it is a folder'],
    [path.join(place, 'file/report'), 'ENOTDIR|file is no folder'],
    ['/dev/full', 'ENOSPC'],
    ['/proc/report', 'ENOENT'],
  ] as const) {
    expect(() => requireWritable(file), file).toThrow(UsageError)
    expect(() => requireWritable(file), file).toThrow(
      new RegExp(`^cannot write the report ${file}: .*(${why})`),
    )
  }
})

test('one without a name is refused', () => {
  expect(() => requireWritable('')).toThrow('cannot write a report without a name: give the option a file')
})

test('a pipe that nobody reads yet keeps nobody waiting', () => {
  const pipe = path.join(folder(), 'pipe')
  execFileSync('mkfifo', [pipe])
  requireWritable(pipe)
  expect(() => requireWritable(pipe, true)).toThrow('it is no regular file')
})

test('one that Vitest has not written is named', () => {
  const file = path.join(folder(), 'report')
  const cannot = `cannot write the report ${file}`
  expect(() => requireWritten(file, 0)).toThrow(cannot)
  writeFileSync(file, '')
  expect(() => requireWritten(file, 0)).toThrow(cannot)
  writeFileSync(file, 'of the last run')
  utimesSync(file, 1, 1)
  expect(() => requireWritten(file, 10_000)).toThrow(cannot)
  requireWritten(file, 500)
})
