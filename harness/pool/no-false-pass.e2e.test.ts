// SPDX-License-Identifier: MIT
/** Files that fail without a failed assertion: they fail wherever Vitest fails them, also with a guest for each test. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runCli } from '../fixtures/cli.ts'

const files: Readonly<Record<string, string>> = {
  'imports-nothing': "import './nowhere.ts'\ntest('runs', () => {})",
  'is-no-typescript': "test('runs', () => {",
  'throws-at-top': "test('runs', () => {})\nthrow new Error('not today')",
  'throws-in-describe':
    "describe('group', () => {\n  test('runs', () => {})\n  throw new Error('not today')\n})",
  'has-no-test': '',
  'throws-undefined': "test('runs', () => {\n  throw undefined\n})",
  'rejects-with-nothing': "test('runs', () => Promise.reject())",
  passes: "test('runs', () => {})",
}

test.each(['file', 'test'])('a guest for each %s', async isolate => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(
    path.join(folder, 'netlink-vmtest.config.ts'),
    `export default { suites: ['*.fixture.ts'], vm: { isolate: '${isolate}' } }`,
  )
  for (const [name, body] of Object.entries(files))
    writeFileSync(
      path.join(folder, `${name}.fixture.ts`),
      `${body === '' ? '' : "import { describe, test } from 'vitest'"}\n${body}\n`,
    )
  const report = path.join(folder, 'report.json')
  const { stdout, status } = await runCli(['--json', report], { cwd: folder })
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: { name: string; status: string }[]
  }
  const verdicts = testResults.map(({ name, status }) => [path.basename(name, '.fixture.ts'), status])
  expect(Object.fromEntries(verdicts)).toEqual(
    Object.fromEntries(Object.keys(files).map(name => [name, name === 'passes' ? 'passed' : 'failed'])),
  )
  expect(stdout).toMatch(/Failed to resolve import|Cannot find module|nowhere/)
  expect(status).toBe(1)
})
