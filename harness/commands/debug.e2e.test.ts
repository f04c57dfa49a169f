// SPDX-License-Identifier: MIT
/** `run --debug` at a terminal, which script(1) makes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterAll, expect, test } from 'vitest'
import { ownFolder } from '../base/own-folder.ts'
import { runCli } from '../fixtures/cli.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
afterAll(() => rmSync(folder, { recursive: true }))

writeFileSync(
  path.join(folder, 'netlink-vmtest.config.ts'),
  "export default { suites: ['*.fixture.ts'], testTimeout: 2_000, fileTimeout: 20_000 }",
)
writeFileSync(
  path.join(folder, 'fails.fixture.ts'),
  `import { rmSync, writeFileSync } from 'node:fs'
   import { afterEach, expect, test } from 'vitest'
   afterEach(() => rmSync('/tmp/left', { force: true }))
   test.fails('wanted to fail', () => expect(0).toBe(1))
   test('wanted passes', () => {})
   test('another', () => expect(0).toBe(1))
   test('wanted fails', () => {
     writeFileSync('/tmp/left', 'by the test')
     expect({ type: 16 }).toEqual({ type: 17 })
   })
   test('wanted comes later', () => {})`,
)

test('a shell in the guest of the failed test, with what it has left; then the run ends as it would', async () => {
  const cli = path.join(ownFolder, 'harness/cli.ts')
  const run = execa(
    'script',
    ['-qefc', `${process.execPath} ${cli} --debug wanted fails.fixture`, '/dev/null'],
    {
      cwd: folder,
      reject: false,
      timeout: 170_000,
      all: true,
      env: { NO_COLOR: '1', CI: undefined, VITEST: undefined },
    },
  )
  let all = ''
  let output = ''
  run.all.on('data', data => {
    all += String(data)
    output += String(data)
  })
  const said = async (text: string) => {
    await expect.poll(() => output, { timeout: 150_000 }).toContain(text)
    output = output.slice(output.indexOf(text) + text.length)
  }
  await said('evidence of fails.fixture.ts')
  await said('wanted fails has failed')
  await said('AssertionError: expected { type: 16 } to deeply equal { type: 17 }')
  await said('A shell in its guest; exit or Ctrl-D ends it')
  await said('# ')
  const evidence = path.join(folder, '.netlink-vmtest/debian-6.1/fails.fixture.ts')
  expect(readFileSync(path.join(evidence, 'rerun.sh'), 'utf8')).toContain('fails.fixture.ts')
  run.stdin.write('cat /tmp/left; echo; readlink /proc/self/fd/0\r')
  await said('by the test')
  await said('/dev/pts/0')
  run.stdin.write('exit 9\r')
  expect((await run).exitCode).toBe(1)
  expect(output).toMatch(/1 failed.*1 passed/)
  expect(all.match(/A shell in its guest/g)).toHaveLength(1)
})

test.each([
  [
    ['--debug', '--gdb', 'fails'],
    /^error: --debug and --gdb want the guest for themselves: leave one of them out/,
  ],
  [
    ['--debug', '--break', 'nlex_notify', 'fails'],
    /^error: --debug and --break want the guest for themselves/,
  ],
  [
    ['fails', '--debug'],
    /^error: --debug opens a shell and needs a terminal: elsewhere there is the evidence of/,
  ],
])('%j is refused', async (args, message) => {
  const { status, stderr } = await runCli(args, { cwd: folder })
  expect(stderr).toMatch(message)
  expect(status).toBe(2)
})
