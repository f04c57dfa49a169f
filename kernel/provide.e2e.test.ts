import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test, vi } from 'vitest'
import { type Progress, silentProgress } from '../harness/progress.ts'
import { buildModules } from './build-modules.ts'
import { debianLabels } from './debian/series.ts'
import { provideKernel } from './provide.ts'

// Downloads some 250 MB the first time; from then on everything is cached. Kernels from source take minutes each: the matrix
// that CI runs after the tests builds one.

const ours = path.join(import.meta.dirname, 'modules')

test.each(debianLabels)('%s: fetched, and our modules build for it without a warning', async label => {
  const kernel = await provideKernel(label, { progress: silentProgress })
  expect(kernel.release).toMatch(`${label.replace('debian-', '')}.`)
  const notes: string[] = []
  const progress: Progress = { step: silentProgress.step, note: line => notes.push(line) }
  const { modules } = await buildModules(kernel, ours, { progress })
  expect([...modules.keys()].sort()).toEqual(['genlexample', 'nlcustom', 'nlexample', 'nlhello'])
  for (const file of modules.values())
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
