// SPDX-License-Identifier: MIT
/** What reports for others say of a run in which much has failed. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hostLabel } from '../../kernel/provide.ts'
import { type CliResult, runCli } from '../fixtures/cli.ts'

const files = {
  'a.fixture.ts': `
import { writeFileSync } from 'node:fs'
import { loadModule } from 'netlink-vmtest/testing'
import { beforeAll, describe, expect, test } from 'vitest'
beforeAll(() => loadModule('faults'))
test('passes', () => {})
test('warns', () => writeFileSync('/proc/faults', 'warn'))
describe('a | table', () => {
  test('fails: 100 %, \`really\`', async ({ annotate }) => {
    await annotate('seen <b>here</b>', 'notice')
    expect({ a: '\\u001b[31m\\u0000]]>' }).toEqual({ a: '<script>' })
  })
})
test.for([1, 2])('the same name', () => {
  console.log('said\\u0001 &amp;')
})
test.skip('is skipped', () => {})
test.todo('is to come')`,
  'panics.fixture.ts': `
import { writeFileSync } from 'node:fs'
import { test } from 'vitest'
test('crashes', () => writeFileSync('/proc/sysrq-trigger', 'c'))
test('comes later', () => {})
test('comes last', () => {})`,
}

const label = hostLabel()
const here = path.resolve(import.meta.dirname, '../fixtures/faults-module')
let folder: string
let project: string
let result: CliResult

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  project = path.join(folder, 'net')
  mkdirSync(project)
  cpSync(here, path.join(folder, 'module'), { recursive: true })
  const config = "export default { suites: ['*.fixture.ts'], modules: '../module' }"
  writeFileSync(path.join(project, 'netlink-vmtest.config.ts'), config)
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(project, name), text)
  result = await runCli([], {
    cwd: project,
    env: {
      GITHUB_ACTIONS: 'true',
      GITHUB_WORKSPACE: folder,
      GITHUB_STEP_SUMMARY: path.join(folder, 'steps'),
    },
  })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('GitHub shows failures beside the lines of suites and modules, the worst first, each once', () => {
  const commands = result.stdout.split('\n').filter(line => line.startsWith('::'))
  const source = readFileSync(path.join(here, 'faults.c'), 'utf8').split('\n')
  const warning = source.findIndex(line => line.includes('a warning with the number')) + 1
  expect(commands).toEqual([
    expect.stringMatching(/^::notice file=.*net\/a\.fixture\.ts,line=10,column=\d+::seen <b>here<\/b>$/),
    expect.stringMatching(
      `^::error file=net/panics\\.fixture\\.ts,line=4,col=\\d+,title=\\[${label}\\] panics\\.fixture\\.ts > crashes::GuestLost: kernel panic: sysrq`,
    ),
    expect.stringMatching(
      `^::error file=module/faults\\.c,line=${warning},title=\\[${label}\\] a\\.fixture\\.ts > warns::KernelSplat: WARN: faults: a warning`,
    ),
    expect.stringMatching(
      /^::error file=net\/a\.fixture\.ts,line=11,col=\d+,title=.* > a \| table > fails%3A 100 %25%2C `really`::AssertionError: expected .*%0A- {3}"a": "<script>"/,
    ),
  ])
  expect(result.status).toBe(1)
})

test('a module that does not build is shown at its line, on one kernel and on several', async () => {
  const broken = path.join(folder, 'broken')
  mkdirSync(broken)
  writeFileSync(path.join(broken, 'Kbuild'), 'obj-m := broken.o\n')
  writeFileSync(path.join(broken, 'broken.c'), '#include <linux/module.h>\n\nvoid f(void) { x = 1; }\n')
  const env = { GITHUB_ACTIONS: 'true', GITHUB_WORKSPACE: folder }
  const run = (...kernels: string[]) =>
    runCli(['--modules', '../broken', '--kernel', kernels.join(), 'panics'], { cwd: project, env })
  const commands = ({ stdout, stderr }: CliResult) => (stdout + stderr).match(/^::.*/gm)
  const error = (title: string) =>
    expect.stringMatching(`^::error file=broken/broken\\.c,line=3,col=\\d+,title=${title}::.x. undeclared`)
  const one = await run(label)
  expect([one.status, commands(one)]).toEqual([1, [error('does not compile')]])
  const two = await run(label, 'debian-5.10')
  expect([two.status, commands(two)]).toEqual([1, [error('does not compile')]])
})
