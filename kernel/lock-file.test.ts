// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { UsageError } from '../harness/base/errors.ts'
import type { Resolution } from './debian/packages.ts'
import { LockFile, lockFileName } from './lock-file.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lock-file-'))
  vi.stubEnv('XDG_CACHE_HOME', path.join(folder, 'cache'))
  vi.stubEnv('CI', '')
  onTestFinished(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true, force: true })
  })
})

const resolution = (number: number): Resolution => ({
  release: `6.1.0-${number}-cloud-amd64`,
  packages: [
    {
      name: `linux-image-6.1.0-${number}-cloud-amd64`,
      version: `6.1.${number}-1~deb12u1`,
      suite: 'bookworm-security',
      archive: 'security',
      file: `pool/updates/main/l/linux-signed-amd64/linux-image_6.1.${number}-1~deb12u1_amd64.deb`,
      size: 1000,
      sha256: `${number}`.padStart(64, '0'),
    },
  ],
})

const text = () => readFileSync(path.join(folder, lockFileName), 'utf8')

test('what is written is read again, and has the same bytes in whatever order it was written', async () => {
  const lock = new LockFile(folder)
  expect(await lock.read('debian-6.1')).toBeUndefined()
  expect(await lock.write('debian-6.1', resolution(1))).toBe(true)
  await lock.write('debian-5.10', resolution(2))
  const first = text()
  expect(await new LockFile(folder).read('debian-6.1')).toEqual(resolution(1))

  rmSync(path.join(folder, lockFileName))
  const { release, packages } = resolution(1)
  await lock.write('debian-5.10', resolution(2))
  await lock.write('debian-6.1', {
    packages: packages.map(({ sha256, ...it }) => ({ sha256, ...it })),
    release,
  })
  expect(text()).toBe(first)
  expect(first.startsWith('{\n  "version": 1,\n  "kernels": {\n    "debian-5.10": {\n')).toBe(true)
  expect(first).not.toMatch(/:\/\//)
})

test('what many write at the same time is all there, and nothing else is left in the folder', async () => {
  const names = Array.from({ length: 12 }, (_, i) => `debian-6.${i}`)
  await Promise.all(names.map((name, i) => new LockFile(folder).write(name, resolution(i))))
  const lock = new LockFile(folder)
  for (const [i, name] of names.entries()) expect(await lock.read(name)).toEqual(resolution(i))
  expect(readdirSync(folder).sort()).toEqual(['cache', lockFileName])
})

test('CI reads it, and does not change it', async () => {
  await new LockFile(folder).write('debian-6.1', resolution(1))
  vi.stubEnv('CI', 'true')
  const lock = new LockFile(folder)
  expect(await lock.read('debian-6.1')).toEqual(resolution(1))
  expect(await lock.write('debian-6.1', resolution(2))).toBe(false)
  expect(await lock.read('debian-6.1')).toEqual(resolution(1))
})

test('a folder that cannot be written to is no reason to fail', async () => {
  // A read-only mount, because root can write to a folder without write permission.
  const mounted = path.join(folder, 'mounted')
  execFileSync('mkdir', [mounted])
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', mounted])
  onTestFinished(() => void execFileSync('umount', [mounted]))
  expect(await new LockFile(mounted).write('debian-6.1', resolution(1))).toBe(false)
})

/** A complete lock file with another value at `keys`. */
function spoilt(keys: (string | number)[], value: unknown): string {
  const content: unknown = { version: 1, kernels: { 'debian-6.1': resolution(1) } }
  let at = content as Record<string | number, unknown>
  for (const key of keys.slice(0, -1)) at = at[key] as Record<string | number, unknown>
  at[keys.at(-1) as string] = value
  return JSON.stringify(content)
}
const kernel = ['kernels', 'debian-6.1']
const first = [...kernel, 'packages', 0]

test.each([
  ['no JSON', '<<<<<<< HEAD\n{}', /is damaged: /],
  ['of a later version', spoilt(['version'], 2), /: version: must be 1: .*another version/],
  ['without packages', spoilt([...kernel, 'packages'], []), /: kernels\.debian-6\.1\.packages: /],
  [
    'a hash too short',
    spoilt([...first, 'sha256'], 'ab'),
    /: kernels\.debian-6\.1\.packages\.0\.sha256: must/,
  ],
  ['an archive of no name', spoilt([...first, 'archive'], 'other'), /packages\.0\.archive: /],
  [
    'a path that leaves the archive',
    spoilt([...first, 'file'], 'pool/../../x.deb'),
    /packages\.0\.file: must/,
  ],
  ['an address', spoilt([...first, 'file'], 'http://x.example/x.deb'), /packages\.0\.file: must/],
  ['a name that is a path', spoilt([...first, 'name'], '../../x'), /packages\.0\.name: must/],
  [
    'a release that is a path',
    spoilt([...kernel, 'release'], '6.1/../..'),
    /kernels\.debian-6\.1\.release: must/,
  ],
  ['something unknown', spoilt([...first, 'more'], 1), /packages\.0\.more: /],
])('damaged, %s: the file and the key are named', async (_what, content, message) => {
  writeFileSync(path.join(folder, lockFileName), content)
  const reading = new LockFile(folder).read('debian-6.1')
  await expect(reading).rejects.toThrow(UsageError)
  await expect(reading).rejects.toThrow(message)
  await expect(reading).rejects.toThrow(path.join(folder, lockFileName))
})

test('a folder in place of it is named', async () => {
  mkdirSync(path.join(folder, lockFileName))
  const reading = new LockFile(folder).read('debian-6.1')
  await expect(reading).rejects.toThrow(`cannot read ${path.join(folder, lockFileName)}: EISDIR`)
})
