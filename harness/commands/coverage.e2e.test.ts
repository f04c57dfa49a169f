// SPDX-License-Identifier: MIT
/** `run --coverage` in guests: a module of which it is known what runs. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCli } from '../fixtures/cli.ts'

const cwd = path.resolve(import.meta.dirname, '../fixtures/coverage')
let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true })
  rmSync(path.join(cwd, '.netlink-vmtest'), { recursive: true, force: true })
})

/** The lines of a file in lcov.info: what ran, and what did not. */
function linesOf(file: string) {
  const records = readFileSync(path.join(folder, 'lcov.info'), 'utf8').split('end_of_record')
  const record = records.find(each => each.includes(`SF:src/${file}\n`)) ?? ''
  const lines = [...record.matchAll(/^DA:(\d+),(\d+)$/gm)].map(([, line, times]) => [
    Number(line),
    Number(times),
  ])
  return {
    ran: lines.filter(([, times]) => times !== 0).map(([line]) => line),
    notRun: lines.filter(([, times]) => times === 0).map(([line]) => line),
  }
}

test('each line that ran, and no other: unloaded, refused and loaded modules, failed tests', async () => {
  const reporters = ['text', 'lcovonly', 'cobertura', 'html'].map(name => `--coverage.reporter=${name}`)
  const { stdout, status } = await runCli(
    [...reporters, `--coverage.reportsDirectory=${folder}`, '--coverage.thresholds.functions=90'],
    { cwd },
  )
  // The compiler knows no line 15: it makes one of what lines 12 to 15 return.
  expect(linesOf('first.c')).toEqual({
    ran: [9, 11, 12, 13, 14, 18, 20, 23, 25, 26],
    notRun: [],
  })
  expect(linesOf('sub/second.c')).toEqual({ ran: [10, 12], notRun: [5, 7, 13] })
  expect(linesOf('never.c')).toEqual({ ran: [], notRun: [4, 6] })
  expect(stdout).toMatch(/^ {2,}second\.c +\| +40 \|.*\| 5-7,13 *$/m)
  expect(stdout).toMatch(/^ +modes\.fixture\.ts +\d+/m)
  expect(linesOf('inline.h').ran).toEqual([5, 7])
  expect(stdout).toMatch(
    /^not in it: sources without counters, or that the build has made: src\/generated\.c \(\S+\), src\/quiet\.c \(\S+\)$/m,
  )
  expect(stdout).toMatch(/^not in it: what ran in the lost guests of lost\.fixture\.ts \(\S+\)$/m)
  expect(stdout).toMatch(/^coverage: [\d.]+ % of functions are below the threshold of 90 %$/m)
  expect(readFileSync(path.join(folder, 'cobertura-coverage.xml'), 'utf8')).toContain(
    'filename="src/sub/second.c"',
  )
  expect(readFileSync(path.join(folder, 'index.html'), 'utf8')).toContain('never.c')
  expect(status).toBe(1)
})

test('a threshold that is not reached is the failure of a run that passed otherwise', async () => {
  const args = ['--coverage.reporter=text-summary', 'refused.fixture.ts']
  const blob = ['--shard=1/1', '--reporter=blob', `--outputFile.blob=${folder}/blobs/1.json`]
  const shard = await runCli(['--coverage.thresholds.lines=-1', ...blob, ...args], { cwd })
  expect(shard).toMatchObject({ status: 0, stdout: expect.stringMatching(/^coverage: it is in the blob/m) })
  const merge = (lines: number) =>
    runCli(
      [
        'merge',
        `${folder}/blobs`,
        `--coverage.thresholds.lines=${lines}`,
        '--coverage.reporter=text-summary',
      ],
      { cwd },
    )
  expect(await merge(5)).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/refused\.fixture\.ts +\d/),
  })
  expect(await merge(-1)).toMatchObject({
    status: 1,
    stdout: expect.stringMatching(/^coverage: \d+ lines are not covered, and 1 may be$/m),
  })
  const failed = await runCli(['--coverage.thresholds.lines=-1', ...args], { cwd })
  expect(failed.stdout).toMatch(/^coverage: \d+ lines are not covered, and 1 may be$/m)
  expect(failed.status).toBe(1)
})

test('where its reports cannot be written nothing is run', async () => {
  const { status, stderr } = await runCli(['--coverage.reportsDirectory=/proc/nowhere'], { cwd })
  expect(stderr).toMatch(/^error: coverage\.reportsDirectory: cannot write into \/proc\/nowhere: /)
  expect(status).toBe(2)
})
