// SPDX-License-Identifier: MIT
/** ci/gitlab-ci.yml as GitLab runs it: jobs in folders of their own, with caches and artifacts. */
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hostLabel } from '../kernel/provide.ts'
import { cacheRoot } from './base/cache-root.ts'
import { ownFolder } from './base/own-folder.ts'
import { runCli } from './fixtures/cli.ts'
import { debianProgram } from './fixtures/debian-program.ts'

const label = hostLabel()
let folder: string
let project: string
let rsync: string

/** Stands for the installed package. Packs are made from this machine's cache; jobs have caches of their own. */
const command = `#!/bin/sh
[ "$1" != build ] || export XDG_CACHE_HOME=${path.dirname(cacheRoot())}
exec ${ownFolder}/run-vm.sh "$@"
`
const suite = (
  name: string,
  expected: string,
) => `import { loadModule, unloadModule } from 'netlink-vmtest/testing'
import { expect, test } from 'vitest'
test('${name}', () => {
  loadModule('small')
  unloadModule('small')
  expect('${name}').toBe('${expected}')
})
`
const files: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({
    name: 'small',
    type: 'module',
    devDependencies: { 'netlink-vmtest': 'file:tool' },
  }),
  'tool/package.json': JSON.stringify({ name: 'netlink-vmtest', version: '0.0.0', bin: 'netlink-vmtest' }),
  'tool/netlink-vmtest': command,
  'netlink-vmtest.config.ts': `export default { matrix: ['${label}'], modules: 'src' }`,
  'src/Kbuild': 'obj-m := small.o\n',
  'src/small.c': '#include <linux/module.h>\nMODULE_LICENSE("GPL");\n',
  'suites/one.test.ts': suite('one', 'one'),
  'suites/two.test.ts': suite('two', 'two and more'),
  '.gitignore': 'node_modules/\n',
}

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-ci-'))
  project = path.join(folder, 'project')
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(project, name)), { recursive: true })
    writeFileSync(path.join(project, name), content)
  }
  chmodSync(path.join(project, 'tool/netlink-vmtest'), 0o755)
  // Another kernel of the same list only costs time.
  const workflow = readFileSync(path.join(ownFolder, 'ci/gitlab-ci.yml'), 'utf8')
  const edited = workflow.replace(/(&kernels )\[.*\]/, `$1[${label}]`)
  expect(edited).not.toBe(workflow)
  writeFileSync(path.join(project, '.gitlab-ci.yml'), edited)
  const options = { cwd: project, timeout: 60_000 }
  await execa('npm', ['install', '--package-lock-only', '--offline', '--no-audit'], options)
  const locked = 'netlink-vmtest.lock.json'
  cpSync(path.join(ownFolder, locked), path.join(project, locked))
  for (const args of [
    ['init', '-q'],
    ['add', '.'],
    ['commit', '-qm', 'a project'],
  ])
    await execa('git', ['-c', 'user.name=x', '-c', 'user.email=x@localhost', ...args], options)
  rsync = await debianProgram(path.join(folder, 'rsync'), 'rsync')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Of a run's JSON report, without times. */
function outcomeIn(file: string) {
  const { success, numPassedTests, numFailedTests, kernels } = JSON.parse(readFileSync(file, 'utf8'))
  for (const kernel of kernels) {
    kernel.bootTime = 'T'
    const { forked, restored, booted } = kernel.guests
    kernel.guests = forked + restored + booted
    for (const each of kernel.suites) each.duration = 'T'
  }
  return { success, numPassedTests, numFailedTests, kernels }
}

test('two jobs of a kernel from one pack, in parallel, and one report', async () => {
  const gitlab = path.join(ownFolder, 'node_modules/gitlab-ci-local/dist/index.js')
  const { all, exitCode } = await execa(
    process.execPath,
    [gitlab, '--force-shell-executor', '--shell-isolation', '--home', folder],
    {
      cwd: project,
      env: { PATH: `${rsync}:${process.env.PATH}`, NO_COLOR: '1', FORCE_COLOR: undefined, VITEST: undefined },
      all: true,
      reject: false,
      timeout: 400_000,
    },
  )
  // Each job had to make the template: it shares no cache with the other. A step that takes long has more lines.
  const ofTests = all.split('\n').filter(line => /^test: .*> \W*\w/.test(line))
  expect(all.match(/✔ make the template of pack:/g), ofTests.join('\n')).toHaveLength(2)
  expect(all).toMatch(/test: .*1\/2\] .*(one|two)\.test\.ts/)
  expect(all).toMatch(/test: .*2\/2\] .*(one|two)\.test\.ts/)
  expect(exitCode).toBe(1)

  const at = (name: string) => path.join(project, name)
  await runCli(['run', '--kernel', label, '--json', at('single.json')], { cwd: project })
  const merged = outcomeIn(at('report.json'))
  expect(merged).toEqual(outcomeIn(at('single.json')))
  expect(merged).toMatchObject({ numPassedTests: 1, numFailedTests: 1, kernels: [{ label, status: 1 }] })
  expect(readFileSync(at('report.md'), 'utf8')).toContain(`| suite | ${label} |`)
}, 500_000)
