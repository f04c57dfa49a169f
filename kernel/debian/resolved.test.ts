// SPDX-License-Identifier: MIT
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { silentProgress } from '../../harness/base/progress.ts'
import { LockFile } from '../lock-file.ts'
import type { Resolution } from './packages.ts'
import { changed, withResolution } from './resolved.ts'

const resolution = (release: string, ...packages: [name: string, version: string][]): Resolution => ({
  release,
  packages: packages.map(([name, version]) => ({
    name,
    version,
    suite: 'sid',
    archive: 'main',
    file: `pool/${name}_${version}.deb`,
    size: 1,
    sha256: `${name} ${version}`,
  })),
})

test.each([
  [
    'another release',
    resolution('7.2.14', ['linux', '7.2.14-1']),
    '7.2.14 (7.2.14-1) now, 7.2.13 (7.2.13-1) before',
  ],
  [
    'another build of it',
    resolution('7.2.13', ['linux', '7.2.13-2']),
    '7.2.13 (7.2.13-2) now, 7.2.13 (7.2.13-1) before',
  ],
  [
    'a library only',
    resolution('7.2.13', ['linux', '7.2.13-1'], ['libc6', '2.42-2']),
    'libc6 2.42-2 now, 2.42-1 before',
  ],
  ['nothing', resolution('7.2.13', ['linux', '7.2.13-1'], ['libc6', '2.42-1']), undefined],
])('what has changed: %s', (_what, now, text) => {
  expect(changed(resolution('7.2.13', ['linux', '7.2.13-1'], ['libc6', '2.42-1']), now)).toBe(text)
})

test('labels that share a source may be resolved at the same time, by several runs', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'resolved-'))
  vi.stubEnv('XDG_CACHE_HOME', path.join(folder, 'cache'))
  onTestFinished(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true, force: true })
  })
  const found: Resolution = resolution('6.12.1', ['linux-source-6.12', '6.12.1-1'])
  const packages = found.packages.map(it => ({ ...it, sha256: 'a'.repeat(64) }))
  const resolve = () =>
    withResolution(
      'linux-source-6.12',
      { progress: silentProgress, lock: new LockFile(folder, { frozen: false }) },
      async function* () {
        yield { ...found, packages }
      },
      async ({ release }) => release,
    )
  expect(await Promise.all(Array.from({ length: 8 }, resolve))).toEqual(Array(8).fill('6.12.1'))
  expect(readdirSync(path.join(folder, 'cache/netlink-vmtest/apt/resolved'))).toEqual([
    'linux-source-6.12.json',
  ])
  expect(await new LockFile(folder).read('linux-source-6.12')).toEqual({ ...found, packages })
})
