// SPDX-License-Identifier: MIT
/** Pruning beside current runs, in a cache of its own. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { knownKernels } from '../../kernel/cached.ts'
import { hostLabel } from '../../kernel/provide.ts'
import { cacheRoot } from '../base/cache-root.ts'
import { runCli, startCli } from '../fixtures/cli.ts'

let folder: string
const within = (...names: string[]) => path.join(folder, 'netlink-vmtest', ...names)
beforeAll(async () => {
  expect((await runCli(['build', '--kernel', hostLabel()])).status).toBe(0)
  folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  mkdirSync(within('kernels'), { recursive: true })
  const own = knownKernels().find(({ label }) => label === hostLabel())
  for (const kernel of own?.folders ?? []) cpSync(kernel, within('kernels', path.basename(kernel)), copied)
  cpSync(path.join(cacheRoot(), 'apt'), within('apt'), copied)
  // A host without /dev/kvm has tried none.
  const verdicts = path.join(cacheRoot(), 'verdicts')
  if (existsSync(verdicts)) cpSync(verdicts, within('verdicts'), copied)
})
afterAll(() => rmSync(folder, { recursive: true }))
const copied = { recursive: true, verbatimSymlinks: true, preserveTimestamps: true }

const env = () => ({ XDG_CACHE_HOME: folder })
const prune = (days: number, gigabytes: number) =>
  runCli(['kernels', 'prune', '--days', String(days), '--gigabytes', String(gigabytes)], { env: env() })
const list = (kind: string) => {
  try {
    return readdirSync(within(kind))
  } catch {
    return []
  }
}

/** Starts a run and waits until it makes its template. */
async function makingTemplate() {
  const run = startCli(['passes'], { env: env() })
  await expect
    .poll(() => list('drafts').filter(name => name.startsWith('templates-')).length, { timeout: 120_000 })
    .toBe(1)
  return { run }
}

test('a draft that a signal ended goes; what another run uses or makes stays, and both end well', async () => {
  const { run: ended } = await makingTemplate()
  ended.kill('SIGTERM')
  expect((await ended).exitCode).toBe(143)
  expect((await prune(400, 1000)).stdout).toMatch(/^removed 1 entries, \d+ MB$/)
  expect(list('drafts')).toEqual([])

  const { run } = await makingTemplate()
  const pruned = await prune(0, 0)
  expect(pruned).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/; \d+ are in use and stay, \d+ MB$/),
  })
  expect(list('kernels')).toHaveLength(1)
  const { exitCode, stdout } = await run
  expect(stdout).toContain('tests 4 passed, 0 failed')
  expect(exitCode).toBe(0)

  expect((await prune(0, 0)).stdout).not.toContain('in use')
  expect([list('kernels'), list('templates'), list('drafts'), list('leases')]).toEqual([[], [], [], []])
})
