// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { MachineryError, UsageError } from '../../harness/base/errors.ts'
import { type Progress, silentProgress } from '../../harness/base/progress.ts'
import { LockFile, lockFileName } from '../lock-file.ts'
import { type Archive, LostPackage } from './archive.ts'
import type { IndexedPackage } from './packages.ts'
import { prebuiltKernel } from './prebuilt.ts'

let root: string
let notes: string[]
let progress: Progress
let archive: FakeArchive

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'prebuilt-'))
  vi.stubEnv('XDG_CACHE_HOME', path.join(root, 'cache'))
  notes = []
  progress = { step: silentProgress.step, note: line => notes.push(line) }
  archive = new FakeArchive()
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(root, { recursive: true, force: true })
})

/** An archive of real, tiny .deb files. */
class FakeArchive implements Archive {
  packages: IndexedPackage[] = []
  readonly lost = new Set<string>()
  readonly spoilt = new Map<string, number>()
  indexed = 0
  readonly fetched: string[] = []
  offline = false

  async index(): Promise<IndexedPackage[]> {
    if (this.offline) throw new MachineryError('cannot fetch the package lists')
    this.indexed++
    return this.packages
  }

  async fetch(wanted: IndexedPackage, folder: string): Promise<string> {
    if (this.offline) throw new MachineryError(`cannot fetch ${wanted.name}`)
    this.fetched.push(wanted.name)
    if (this.lost.has(wanted.name)) throw new LostPackage(wanted)
    const file = path.join(folder, `${wanted.name}.deb`)
    copyFileSync(path.join(root, `${wanted.name}.deb`), file)
    const spoilt = this.spoilt.get(wanted.name) ?? 0
    if (spoilt > 0) {
      this.spoilt.set(wanted.name, spoilt - 1)
      writeFileSync(file, 'not a package')
    }
    return file
  }

  /** Adds a kernel `6.1.0-N`. */
  add(number: number): this {
    const abi = `6.1.0-${number}`
    const release = `${abi}-cloud-amd64`
    const version = `6.1.${number}-1`
    const put = (name: string, files: Record<string, string>, depends: string[] = []) => {
      const tree = path.join(root, 'deb', name)
      for (const [file, content] of Object.entries({
        ...files,
        'DEBIAN/control': `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\nMaintainer: x\nDescription: x\n`,
      })) {
        mkdirSync(path.dirname(path.join(tree, file)), { recursive: true })
        writeFileSync(path.join(tree, file), content)
      }
      const deb = path.join(root, `${name}.deb`)
      spawnSync('dpkg-deb', ['--root-owner-group', '-Znone', '-b', tree, deb])
      const content = readFileSync(deb)
      this.packages.push({
        name,
        version,
        suite: 'bookworm-security',
        archive: 'security',
        file: `pool/${name}.deb`,
        size: content.length,
        sha256: createHash('sha256').update(content).digest('hex'),
        depends: depends.map(it => ({ name: it, atLeast: undefined })),
      })
    }
    put(`linux-image-${release}`, {
      [`boot/vmlinuz-${release}`]: `the image of ${abi}`,
      [`boot/config-${release}`]: 'CONFIG_X=y\nCONFIG_DEBUG_INFO_BTF_MODULES=y\n',
      [`boot/System.map-${release}`]: 'ffffffffffffffff B The real System.map is elsewhere\n',
      [`lib/modules/${release}/kernel/x.ko`]: 'x',
    })
    put(`linux-headers-${release}`, { [`usr/src/linux-headers-${release}/Module.symvers`]: '' }, [
      `linux-kbuild-6.1.${number}`,
    ])
    put(`linux-headers-${abi}-common`, { [`usr/src/linux-headers-${abi}-common/Makefile`]: '' })
    put(`linux-kbuild-6.1.${number}`, { 'usr/lib/linux-kbuild-6.1/scripts/x': '' })
    return this
  }
}

const provide = (options: { refresh?: boolean; lock?: LockFile } = {}) =>
  prebuiltKernel('debian-6.1', { progress, archive: async () => archive, ...options })

const project = () => new LockFile(root, { frozen: false })

/** As on another machine, or after the cache was removed. */
const emptyCache = () => rmSync(path.join(root, 'cache'), { recursive: true, force: true })

const entries = (folder: string) => {
  const at = path.join(root, 'cache/netlink-vmtest', folder)
  return existsSync(at) ? readdirSync(at) : []
}

test('the newest kernel, unpacked, described, and without its packages', async () => {
  archive.add(50).add(56).add(7)
  const kernel = await provide()
  expect(kernel).toMatchObject({
    label: 'debian-6.1',
    release: '6.1.0-56-cloud-amd64',
    systemMap: undefined,
    build: { variables: ['CONFIG_DEBUG_INFO_BTF_MODULES='] },
  })
  expect(kernel.origin).toBe(
    'Debian linux 6.1.56-1 from bookworm-security (linux-image-6.1.0-56-cloud-amd64, linux-headers-6.1.0-56-cloud-amd64, linux-headers-6.1.0-56-common, linux-kbuild-6.1.56)',
  )
  expect(readFileSync(kernel.image, 'utf8')).toBe('the image of 6.1.0-56')
  for (const file of [kernel.config, kernel.moduleTree, kernel.build.source, kernel.build.output])
    expect(file && existsSync(file)).toBe(true)
  expect(entries(`kernels/${kernel.id}`)).not.toContain('debs')
})

test('the second time nothing is asked of the archive, and a newer version has to be asked for', async () => {
  archive.add(50)
  const first = await provide()
  archive.add(56)
  archive.offline = true
  expect(await provide()).toEqual(first)
  archive.offline = false
  expect((await provide({ refresh: true })).release).toBe('6.1.0-56-cloud-amd64')
  expect(notes).toContain(
    'debian-6.1: 6.1.0-56-cloud-amd64 (6.1.56-1) now, 6.1.0-50-cloud-amd64 (6.1.50-1) before',
  )
  expect((await provide()).release).toBe('6.1.0-56-cloud-amd64')
})

test('two at once make one', async () => {
  archive.add(50)
  const [a, b] = await Promise.all([provide(), provide()])
  expect(a).toEqual(b)
  expect(archive.fetched).toHaveLength(4)
})

test('where the archive has lost a file, the version before it is taken, and it says so', async () => {
  archive.add(50).add(56)
  archive.lost.add('linux-headers-6.1.0-56-common')
  expect((await provide()).release).toBe('6.1.0-50-cloud-amd64')
  expect(notes).toEqual([
    'the archive has no linux-headers-6.1.0-56-common 6.1.56-1 any more: trying another version',
  ])
  expect(entries('drafts')).toEqual([])
})

test('an archive that has lost everything is named', async () => {
  archive.add(50)
  archive.lost.add('linux-image-6.1.0-50-cloud-amd64')
  await expect(provide()).rejects.toThrow(
    /lists 6\.1\.0-50-cloud-amd64 for debian-6\.1 but has the files of none/,
  )
})

test('a corrupt package is fetched once more, then it is an error and nothing is left', async () => {
  archive.add(50)
  archive.spoilt.set('linux-kbuild-6.1.50', 1)
  await provide()
  expect(notes).toEqual(['linux-kbuild-6.1.50.deb does not unpack: fetching it once more'])

  rmSync(path.join(root, 'cache'), { recursive: true })
  archive.spoilt.set('linux-kbuild-6.1.50', 2)
  const failure = provide()
  await expect(failure).rejects.toThrow(MachineryError)
  await expect(failure).rejects.toThrow(/linux-kbuild-6\.1\.50 6\.1\.50-1 came with wrong contents/)
  expect(entries('kernels')).toEqual([])
  expect(entries('drafts')).toEqual([])
})

test('a damaged image is noticed, and made anew from the same packages', async () => {
  archive.add(50)
  const first = await provide()
  writeFileSync(first.image, 'the image of')
  archive.add(56)
  expect(await provide()).toEqual(first)
  expect(notes).toEqual(['the cached kernel of debian-6.1 is damaged: making it anew'])
  expect(readFileSync(first.image, 'utf8')).toBe('the image of 6.1.0-50')
  expect(archive.indexed).toBe(1)
})

test('a remembered version that is gone from cache and archive makes way for another', async () => {
  archive.add(50)
  const first = await provide()
  rmSync(path.dirname(path.dirname(first.image)), { recursive: true })
  archive.add(56)
  archive.lost.add('linux-image-6.1.0-50-cloud-amd64')
  expect((await provide()).release).toBe('6.1.0-56-cloud-amd64')
  expect(notes).toContain(
    'debian-6.1: 6.1.0-56-cloud-amd64 (6.1.56-1) now, 6.1.0-50-cloud-amd64 (6.1.50-1) before',
  )
})

test('the same kernel with a newer library takes the place of one whose library the archive has replaced', async () => {
  archive.add(50)
  const first = await provide()
  rmSync(path.dirname(path.dirname(first.image)), { recursive: true })
  archive.lost.add('linux-kbuild-6.1.50')
  const kbuild = archive.packages.find(it => it.name === 'linux-kbuild-6.1.50')
  if (!kbuild) throw new Error('no kbuild')
  archive.packages = archive.packages.map(it => (it === kbuild ? { ...it, sha256: 'f'.repeat(64) } : it))
  const fetch = archive.fetch.bind(archive)
  archive.fetch = async (wanted, folder) => {
    if (wanted.sha256 === 'f'.repeat(64)) archive.lost.clear()
    return await fetch(wanted, folder)
  }
  const second = await provide()
  expect(second.release).toBe(first.release)
  expect(second.id).not.toBe(first.id)
})

describe('the lock file', () => {
  test('is written by the first run, and says what every other machine uses, without its lists', async () => {
    archive.add(50)
    await provide({ lock: project() })
    expect(existsSync(path.join(root, lockFileName))).toBe(true)
    emptyCache()
    archive.add(56)
    archive.indexed = 0
    expect((await provide({ lock: project() })).release).toBe('6.1.0-50-cloud-amd64')
    expect(archive.indexed).toBe(0)
    expect(notes).toEqual([])
  })

  test("goes before what this machine used last, which stays another project's", async () => {
    archive.add(50)
    await provide({ lock: project() })
    archive.add(56)
    await provide({ refresh: true })
    notes = []
    expect((await provide({ lock: project() })).release).toBe('6.1.0-50-cloud-amd64')
    expect((await provide()).release).toBe('6.1.0-56-cloud-amd64')
    expect(notes).toEqual([])
  })

  test('takes over what this machine has, without asking the archive', async () => {
    archive.add(50)
    await provide()
    archive.offline = true
    await provide({ lock: project() })
    expect((await project().read('debian-6.1'))?.release).toBe('6.1.0-50-cloud-amd64')
  })

  test('names a version that the archive has lost: another is taken, said, and written', async () => {
    archive.add(50)
    await provide({ lock: project() })
    emptyCache()
    archive.add(56).lost.add('linux-image-6.1.0-50-cloud-amd64')
    expect((await provide({ lock: project() })).release).toBe('6.1.0-56-cloud-amd64')
    expect(notes).toEqual([
      'the archive has no linux-image-6.1.0-50-cloud-amd64 6.1.50-1 any more: trying another version',
      'debian-6.1: 6.1.0-56-cloud-amd64 (6.1.56-1) now, 6.1.0-50-cloud-amd64 (6.1.50-1) before',
      'netlink-vmtest.lock.json says so now: commit it',
    ])
    expect((await project().read('debian-6.1'))?.release).toBe('6.1.0-56-cloud-amd64')
  })

  test('is left alone in CI, which goes on with what there is and says so', async () => {
    archive.add(50)
    await provide({ lock: project() })
    emptyCache()
    archive.add(56).lost.add('linux-image-6.1.0-50-cloud-amd64')
    const frozen = new LockFile(root, { frozen: true })
    expect((await provide({ lock: frozen })).release).toBe('6.1.0-56-cloud-amd64')
    expect(notes.at(-1)).toMatch(
      /still names the old one, for CI does not change it: commit what build --update makes of it/,
    )
    expect((await frozen.read('debian-6.1'))?.release).toBe('6.1.0-50-cloud-amd64')
  })

  test('is brought up to date by an update, which says what changed', async () => {
    archive.add(50)
    await provide({ lock: project() })
    archive.add(56)
    expect((await provide({ lock: project(), refresh: true })).release).toBe('6.1.0-56-cloud-amd64')
    expect(notes[0]).toBe(
      'debian-6.1: 6.1.0-56-cloud-amd64 (6.1.56-1) now, 6.1.0-50-cloud-amd64 (6.1.50-1) before',
    )
    expect((await project().read('debian-6.1'))?.release).toBe('6.1.0-56-cloud-amd64')
  })

  test('that is damaged ends the run before anything is fetched', async () => {
    archive.add(50)
    writeFileSync(path.join(root, lockFileName), '{"version": 1, "kernels": {"debian-6.1": {}}}')
    await expect(provide({ lock: project() })).rejects.toThrow(/lock\.json: kernels\.debian-6\.1\.release: /)
    expect(archive.fetched).toEqual([])
  })

  test('of a kernel that is neither cached nor to be fetched: what is missing is named', async () => {
    archive.add(50)
    await provide({ lock: project() })
    emptyCache()
    archive.offline = true
    await expect(provide({ lock: project() })).rejects.toThrow(
      'cannot fetch linux-image-6.1.0-50-cloud-amd64',
    )
  })
})

test('a damaged memory of what was resolved is no more than forgetting', async () => {
  archive.add(50)
  const first = await provide()
  writeFileSync(path.join(root, 'cache/netlink-vmtest/apt/resolved/debian-6.1.json'), '{"release": 3')
  expect(await provide()).toEqual(first)
})

test('a series without headers says what there is', async () => {
  archive.add(50)
  archive.packages = archive.packages.filter(it => !it.name.startsWith('linux-headers'))
  await expect(provide()).rejects.toThrow(UsageError)
  await expect(provide()).rejects.toThrow(/still has 6\.1\.0-50-cloud-amd64, but not the headers/)
  archive.packages = []
  await expect(provide()).rejects.toThrow(/have no such series. Choose one of debian-5\.10/)
})
