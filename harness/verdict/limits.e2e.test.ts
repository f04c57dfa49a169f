import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type CliResult, runCli } from '../fixtures/cli.ts'

const suite =
  "import { test } from 'vitest'\ntest('quick', () => {})\ntest('slow', () => new Promise(() => {}))\ntest('after', () => {})\n"

async function runWith(settings: string, files: readonly string[]): Promise<CliResult> {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(
    path.join(folder, 'netlink-vmtest.config.ts'),
    `export default { suites: ['*.test.ts'], ${settings} }`,
  )
  for (const file of files) writeFileSync(path.join(folder, file), suite)
  return await runCli(['--max-workers=1', '--reporter=verbose'], { cwd: folder })
}

test("a test's limit: it fails, and the next one runs", async () => {
  const { status, stdout } = await runWith('testTimeout: 500', ['a.test.ts'])
  expect(stdout).toContain('Test timed out in 500ms')
  expect(stdout).toMatch(/✓ .* > after/)
  expect(status).toBe(1)
})

test("a file's limit: the running test fails, the rest is not run", async () => {
  const { status, stdout } = await runWith('fileTimeout: 4000, testTimeout: 60000', ['a.test.ts'])
  expect(stdout).toMatch(/✓ .* > quick/)
  expect(stdout).toContain('GuestLost: the file took longer than 4 s (fileTimeout)')
  expect(stdout).toMatch(/↓ .* > after \[not run: the file took longer/)
  expect(status).toBe(1)
})

test("a run's limit: the files after it fail without being run", async () => {
  const { status, stdout } = await runWith('runTimeout: 5000, testTimeout: 60000', ['a.test.ts', 'b.test.ts'])
  expect(stdout.match(/GuestLost: the run took longer than 5 s \(runTimeout\)/g)).toHaveLength(2)
  expect(stdout).toMatch(/FAIL .* b\.test\.ts/)
  expect(status).toBe(1)
})
