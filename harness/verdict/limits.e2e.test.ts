// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type CliResult, runCli } from '../fixtures/cli.ts'

const suite =
  "import { test } from 'vitest'\ntest('quick', () => {})\ntest('slow', () => new Promise(() => {}))\ntest('after', () => {})\n"

/** @param files contents by name */
async function runWith(settings: string, files: Readonly<Record<string, string>>): Promise<CliResult> {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(
    path.join(folder, 'netlink-vmtest.config.ts'),
    `export default { suites: ['*.test.ts'], ${settings} }`,
  )
  for (const [file, content] of Object.entries(files)) writeFileSync(path.join(folder, file), content)
  return await runCli(['--max-workers=1', '--reporter=verbose'], { cwd: folder })
}

test("a test's limit: it fails, and the next one runs", async () => {
  const { status, stdout } = await runWith('testTimeout: 500', { 'a.test.ts': suite })
  expect(stdout).toContain('Test timed out in 500ms')
  expect(stdout).toMatch(/✓ .* > after/)
  expect(status).toBe(1)
})

test("a file's limit: the running test fails, the rest is not run", async () => {
  const { status, stdout } = await runWith('fileTimeout: 4000, testTimeout: 60000', { 'a.test.ts': suite })
  expect(stdout).toMatch(/✓ .* > quick/)
  expect(stdout).toContain('GuestLost: the file took longer than 4 s (fileTimeout)')
  expect(stdout).toMatch(/↓ .* > after \[not run: the file took longer/)
  expect(status).toBe(1)
})

test("a run's limit: the files after it fail without being run", async () => {
  const { status, stdout } = await runWith('runTimeout: 5000, testTimeout: 60000', {
    'a.test.ts': suite,
    'b.test.ts': suite,
  })
  expect(stdout.match(/GuestLost: the run took longer than 5 s \(runTimeout\)/g)).toHaveLength(2)
  expect(stdout).toMatch(/FAIL .* b\.test\.ts/)
  expect(status).toBe(1)
})

const faults = path.resolve(import.meta.dirname, '../fixtures/faults-module')

/** A test file that makes a fault and then waits for longer than the kernel lets its file go on. */
const faulty = (fault: string) => `
  import { writeFileSync } from 'node:fs'
  import { loadModule } from 'netlink-vmtest/testing'
  import { test } from 'vitest'
  test('faulty', async () => {
    loadModule('faults')
    writeFileSync('/proc/faults', '${fault}')
    await new Promise(() => {})
  })`

/** A test file whose hook waits in the kernel. */
const inHook = `
  import { writeFileSync } from 'node:fs'
  import { loadModule } from 'netlink-vmtest/testing'
  import { beforeAll, test } from 'vitest'
  beforeAll(() => {
    loadModule('faults')
    writeFileSync('/proc/faults', 'waits')
  }, 700)
  test('never', () => {})`

test('a test or hook that waits in the kernel: the verdict says where, with lines', async () => {
  const { status, stdout } = await runWith(`testTimeout: 500, modules: '${faults}'`, {
    'test.test.ts': faulty('waits'),
    'hook.test.ts': inHook,
  })
  const place =
    /\n+the test worker waits in the kernel:\n(?: +at .*\n)* +at fault_waits \[faults\] faults\.c:\d+/
  for (const said of [
    /the test did not give control back within 10\.5 s \(its own limit is 0\.5 s\)/,
    /a hook did not give control back within 10\.7 s \(its own limit is 0\.7 s\)/,
  ])
    expect(stdout).toMatch(new RegExp(`GuestLost: ${said.source}${place.source}`))
  expect(status).toBe(1)
})

test('a file that ends at its limit while threads wait in the kernel: the verdict says where, with lines', async () => {
  const { status, stdout } = await runWith(`fileTimeout: 6000, testTimeout: 60000, modules: '${faults}'`, {
    'a.test.ts': `
  import { writeFileSync } from 'node:fs'
  import { Worker } from 'node:worker_threads'
  import { loadModule } from 'netlink-vmtest/testing'
  import { beforeAll, test } from 'vitest'
  beforeAll(() => {
    loadModule('faults')
    new Worker("require('node:fs').writeFileSync('/proc/faults', 'waits')", { eval: true })
    writeFileSync('/proc/faults', 'waits')
  })
  test('never', () => {})`,
  })
  expect(stdout).toContain('GuestLost: the file took longer than 6 s (fileTimeout)')
  const place = / waits in the kernel:\n(?: +at .*\n)* +at fault_waits \[faults\] faults\.c:\d+/
  expect(stdout).toMatch(new RegExp(`\nthe test worker${place.source}`))
  expect(stdout).toMatch(new RegExp(`\na thread of the test worker${place.source}`))
  expect(status).toBe(1)
})

test('an oops in a thread of the kernel ends the file: who waits for it would for ever', async () => {
  const { status, stdout } = await runWith(`testTimeout: 100000, modules: '${faults}'`, {
    'a.test.ts': faulty('work_null'),
  })
  expect(stdout).toMatch(
    /GuestLost: the kernel has lost a worker thread, and the file did not end within 5 s: BUG: /,
  )
  expect(stdout).toMatch(/at fault_null \[faults\] faults\.c:\d+/)
  expect(status).toBe(1)
})
