// SPDX-License-Identifier: MIT
/** What reports for others say of a run in which much has failed. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hostLabel } from '../../kernel/provide.ts'
import { type CliResult, runCli } from '../fixtures/cli.ts'
import { debianProgram } from '../fixtures/debian-program.ts'

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
  result = await runCli(['--junit', 'out/junit.xml', '--markdown', '../steps', '--json', 'out/report.json'], {
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

test("a job's summary has the answer, the table, and failures with what they show, folded", () => {
  const summary = readFileSync(path.join(folder, 'steps'), 'utf8')
  expect(summary).toMatch(
    new RegExp(
      `^\\*\\*✗ failed: tests 3 failed, 2 not run, 3 passed, 2 skipped in 2 failed files on ${label}\\*\\*\n\n\\| suite`,
    ),
  )
  expect(summary.match(/<summary>.*<\/summary>/g)).toEqual([
    `<summary>${label}: panics.fixture.ts &gt; crashes: GuestLost</summary>`,
    `<summary>${label}: a.fixture.ts &gt; warns: KernelSplat</summary>`,
    `<summary>${label}: a.fixture.ts &gt; a | table &gt; fails: 100 %, \`really\`: AssertionError</summary>`,
  ])
  expect(summary).toMatch(/```text\nAssertionError: .*\n\n(.*\n)*- {3}"a": "<script>",\n/)
  expect(summary).toMatch(/\n- .*panics\.fixture\.ts: 2 tests not run: kernel panic: sysrq/)
  // The same for programs, once for each file.
  const { kernels } = JSON.parse(readFileSync(path.join(project, 'out/report.json'), 'utf8'))
  expect(kernels[0].suites.map(({ note }: { note?: string }) => note)).toEqual([
    undefined,
    expect.stringMatching(/^2 tests not run: kernel panic: sysrq/),
  ])
})

test('the terminal says once why tests did not run', () => {
  expect(result.stdout).toMatch(/× crashes .*\n {3}↓ 2 tests not run: kernel panic: sysrq triggered crash\n/)
  expect(result.stdout.match(/not run/g)).toHaveLength(2)
  expect(result.stdout).toMatch(/: 2 files .*, 2 not run;/)
})

test('JUnit has all of it, for Jenkins and for GitLab', async () => {
  const bin = await debianProgram(mkdtempSync(path.join(folder, 'xmllint-')), 'xmllint', 'libxml2-utils')
  const file = path.join(project, 'out/junit.xml')
  const lint = (...args: string[]) =>
    execa('xmllint', args, { env: { PATH: `${bin}:${process.env.PATH}` }, timeout: 20_000 })
  await lint('--noout', '--relaxng', path.join(import.meta.dirname, '../fixtures/jenkins-junit.rng'), file)
  /** What a reader of the file gets for an XPath. */
  const at = async (xpath: string) => (await lint('--xpath', xpath, file)).stdout
  const names = async (suite: string) =>
    Array.from(
      (await at(`//testsuite[@file="${suite}"]/testcase/@name`)).matchAll(/name="(.*)"/g),
      it => it[1],
    )
  expect(await names('a.fixture.ts')).toEqual([
    'passes',
    'warns',
    'a | table &gt; fails: 100 %, `really`',
    'the same name',
    'the same name (2)',
    'is skipped',
    'is to come',
  ])
  expect(await names('panics.fixture.ts')).toEqual(['crashes', 'comes later', 'comes last'])
  expect(await at('string(//testcase[@name="warns"]/@classname)')).toBe(`${label} a.fixture.ts`)
  const counts = (suite: string) =>
    `concat(${['tests', 'failures', 'errors', 'skipped'].map(it => `//testsuite[@file="${suite}"]/@${it}`).join(', " ", ')})`
  expect(await at('concat(//testsuite[1]/@name, " ", //testsuite[2]/@name)')).toBe(
    `${label} a.fixture.ts ${label} panics.fixture.ts`,
  )
  for (const [suite, expected] of [
    ['a.fixture.ts', '7 2 0 2'],
    ['panics.fixture.ts', '3 1 0 2'],
  ] as const)
    expect(await at(counts(suite))).toBe(expected)
  // The kernel log of a test, output with what XML forbids, a difference, and why tests did not run, once.
  expect(await at('string(//testcase[@name="warns"]/system-out)')).toMatch(
    /^kernel log:\n\[ *\d+\.\d+\] -+\[ cut here(.*\n)*.*faults: a warning with the number/,
  )
  expect(await at('string(//testcase[@name="passes"]/system-out)')).toBe('')
  expect(await at('string(//testcase[@name="the same name (2)"]/system-out)')).toBe('said\u2401 &amp;\n')
  const failure = '//testcase[contains(@name, "really")]/failure'
  expect(await at(`string(${failure})`)).toMatch(/- {3}"a": "<script>",\n\+ {3}"a": ".*]]>"/)
  expect(await at(`string(//testcase[contains(@name, "really")]/system-out)`)).toMatch(
    /^notice: seen <b>here<\/b> \(a\.fixture\.ts:10\)$/,
  )
  expect(await at('string(//testcase[@name="crashes"]/failure/@message)')).toMatch(/^kernel panic: sysrq.*$/)
  expect(await at('string(//testcase[@name="crashes"]/failure)')).toMatch(
    /kernel panic: sysrq(.*\n)+console:\n/,
  )
  expect(await at('string(//testcase[@name="comes last"]/skipped/@message)')).toBe('not run')
  expect(await at('string(//testsuite[@file="panics.fixture.ts"]/system-err)')).toMatch(
    /^2 tests not run: kernel panic: sysrq/,
  )
})

test("Vitest's own reporters show tests in guests, all at once", async () => {
  const names = [
    ...['verbose', 'tree', 'dot', 'tap', 'tap-flat', 'minimal', 'agent', 'hanging-process'],
    ...['json', 'junit', 'blob', 'github-actions'],
  ]
  const files = ['json', 'junit', 'blob'].map(name => `--outputFile.${name}=theirs/${name}/report`)
  const { status, stdout } = await runCli(
    ['a.fixture', '-t', 'fails|same name', ...names.map(name => `--reporter=${name}`), ...files],
    { cwd: project },
  )
  expect(status).toBe(1)
  const name = 'fails: 100 %, `really`'
  for (const shown of [
    ` × |${label}| a.fixture.ts:9 > a | table > ${name} `,
    `     × ${name} `,
    `not ok 1 - a.fixture.ts # time=`,
    `        not ok 1 - ${name} # time=`,
    `\nnot ok 3 - a.fixture.ts > a | table > ${name} # time=`,
    `AssertionError: expected { a:`,
  ])
    expect(stdout).toContain(shown)
  expect(stdout).toMatch(/^[-x·]+$/m)
  expect(stdout.match(/^TAP version 13$/gm)).toHaveLength(2)
  // Ours in place of theirs.
  expect(stdout.match(/^::error .*/gm)).toEqual([expect.stringContaining('line=11,col=')])
  const read = (reporter: string) => readFileSync(path.join(project, 'theirs', reporter, 'report'), 'utf8')
  expect(JSON.parse(read('json'))).toMatchObject({ numFailedTests: 1, numPassedTests: 2, success: false })
  expect(read('junit')).toMatch(/<testsuites name="vitest tests" tests="7" failures="1"/)
  const merged = await runCli(['merge', 'theirs/blob'], { cwd: project })
  expect(merged.stdout).toMatch(/× fails: 100 %.*(.*\n)*.*1 file \(1 failed\), tests 2 passed, 1 failed/)
})

test('a run that comes to nothing leaves no report of an earlier one', async () => {
  const wrong = path.join(folder, 'wrong')
  mkdirSync(wrong)
  writeFileSync(path.join(wrong, 'netlink-vmtest.config.ts'), 'export default { kernel: 1 }')
  for (const file of ['a.xml', 'b.json']) writeFileSync(path.join(wrong, file), 'of an earlier run')
  const { status } = await runCli(['--junit', 'a.xml', '--json', 'b.json'], { cwd: wrong })
  expect(status).toBe(2)
  expect(readdirSync(wrong)).toEqual(['netlink-vmtest.config.ts'])
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
  // Reports have it as well, and nothing of an earlier run.
  const reports = ['junit', 'json', 'ktap', 'markdown', 'html']
  for (const report of reports) writeFileSync(path.join(project, report), 'of an earlier run')
  const reported = await runCli(
    ['--modules', '../broken', '--kernel', label, ...reports.flatMap(report => [`--${report}`, report])],
    { cwd: project },
  )
  expect([reported.status, reported.stderr.match(/^error: .*/gm)?.length]).toEqual([1, 1])
  for (const report of reports) {
    const text = readFileSync(path.join(project, report), 'utf8')
    expect(text, report).not.toContain('of an earlier run')
    expect(text, report).toMatch(/broken does not build for(.|\n)*broken\.c:3:\d+: error: .x. undeclared/)
  }
  const two = await run(label, 'debian-5.10')
  expect([two.status, commands(two)]).toEqual([1, [error('does not compile')]])
})
