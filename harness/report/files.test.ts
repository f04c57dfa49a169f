// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { MachineryError, UsageError } from '../base/errors.ts'
import { completeJson, requireWritable, requireWritten, writeReport } from './files.ts'

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
  const file = path.join(folder(), 'report.json')
  writeFileSync(file, '{"success":true}')
  completeJson(file, [])
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ success: true, kernels: [] })
})

test('one that cannot be written is named', () => {
  const file = path.join(folder(), 'file')
  writeFileSync(file, '')
  const below = path.join(file, 'report')
  const cannot = `cannot write the report ${below}`
  expect(() => writeReport(below, '')).toThrow(cannot)
  expect(() => completeJson(below, [])).toThrow(MachineryError)
})

test('whether one can be written is seen before, and leaves nothing', () => {
  const place = folder()
  const fresh = path.join(place, 'new/report')
  requireWritable(fresh)
  expect(existsSync(fresh)).toBe(false)
  writeFileSync(path.join(place, 'file'), '')
  for (const [file, why] of [
    [place, 'it is a folder'],
    [path.join(place, 'file/report'), 'ENOTDIR|EEXIST'],
    ['/dev/full', 'ENOSPC'],
    ['/proc/report', 'ENOENT'],
  ] as const) {
    expect(() => requireWritable(file), file).toThrow(UsageError)
    expect(() => requireWritable(file), file).toThrow(
      new RegExp(`^cannot write the report ${file}: .*(${why})`),
    )
  }
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
