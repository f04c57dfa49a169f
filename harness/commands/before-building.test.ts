// SPDX-License-Identifier: MIT
/** What is plainly wrong is told before anything is fetched, built or booted. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runCli } from '../fixtures/cli.ts'

const project = mkdtempSync(path.join(tmpdir(), 'before-building-'))
afterAll(() => rmSync(project, { recursive: true }))
mkdirSync(path.join(project, 'suites'))
writeFileSync(path.join(project, 'suites/innit.test.ts'), '')
writeFileSync(path.join(project, 'netlink-vmtest.config.ts'), "export default { modules: 'nosuch' }\n")

test('a mistyped command', async () => {
  expect(await runCli(['inti'], { cwd: project })).toEqual({
    status: 2,
    stdout: '',
    stderr: 'error: inti is neither a command nor in the path of a test file: did you mean init?',
  })
})

test('no QEMU; what a test file has in its path is no mistyped command', async () => {
  const programs = path.join(project, 'programs')
  mkdirSync(programs)
  symlinkSync(process.execPath, path.join(programs, 'node'))
  const { status, stdout, stderr } = await runCli(['innit'], { cwd: project, env: { PATH: programs } })
  expect(stderr).toMatch(/^error: qemu-system-x86_64 is not on the PATH/)
  expect(stdout).toBe('')
  expect(status).toBe(3)
})
