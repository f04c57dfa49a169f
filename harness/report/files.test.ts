import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { MachineryError } from '../base/errors.ts'
import { completeJson, writeMarkdown } from './files.ts'

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'report-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

test('the folder of a report is made, as Vitest does for its own', () => {
  const file = path.join(folder(), 'not/there/yet.md')
  writeMarkdown(file, [], 0)
  expect(readFileSync(file, 'utf8')).toContain('| suite |')
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
  expect(() => writeMarkdown(below, [], 0)).toThrow(cannot)
  expect(() => completeJson(below, [])).toThrow(MachineryError)
})
