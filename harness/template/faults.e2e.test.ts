// SPDX-License-Identifier: MIT
/** Real faults around templates, as users of the command line meet them. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { hostLabel } from '../../kernel/provide.ts'
import { cacheRoot } from '../base/cache-root.ts'
import { ownFolder } from '../base/own-folder.ts'
import { runCli, startCli } from '../fixtures/cli.ts'
import { qemusOf } from '../fixtures/processes.ts'

beforeAll(async () => {
  await runCli(['build', '--kernel', hostLabel()])
})

/** A cache with everything but templates, so that these tests build and damage only their own. */
let cache: string
beforeEach(() => {
  cache = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-cache-'))
  onTestFinished(() => rmSync(cache, { recursive: true, force: true }))
  mkdirSync(path.join(cache, 'netlink-vmtest'))
  shareAllButTemplates()
})

function shareAllButTemplates(): void {
  const root = path.join(cache, 'netlink-vmtest')
  for (const kind of ['apt', 'kernels', 'images', 'inputs', 'modules', 'verdicts'])
    symlinkSync(path.join(cacheRoot(), kind), path.join(root, kind))
}
const templates = () => readdirSync(path.join(cache, 'netlink-vmtest/templates'))
// A step that takes long has lines of its own: ended ones count.
const builds = (stderr: string) => stderr.match(/✔ make the template/g)?.length ?? 0

test('two runs at once on a cold cache: one builds the template, both use it', async () => {
  const runs = await Promise.all([1, 2].map(() => runCli(['passes'], { env: { XDG_CACHE_HOME: cache } })))
  for (const { status, stdout } of runs) {
    expect(stdout).toContain('tests 4 passed')
    expect(status).toBe(0)
  }
  expect(builds(runs.map(run => run.stderr).join(''))).toBe(1)
  expect(templates()).toHaveLength(1)
})

test('a run that is killed while it saves: no QEMU stays, and the next run builds', async () => {
  const first = startCli(['passes'], { env: { XDG_CACHE_HOME: cache } })
  while (qemusOf(first.pid as number).length === 0) await new Promise(resolve => setImmediate(resolve))
  first.kill('SIGKILL')
  await first
  const second = await runCli(['passes'], { env: { XDG_CACHE_HOME: cache } })
  expect(builds(second.stderr)).toBe(1)
  expect(second.status).toBe(0)
  expect(templates()).toHaveLength(1)
  expect(readdirSync(path.join(cache, 'netlink-vmtest/drafts'))).toEqual([])
})

test('no room for a template: the run goes on by cold boots, and says so once', async () => {
  const disk = path.join(cache, 'netlink-vmtest')
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', disk])
  onTestFinished(() => void execFileSync('umount', ['-l', disk]))
  shareAllButTemplates()
  const { status, stdout, stderr } = await runCli(['passes', 'identity'], { env: { XDG_CACHE_HOME: cache } })
  expect(stderr.match(/no template for .*: each file gets a cold boot/g)).toHaveLength(1)
  expect(stdout).toContain('tests 6 passed')
  expect(status).toBe(0)
})

test('another checkout of the same files uses the same template', async () => {
  const checkout = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-checkout-'))
  onTestFinished(() => rmSync(checkout, { recursive: true, force: true }))
  for (const name of ['harness', 'guest', 'kernel', 'images', 'package.json'])
    cpSync(path.join(ownFolder, name), path.join(checkout, name), { recursive: true })
  // Bundles name the files of packages relative to the checkout: it has its own. Links, where they are possible.
  const copy = (how: string) => ['cp', how, path.join(ownFolder, 'node_modules'), checkout].join(' ')
  execFileSync('sh', ['-c', `${copy('-al')} 2>/dev/null || ${copy('-a')}`])
  const first = await runCli(['passes'], { env: { XDG_CACHE_HOME: cache } })
  expect(builds(first.stderr)).toBe(1)
  const second = await runCli(['passes'], { env: { XDG_CACHE_HOME: cache }, checkout })
  expect(builds(second.stderr)).toBe(0)
  expect(second.stdout).toContain('tests 4 passed')
})

test('a guest that freezes right after its restore is named for it, and its file fails', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(
    path.join(folder, 'netlink-vmtest.config.ts'),
    "export default { suites: ['*.test.ts'], testTimeout: 60000 }",
  )
  // Stops all processes of the guest, the agent too: it becomes silent.
  writeFileSync(
    path.join(folder, 'freeze.test.ts'),
    "import { readdirSync } from 'node:fs'\nimport { test } from 'vitest'\ntest('freezes', () => {\n  for (const pid of readdirSync('/proc').map(Number).filter(pid => pid > 1 && pid !== process.pid))\n    try { process.kill(pid, 'SIGSTOP') } catch {}\n  process.kill(process.pid, 'SIGSTOP')\n})\n",
  )
  const { status, stdout } = await runCli([], { cwd: folder })
  expect(stdout).toContain('GuestLost: the guest froze: nothing in it has answered for 10 s')
  expect(status).toBe(1)
})
