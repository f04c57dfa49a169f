// SPDX-License-Identifier: MIT
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test, vi } from 'vitest'
import { type Progress, silentProgress } from '../harness/base/progress.ts'
import { startCli } from '../harness/fixtures/cli.ts'
import { buildModules } from './build/build-modules.ts'
import { debianLabels } from './debian/series.ts'
import { provideKernel } from './provide.ts'

// Downloads kernels the first time; later they are cached. Building one from source takes minutes: CI's
// matrix does that after the tests.

const ours = path.join(import.meta.dirname, 'modules')

test.each(debianLabels)('%s: fetched, and our modules build for it without a warning', async label => {
  const kernel = await provideKernel(label, { progress: silentProgress })
  expect(kernel.release).toMatch(`${label.replace('debian-', '')}.`)
  const notes: string[] = []
  const progress: Progress = { step: silentProgress.step, note: line => notes.push(line) }
  const modules = await buildModules(kernel, [{ dir: ours }], { progress })
  expect([...modules.keys()].sort()).toEqual(['genlexample', 'nlcustom', 'nlexample', 'nlhello'])
  for (const { file } of modules.values())
    expect(readFileSync(file, 'latin1')).toContain(`vermagic=${kernel.release} `)
  expect(notes).toEqual([])
})

test('a mirror that cannot be reached is named, with what to do', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'provide-'))
  vi.stubEnv('XDG_CACHE_HOME', folder)
  try {
    await expect(
      provideKernel('debian-6.1', { progress: silentProgress, mirror: 'http://127.0.0.1:9/debian' }),
    ).rejects.toThrow(/cannot fetch .* from http:\/\/127\.0\.0\.1:9\/debian .*: .*set another mirror/)
  } finally {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true })
  }
})

test('a run that is killed while it provides a kernel, one that is stopped, and the one that gets it done', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'provide-'))
  const drafts = path.join(folder, 'netlink-vmtest/drafts')
  const start = () => startCli(['build', '--kernel', 'debian-6.1'], { env: { XDG_CACHE_HOME: folder } })
  const killed = start()
  let stopped: ReturnType<typeof start> | undefined
  try {
    await aboutToUnpack(killed)
    expect(readdirSync(drafts)).toHaveLength(1)
    killed.kill('SIGKILL')
    stopped = start()
    await aboutToUnpack(stopped)
    expect(readdirSync(drafts)).toHaveLength(1)
    stopped.kill('SIGSTOP')
    const { exitCode, stdout, stderr } = await start()
    expect(stderr).toMatch(/^✔ unpack Linux 6\.1\./m)
    expect(stdout).toMatch(/^debian-6\.1: 6\.1\./)
    expect(exitCode).toBe(0)
    // Another process has its lock, and has made the entry.
    stopped.kill('SIGCONT')
    expect(await stopped).toMatchObject({ exitCode: 0, stdout })
    expect(readdirSync(drafts)).toEqual([])
  } finally {
    killed.kill('SIGKILL')
    stopped?.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
})

/** Waits until a run has its packages and the lock on the kernel. */
async function aboutToUnpack(run: ReturnType<typeof startCli>): Promise<void> {
  let said = ''
  const fetched = new Promise<true>(resolve =>
    run.stderr.on('data', data => {
      said += data
      if (/^✔ fetch Linux/m.test(said)) resolve(true)
    }),
  )
  if ((await Promise.race([fetched, run])) !== true)
    throw new Error(`it ended without fetching anything: ${said}`)
}
