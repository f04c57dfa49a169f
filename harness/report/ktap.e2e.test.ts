// SPDX-License-Identifier: MIT
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type KtapTest, parseKtap } from '../../guest/testing/ktap/parse-ktap.ts'
import { runCli } from '../fixtures/cli.ts'

const files = {
  'a.fixture.ts': `
    import { describe, expect, test } from 'vitest'
    test('passes', () => {})
    describe('group # 1', () => {
      test('fails\\nhere', () => expect({ a: '\\u001b[31m' }).toEqual({ a: 2 }))
      test.skip('is skipped', () => {})
      test.todo('is to come')
    })`,
  'panics.fixture.ts': `
    import { writeFileSync } from 'node:fs'
    import { test } from 'vitest'
    test('crashes', () => writeFileSync('/proc/sysrq-trigger', 'c'))
    test('comes later', () => {})
    test('comes last', () => {})`,
}

/** A result in a line: how, name, directive, subtests. */
function outline({ ok, name, directive, tests }: KtapTest): unknown {
  const line = `${ok ? 'ok' : 'not ok'}: ${name}${directive ? ` (${directive})` : ''}`
  return tests.length === 0 ? line : [line, ...tests.map(outline)]
}

test('files, suites and tests of each kernel; what did not run is told once', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(path.join(folder, 'netlink-vmtest.config.ts'), "export default { suites: ['*.fixture.ts'] }")
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text)
  const labels = 'debian-6.1,tree:/nowhere'
  const { status } = await runCli(['--kernel', labels, '--ktap', 'out/report.ktap'], { cwd: folder })
  expect(status).toBe(1)
  const text = readFileSync(path.join(folder, 'out/report.ktap'), 'utf8')
  const { tests, problems } = parseKtap(text)
  expect(problems).toEqual([])
  expect(tests.map(outline)).toEqual([
    [
      'not ok: debian-6.1 a.fixture.ts',
      'ok: passes',
      ['not ok: group # 1', 'not ok: fails\u240ahere', 'ok: is skipped (SKIP)', 'ok: is to come (TODO)'],
    ],
    [
      'not ok: debian-6.1 panics.fixture.ts',
      'not ok: crashes',
      'not ok: comes later (ERROR)',
      'not ok: comes last (ERROR)',
    ],
    expect.stringMatching(/^not ok: tree:\/nowhere.*\(ERROR\)$/),
  ])
  const [first, panicked, absent] = tests
  expect(first?.tests[1]?.tests[0]?.diagnostics.join('\n')).toMatch(
    /AssertionError: expected(.*\n)+- {3}"a": 2/,
  )
  expect(panicked?.diagnostics).toEqual([expect.stringMatching(/^2 tests not run: kernel panic: sysrq/)])
  expect(panicked?.tests[0]?.diagnostics.join('\n')).toContain('kernel panic')
  expect(absent?.diagnostics.join('\n')).toContain('/nowhere')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f]/)

  const piped = await runCli(['a.fixture', '-t', 'passes', '--ktap', '-'], { cwd: folder })
  expect(piped.status).toBe(0)
  expect(piped.stdout).toMatch(/^KTAP version 2\n1\.\.1\n {2}KTAP version 2\n/)
  expect(parseKtap(piped.stdout).problems).toEqual([])
  expect(piped.stderr).toMatch(/debian-6\.1 .*: 1 file, tests 1 passed/)
})
