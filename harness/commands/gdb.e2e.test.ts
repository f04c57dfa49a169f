// SPDX-License-Identifier: MIT
/** `run --gdb` as its users have it, with a real gdb. */
import { existsSync, mkdtempSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hostLabel } from '../../kernel/provide.ts'
import { ownFolder } from '../base/own-folder.ts'
import { runCli, startCli } from '../fixtures/cli.ts'
import { debianProgram } from '../fixtures/debian-program.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
let bin: string
beforeAll(async () => {
  bin = await debianProgram(folder, 'gdb', 'gdb-minimal')
  expect((await runCli(['build', '--kernel', hostLabel()])).status).toBe(0)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs gdb in batch mode when the run says how, and ends when the run does. */
async function debug(args: readonly string[], commands: readonly string[]) {
  const run = startCli(args, { cwd: ownFolder })
  let said = ''
  let gdb: Promise<string> | undefined
  run.stderr?.on('data', (data: Buffer) => {
    said += data
    const [, script] = /gdb -x '(.*)'$/m.exec(said) ?? []
    if (script === undefined || gdb) return
    const more = commands.map(each => each.replace('SCRIPT', script)).flatMap(each => ['-ex', each])
    gdb = execa('gdb', ['-nx', '-batch', '-x', script, ...more], {
      all: true,
      timeout: 100_000,
      env: { PATH: `${bin}:${process.env.PATH}` },
    }).then(({ all }) => all)
  })
  const { exitCode, stdout } = await run
  const [, script = ''] = /gdb -x '(.*)'$/m.exec(said) ?? []
  return { status: exitCode, stdout, said, gdb: await gdb, script }
}

test('it stops at a function of a module: lines, variables, callers; then the tests go on', async () => {
  const suite = 'suites/echo/echo.test.ts'
  // As in a fresh clone, for which a module of the cache was built long ago.
  utimesSync(path.join(ownFolder, 'kernel/modules/nlexample/nlexample.c'), new Date(), new Date())
  const { status, gdb, said, script } = await debug(
    ['--break', 'nlex_notify', suite],
    ['backtrace', 'print myvar', 'delete', 'detach'],
  )
  expect(gdb).toMatch(/^Breakpoint 1, nlex_notify \(.*\) at \S*nlexample\.c:\d+\n\d+\t.*;/m)
  expect(gdb).toMatch(/^#[12] .* nl_step \(.*\) at \S*nlexample\.c:\d+$/m)
  expect(gdb).toMatch(/^\$1 = \d+$/m)
  expect(gdb).not.toContain('more recent')
  expect(said).toContain('the guest waits for gdb, with nlexample loaded')
  expect(existsSync(script)).toBe(false)
  expect(status).toBe(0)
})

test.each([
  [['--gdb'], /^error: --gdb is for one test file, and \d+ are asked for: name one of them$/],
  [
    ['--gdb', '--kernel', 'debian-6.1,debian-7.3', 'echo'],
    /^error: --gdb is for one kernel: choose one of deb/,
  ],
  [
    ['--gdb', '--no-isolate', 'suites/hello'],
    /^error: --gdb is for one guest: leave out --watch, --no-isolate/,
  ],
  [
    ['--break', 'a b', 'suites/hello'],
    /^error: --break: a b is neither a function nor FILE:LINE: correct it$/,
  ],
  [
    ['--break', 'x:y', 'suites/hello'],
    /^error: --break: x:y is neither a function nor FILE:LINE: correct it$/,
  ],
  [
    ['--break', 'nlex_notfy', 'suites/hello'],
    /^error: --break: nlex_notfy is in none of .*: did you mean nlex_notify\?.*$/m,
  ],
])('%j is refused', async (args, message) => {
  const { status, stderr } = await runCli(args, { cwd: ownFolder })
  expect(stderr).toMatch(message)
  expect(status).toBe(2)
})
