// SPDX-License-Identifier: MIT
/** One report of several runs, beside that of one run of everything. */
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hostLabel } from '../../kernel/provide.ts'
import { ownFolder } from '../base/own-folder.ts'
import { type CliResult, fixtureProject, runCli } from '../fixtures/cli.ts'

/** The label of a kernel that will never exist. */
const nobodys = 'debian-99.9'
const kernels = [hostLabel(), 'debian-5.10', nobodys]

let folder: string
const at = (...names: string[]) => path.join(folder, ...names)

/** A file that fails, and then crashes the kernel. */
const ends = `import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
test('fails', () => {
  expect({ type: 16 }).toEqual({ type: 17 })
})
test.skip('skipped', () => {})
test('panics', () => writeFileSync('/proc/sysrq-trigger', 'c'))
test('after', () => {})
`

/** A project with that file and one that passes, in a folder of this name. */
function makeProject(name: string): void {
  for (const file of ['passes.fixture.ts', '__snapshots__'])
    cpSync(path.join(fixtureProject, file), at(name, file), { recursive: true })
  writeFileSync(at(name, 'ends.fixture.ts'), ends)
  const config = `export default { suites: ['*.fixture.ts'], matrix: ${JSON.stringify(kernels)} }`
  writeFileSync(at(name, 'netlink-vmtest.config.ts'), config)
}

const run = (project: string, ...args: string[]) => runCli(['run', ...args], { cwd: at(project) })
const shard = (project: string, kernel: string, share: string, ...args: string[]) =>
  run(
    project,
    ...['--kernel', kernel, '--shard', share, '--reporter=default', '--reporter=blob'],
    ...[`--outputFile.blob=${at('blobs', kernel, `${share.replace('/', '-')}.json`)}`, ...args],
  )
const reports = (name: string) =>
  ['json', 'junit', 'markdown'].flatMap(it => [`--${it}`, at(`${name}.${it}`)])
/** On a machine without any program. */
const merge = (...args: string[]) =>
  runCli(['merge', ...args], { cwd: at('one'), env: { PATH: at('empty') } })

async function inTurn(runs: readonly (() => Promise<CliResult>)[]): Promise<CliResult[]> {
  const results: CliResult[] = []
  for (const run of runs) results.push(await run())
  return results
}

let single: CliResult
const shards: CliResult[] = []
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-merge-e2e-'))
  for (const name of ['empty', 'tools']) mkdirSync(at(name))
  for (const project of ['one', 'other']) makeProject(project)
  single = await run('one', '--matrix', ...reports('single'))
  const [first = '', second = ''] = kernels
  // Another folder, as on another machine, and more shards than files.
  const [here, elsewhere] = await Promise.all([
    inTurn(['1/2', '2/2'].map(share => () => shard('one', first, share))),
    inTurn([
      ...['1/3', '2/3', '3/3'].map(share => () => shard('other', second, share)),
      () => shard('other', nobodys, '1/1'),
    ]),
  ])
  shards.push(...here, ...elsewhere)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A copy of the blobs to be spoilt. */
function copyOfBlobs(name: string): string {
  cpSync(at('blobs'), at(name), { recursive: true })
  return at(name)
}

const withoutTimes = (text: string) =>
  text
    .replaceAll(/\b\d+(?:\.\d+ s| ms)\b/g, 'T')
    .replaceAll(/; \d+ guests forked(?:, \d+ (?:restored|booted))*/g, '')
    .replaceAll(/ (time|timestamp)="[^"]*"/g, '')
    .replaceAll(/ +/g, ' ')
/** Without what a crashed kernel has said, which is not the same twice. */
const withoutConsole = (text: string) => text.replaceAll(/console:[\s\S]*?(?=evidence:)/g, '')
const tableOf = ({ stdout }: CliResult) => withoutTimes(stdout.slice(stdout.lastIndexOf('\nsuite ')))

function kernelsIn(file: string) {
  const { kernels, success, snapshot, ...report } = JSON.parse(readFileSync(file, 'utf8'))
  for (const kernel of kernels) {
    kernel.bootTime &&= 'T'
    // How they came to be depends on how many a run has.
    const { forked, restored, booted } = kernel.guests
    kernel.guests = forked + restored + booted
    for (const suite of kernel.suites) suite.duration = 'T'
  }
  const { numTotalTests, numPassedTests, numFailedTests, numPendingTests } = report
  const counts = { numTotalTests, numPassedTests, numFailedTests, numPendingTests }
  const names = report.testResults.map(({ name }: { name: string }) => name).sort()
  return { kernels, success, snapshot, counts, names }
}

/** Suites, tests, failures and output in a JUnit report, without what a crashed kernel said. */
function casesIn(file: string): string[] {
  const suites = withoutTimes(readFileSync(file, 'utf8')).split('<testsuite ').slice(1)
  return suites.map(suite => withoutConsole(suite).replaceAll('</testsuites>', '').trim()).sort()
}

test('table, JSON, JUnit, Markdown and status are those of one run of everything', async () => {
  const merged = await merge(at('blobs'), '--matrix', ...reports('merged'))
  expect(tableOf(merged)).toBe(tableOf(single))
  // The configuration has an order, too.
  expect(tableOf(await merge(at('blobs')))).toBe(tableOf(single))
  expect(kernelsIn(at('merged.json'))).toEqual(kernelsIn(at('single.json')))
  expect(kernelsIn(at('merged.json')).kernels).toHaveLength(3)
  expect(casesIn(at('merged.junit'))).toEqual(casesIn(at('single.junit')))
  expect(casesIn(at('merged.junit'))).toHaveLength(6)
  const markdown = (name: string) =>
    withoutConsole(withoutTimes(readFileSync(at(`${name}.markdown`), 'utf8')))
  expect(markdown('merged')).toBe(markdown('single'))
  expect([merged.status, single.status]).toEqual([1, 1])
  // The failing line is found in this folder, wherever it ran.
  expect(merged.stdout.match(/ends\.fixture\.ts:4:24\n.*\n.*\n +4\| {3}expect/g)).toHaveLength(2)
})

test('a shard without files passes, and a kernel that is not available has its blob', () => {
  const empty = shards.filter(({ stderr }) => /shard 3\/3 has no file: there are only 2/.test(stderr))
  expect(empty.map(({ status }) => status)).toEqual([0])
  expect(shards.at(-1)).toMatchObject({
    status: 2,
    stdout: expect.stringContaining(`${nobodys}: did not run: no ${nobodys} in Debian's archive`),
  })
})

test('a shard that is missing is named, and is no pass', async () => {
  const blobs = copyOfBlobs('missing')
  const [passing] = globSync(`${kernels[1]}/*.json`, { cwd: blobs }).filter(file =>
    readFileSync(path.join(blobs, file), 'utf8').includes('passes.fixture.ts'),
  )
  for (const file of globSync('**/*.json', { cwd: blobs }))
    if (file !== passing) rmSync(path.join(blobs, file))
  const { status, stdout } = await merge(blobs, '--json', at('missing.json'))
  expect(stdout).toMatch(
    /^debian-5\.10 \(.*1 file, tests 4 passed, .*; shard \d\/3 is missing, shard \d\/3 is missing$/m,
  )
  expect(status).toBe(3)
  expect(JSON.parse(readFileSync(at('missing.json'), 'utf8'))).toMatchObject({
    success: false,
    kernels: [{ incomplete: expect.stringContaining('is missing'), status: 3 }],
  })
  // And a kernel of which there is none.
  const { stdout: all } = await merge(blobs, '--matrix')
  expect(all).toContain(`${kernels[0]}: did not run: no blob in ${blobs} has it`)
})

test('what cannot be merged is named, file by file', async () => {
  const blobs = copyOfBlobs('bad')
  const [first = '', second = '', third = '', fourth = '', fifth = ''] = globSync('**/*.json', { cwd: blobs })
    .sort()
    .map(file => path.join(blobs, file))
  const text = readFileSync(first, 'utf8')
  writeFileSync(first, text.slice(0, text.length / 2))
  const edit = (file: string, from: RegExp, to: string) => {
    const before = readFileSync(file, 'utf8')
    expect(before).toMatch(from)
    writeFileSync(file, before.replace(from, to))
  }
  edit(second, /"5\.\d+\.\d+"/, '"5.0.0"')
  edit(third, /\\"version\\":\\"[^"]*\\"/, '\\"version\\":\\"0.0.0\\"')
  edit(fourth, /,"\d+"\],/, '],')
  edit(fifth, /\\"kernels\\"/, '\\"seeds\\"')
  writeFileSync(path.join(blobs, 'notes.txt'), 'of somebody')
  writeFileSync(path.join(blobs, 'empty'), '')
  execFileSync('mkfifo', [path.join(blobs, 'pipe')])
  const { status, stdout, stderr } = await merge(blobs)
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  expect(stderr).toContain(`${first}: the file is damaged or cut short: have its job write it anew`)
  expect(stderr).toContain(`${second}: Vitest 5.0.0 wrote it, and this is `)
  expect(stderr).toContain(`${third}: netlink-vmtest 0.0.0 wrote it, and this is `)
  expect(stderr).toContain(`${fourth}: it has no record of its kernels: netlink-vmtest did not write it`)
  expect(stderr).toContain(`${fifth}: its record of kernels is damaged: have its job write it anew`)
  expect(stderr).toContain('notes.txt: it is no blob: keep only what --reporter=blob writes there')
  expect(stderr).toContain('pipe: it is no regular file: keep only blobs there')
  expect(stderr).toContain('empty: the file is damaged or cut short')
  expect(stderr).toContain(`error: cannot merge ${blobs}: it has 8 problems`)
})

test('run-vm.sh installs nothing for it: no QEMU, no compiler', async () => {
  const tools = ['dirname', 'readlink', 'cmp', 'grep', 'cp', 'mv', 'rm', 'mkdir', 'flock', 'tr']
  for (const tool of tools)
    symlinkSync(execFileSync('which', [tool], { encoding: 'utf8' }).trim(), at('tools', tool))
  const options = { cwd: at('one'), env: { PATH: at('tools') }, reject: false }
  const { stdout, stderr, exitCode } = await execa(
    path.join(ownFolder, 'run-vm.sh'),
    ['merge', at('blobs')],
    options,
  )
  expect(stderr).toBe('')
  expect(stdout).toContain(`${nobodys}: did not run: `)
  expect(exitCode).toBe(1)
})

test('a shard twice, and a reporter of the user', async () => {
  const blobs = copyOfBlobs('twice')
  cpSync(path.join(blobs, nobodys, '1-1.json'), path.join(blobs, 'again.json'))
  const { status, stderr } = await merge(blobs)
  expect(stderr).toContain(`shard 1/1 of ${nobodys} is in `)
  expect(status).toBe(2)
  const dots = await merge(at('blobs'), '--reporter=tap')
  expect(dots.stdout).toContain('TAP version 13')
  expect(dots.status).toBe(1)
})

test('a name that no shard has, and a kernel without any file, are no pass', async () => {
  const ofHost = (project: string, ...args: string[]) =>
    run(
      project,
      '--kernel',
      hostLabel(),
      '--reporter=blob',
      `--outputFile=${at(args.join(), 'a.json')}`,
      ...args,
    )
  const named = ['passes', '--shard=1/1', '-t=nobody has it']
  const [unnamed, empty] = await Promise.all([ofHost('one', ...named), ofHost('other', 'nothing')])
  expect([unnamed.status, empty.status]).toEqual([0, 2])

  const merged = await merge(at(named.join()))
  expect(merged.stderr).toContain("error: no test's name matches nobody has it")
  expect(merged.status).toBe(2)
  expect((await merge(at(named.join()), '--passWithNoTests')).status).toBe(0)

  const without = await merge(at('nothing'))
  expect(without.stderr).toContain(`error: no test file ran on ${hostLabel()}`)
  expect(without.status).toBe(2)
})

test('a blob that Vitest cannot read is no half of a report', async () => {
  const blobs = copyOfBlobs('broken')
  const file = path.join(blobs, nobodys, '1-1.json')
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll('"tasks":', '"tusks":'))
  const { status, stderr, stdout } = await merge(blobs)
  expect(stderr).toContain(`error: Vitest cannot merge ${blobs}: its own words are above`)
  expect({ status, table: stdout.includes('\nsuite ') }).toEqual({ status: 3, table: false })
})

test('--merge-reports names what does it, and kernels --matrix what there is to do', async () => {
  const { status, stderr } = await run('one', '--merge-reports')
  expect(stderr).toMatch(/--mergeReports has no place here: .* merge DIR makes one report/)
  expect(status).toBe(2)
  const { stdout } = await runCli(['kernels', '--matrix', '--json'], { cwd: at('one') })
  expect(stdout).toBe(JSON.stringify(kernels))
  const lines = await runCli(['kernels', '--matrix'], { cwd: at('one') })
  expect(lines.stdout.split('\n')).toEqual(kernels)
})
