// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { Header, type HeaderData } from 'tar'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { MachineryError, UsageError } from '../../harness/base/errors.ts'
import { type Progress, silentProgress } from '../../harness/base/progress.ts'
import { knownKernels } from '../cached.ts'
import { cachedKernel, writeDescription } from '../entry.ts'
import type { Kernel } from '../kernel.ts'
import { packedKernel } from './read.ts'
import { packKernel } from './write.ts'

let root: string
let steps: string[]
let progress: Progress

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'pack-'))
  useCache('here')
  steps = []
  progress = {
    step(title, work) {
      steps.push(title)
      return silentProgress.step(title, work)
    },
    note: () => {},
  }
  onTestFinished(() => {
    vi.unstubAllEnvs()
    rmSync(root, { recursive: true, force: true })
  })
})

/** As on another machine. */
const useCache = (name: string) => vi.stubEnv('XDG_CACHE_HOME', path.join(root, name))
const pack = () => path.join(root, 'k.pack')

/** A kernel in the cache, laid out like Debian's. */
function kernelHere(): Promise<Kernel> {
  return cachedKernel('debian-6.1', 'key', progress, async folder => {
    const write = (name: string, content: string, mode = 0o644) => {
      const file = path.join(folder, name)
      mkdirSync(path.dirname(file), { recursive: true })
      writeFileSync(file, content)
      chmodSync(file, mode)
    }
    write('boot/vmlinuz', 'the image')
    write('boot/config', 'CONFIG_X=y\n')
    write('lib/modules/6.1.0/kernel/x.ko', 'x')
    write('usr/src/common/Makefile', 'all:\n')
    write(
      `usr/src/common/${'long-'.repeat(40)}/${'name-'.repeat(30)}.h`,
      'a path too long for the old format',
    )
    write('usr/src/out/Module.symvers', '')
    write('usr/lib/kbuild/scripts/modpost', '#!/bin/sh\n', 0o755)
    write('usr/share/doc/copyright', 'long')
    symlinkSync('../../lib/kbuild/scripts', path.join(folder, 'usr/src/common/scripts'))
    symlinkSync('/usr/src/common', path.join(folder, 'lib/modules/6.1.0/source'))
    symlinkSync('../../nowhere', path.join(folder, 'usr/src/dangling'))
    await writeDescription(folder, {
      release: '6.1.0',
      origin: 'a test',
      image: 'boot/vmlinuz',
      config: 'boot/config',
      moduleTree: 'lib/modules/6.1.0',
      source: 'usr/src/common',
      output: 'usr/src/out',
      variables: ['A_B=', 'KCFLAGS=-Wno-attributes'],
    })
  })
}

const packHere = async () => packKernel(await kernelHere(), pack(), progress)
const unpackThere = () => {
  useCache('there')
  return packedKernel(`pack:${pack()}`, pack(), progress)
}
const below = (folder: string) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()

test('what was packed is there on a machine that has nothing else, with its modes and links', async () => {
  const here = await kernelHere()
  expect(await packHere()).toBe(statSync(pack()).size)
  rmSync(path.join(root, 'here'), { recursive: true })
  const there = await unpackThere()
  expect(there).toMatchObject({
    label: `pack:${pack()}`,
    release: '6.1.0',
    origin: 'a pack of debian-6.1: a test',
    systemMap: undefined,
    build: { variables: here.build.variables },
  })
  expect(there.id).not.toBe(here.id)
  expect(readFileSync(there.image, 'utf8')).toBe('the image')
  expect(readFileSync(there.config, 'utf8')).toBe('CONFIG_X=y\n')
  expect(below(there.moduleTree ?? '')).toEqual(['kernel', 'kernel/x.ko'])
  expect(below(there.build.output)).toEqual(['Module.symvers'])
  expect(readlinkSync(path.join(there.build.source, 'scripts'))).toBe('../../lib/kbuild/scripts')
  expect(statSync(path.join(there.build.source, 'scripts/modpost')).mode & 0o777).toBe(0o755)
  expect(statSync(there.image).mode & 0o111).toBe(0)
  expect(below(path.dirname(there.build.source))).toContain(
    `common/${'long-'.repeat(40)}/${'name-'.repeat(30)}.h`,
  )
  expect(existsSync(path.join(there.image, '../../usr/share'))).toBe(false)
  expect(existsSync(path.join(there.build.source, '../dangling'))).toBe(false)
})

test('an unpacked one is in the list of kernels, by the label that it was used by', async () => {
  await packHere()
  const { image } = await unpackThere()
  const folder = path.dirname(path.dirname(image))
  expect(knownKernels().filter(it => it.folders.length > 0)).toEqual([
    {
      label: `pack:${pack()}`,
      release: '6.1.0',
      origin: 'a pack of debian-6.1: a test',
      folders: [folder],
    },
  ])
})

test('a file that changes while it is packed is said: its pack would be refused', async () => {
  const kernel = await kernelHere()
  progress.step = (_title, work) =>
    work(detail => {
      if (detail.startsWith('0 of') && detail.endsWith('packed')) writeFileSync(kernel.config, 'CONFIG_X=n\n')
    })
  await expect(packKernel(kernel, pack(), progress)).rejects.toThrow(
    'boot/config changed while it was packed',
  )
  expect(existsSync(pack())).toBe(false)
})

test('a pack of a pack is whole as well, and the same kernel gives the same bytes whenever it is packed', async () => {
  await packHere()
  const first = readFileSync(pack())
  const kernel = await kernelHere()
  for (const file of [kernel.image, kernel.config]) utimesSync(file, 1, 1)
  await packHere()
  expect(readFileSync(pack()).equals(first)).toBe(true)
  const again = path.join(root, 'again.pack')
  await packKernel(await unpackThere(), again, progress)
  useCache('third')
  expect((await packedKernel('pack:x', again, progress)).origin).toBe(
    `a pack of pack:${pack()}: a pack of debian-6.1: a test`,
  )
})

test('a pack is unpacked once, whatever it is called, and again when it was damaged there', async () => {
  await packHere()
  const first = await unpackThere()
  const renamed = path.join(root, 'renamed')
  execFileSync('mv', [pack(), renamed])
  steps = []
  expect((await packedKernel('pack:x', renamed, progress)).image).toBe(first.image)
  expect(steps).toEqual([])
  writeFileSync(first.image, 'the imag')
  await packedKernel('pack:x', renamed, progress)
  expect(steps).toEqual([`unpack ${renamed}`])
  expect(readFileSync(first.image, 'utf8')).toBe('the image')
})

test.each([
  ['a folder that is not there', () => path.join(root, 'no/k.pack'), /there is no folder .*\/no to write/],
  ['a folder', () => root, /is a folder: name the file/],
])('a pack is not written to %s', async (_what, file, message) => {
  const writing = packKernel(await kernelHere(), file(), progress)
  await expect(writing).rejects.toThrow(UsageError)
  await expect(writing).rejects.toThrow(message)
})

test('an end in the midst of it leaves nothing behind', async () => {
  const kernel = await kernelHere()
  writeFileSync(path.join(kernel.build.source, 'large'), randomBytes(30 << 20))
  const script = `
    import { readdirSync } from 'node:fs'
    import { packKernel } from ${JSON.stringify(path.join(import.meta.dirname, 'write.ts'))}
    const folder = ${JSON.stringify(root)}
    setInterval(() => {
      // As a signal ends the command line, once there is something to leave behind.
      if (readdirSync(folder).some(name => name.endsWith('.tmp'))) process.exit(130)
    }, 1)
    await packKernel(${JSON.stringify(kernel)}, folder + '/k.pack', { step: (_, work) => work(() => {}) })
    process.exit()`
  const { exitCode } = await execa(process.execPath, ['--input-type=module', '-e', script], { reject: false })
  expect(exitCode).toBe(130)
  expect(readdirSync(root)).toEqual(['here'])
})

test('a disk that is full: what was there stays, and no half of the new one', async () => {
  const mounted = path.join(root, 'small')
  mkdirSync(mounted)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mounted])
  onTestFinished(() => void execFileSync('umount', [mounted]))
  const kernel = await kernelHere()
  const noise = Array.from({ length: 5000 }, (_, i) => createHash('sha256').update(`${i}`).digest())
  writeFileSync(path.join(kernel.build.source, 'incompressible'), Buffer.concat(noise))
  const file = path.join(mounted, 'k.pack')
  writeFileSync(file, 'an old one')
  const writing = packKernel(kernel, file, progress)
  await expect(writing).rejects.toThrow(MachineryError)
  await expect(writing).rejects.toThrow(`no space left for ${file}`)
  expect(readFileSync(file, 'utf8')).toBe('an old one')
  expect(readdirSync(mounted)).toEqual(['k.pack'])
})

describe('refused, with the reason, and nothing is left of it:', () => {
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
  const listed = (text: string) => ({ sha256: sha256(text), size: text.length })

  /** A valid manifest for {@link contents}. */
  const manifest = (changes: object = {}, kernel: object = {}) => ({
    format: 1,
    architecture: 'x86_64',
    label: 'debian-6.1',
    kernel: {
      release: '6.1.0',
      origin: 'a test',
      image: 'image',
      config: 'config',
      source: 'build',
      output: 'build',
      variables: [],
      ...kernel,
    },
    files: { config: listed('c'), 'build/Module.symvers': listed(''), image: listed('image') },
    links: {},
    ...changes,
  })
  type Item = HeaderData & { path: string; content?: string }
  const contents: Item[] = [
    { path: 'config', content: 'c' },
    { path: 'build/Module.symvers', content: '' },
    { path: 'image', content: 'image' },
  ]

  /** A tar of these entries, valid or not. */
  function tarOf(items: readonly Item[]): Buffer {
    const blocks = items.flatMap(({ content = '', ...data }) => {
      const header = new Header({ type: 'File', mode: 0o644, ...data, size: Buffer.byteLength(content) })
      header.encode()
      const padding = Buffer.alloc((512 - (Buffer.byteLength(content) % 512)) % 512)
      return [header.block ?? Buffer.alloc(0), Buffer.from(content), padding]
    })
    return Buffer.concat([...blocks, Buffer.alloc(1024)])
  }
  const packOf = (description: object, items: readonly Item[] = contents) =>
    tarOf([{ path: 'manifest.json', content: JSON.stringify(description) }, ...items])
  const withLinks = (links: Record<string, string>) =>
    packOf(manifest({ links }), [
      ...contents,
      ...Object.entries(links).map(([at, linkpath]) => ({
        path: at,
        type: 'SymbolicLink' as const,
        linkpath,
      })),
    ])

  test('(what is in order is not)', async () => {
    writeFileSync(pack(), withLinks({ 'build/link': '../config' }))
    expect((await unpackThere()).release).toBe('6.1.0')
  })

  test.each<[string, () => Buffer, RegExp]>([
    ['an empty file', () => Buffer.alloc(0), /it is empty|damaged/],
    ['no archive', () => Buffer.from('#!/bin/sh\n'.repeat(200)), /damaged or cut short|empty/],
    ['an archive of another kind', () => tarOf(contents), /does not begin with a manifest\.json/],
    [
      'a manifest that is no JSON',
      () => tarOf([{ path: 'manifest.json', content: '{' }]),
      /manifest is no JSON/,
    ],
    ['a newer format', () => packOf({ ...manifest(), format: 2 }), /is of format 2, .* reads 1: update/],
    ['another architecture', () => packOf(manifest({ architecture: 'aarch64' })), /kernel is for aarch64/],
    ['a manifest that lacks a key', () => packOf(manifest({ label: undefined })), /manifest: label/],
    ['a release that is a path', () => packOf(manifest({}, { release: '../x' })), /kernel\.release: must be/],
    [
      'an argument of make',
      () => packOf(manifest({}, { variables: ['-f/x'] })),
      /variables\.0: must be a variable/,
    ],
    ['an image elsewhere', () => packOf(manifest({}, { image: '/boot/vmlinuz' })), /kernel\.image: "\/boot/],
    ['an image that it lacks', () => packOf(manifest({}, { image: 'vmlinuz' })), /lists no vmlinuz/],
    ['a source that it lacks', () => packOf(manifest({}, { source: 'gone' })), /has no folder gone/],
    ...['../x', '/x', 'a/../../x', 'a//x', './x', 'a/', ''].map((name): [string, () => Buffer, RegExp] => [
      `a path outside of it in the manifest: ${JSON.stringify(name)}`,
      () => packOf(manifest({ files: { ...manifest().files, [name]: listed('') } })),
      /is not a path inside the pack/,
    ]),
    [
      'a path outside of it in the archive',
      () => packOf(manifest(), [...contents, { path: '../x', content: 'x' }]),
      /it has \.\.\/x \(File\), which its manifest does not list/,
    ],
    ['a file too many', () => packOf(manifest(), [...contents, { path: 'x' }]), /it has x \(File\), which/],
    ['a file twice', () => packOf(manifest(), [...contents, ...contents.slice(0, 1)]), /it has config twice/],
    ['a file too few', () => packOf(manifest(), contents.slice(1)), /it lacks config/],
    [
      'other contents of the same size',
      () => packOf(manifest(), [{ path: 'config', content: 'd' }, ...contents.slice(1)]),
      /config does not have the contents/,
    ],
    [
      'contents of another size',
      () => packOf(manifest(), [{ path: 'config', content: 'cc' }, ...contents.slice(1)]),
      /config does not have the contents/,
    ],
    ['a link upwards', () => withLinks({ 'build/up': '../../x' }), /link build\/up points outside of it/],
    ['an absolute link', () => withLinks({ up: '/etc' }), /link up points outside of it, to \/etc/],
    ['a link to nothing', () => withLinks({ up: 'nothing' }), /link up points outside of it or to nothing/],
    [
      'a chain of links that leads out',
      () => withLinks({ 'x/y/a': '../../build', 'x/y/b': 'a/../..' }),
      /link x\/y\/b points outside/,
    ],
    ['links in a circle', () => withLinks({ a: 'b', b: 'a' }), /link a points outside of it or to nothing/],
    [
      'a file below a link',
      () => packOf(manifest({ files: { ...manifest().files, 'l/x': listed('') }, links: { l: 'build' } })),
      /l\/x lies below l, which is no folder/,
    ],
    [
      'a link other than the manifest says',
      () =>
        packOf(manifest({ links: { l: 'build' } }), [
          ...contents,
          { path: 'l', type: 'SymbolicLink', linkpath: '../..' },
        ]),
      /it has l \(SymbolicLink\), which/,
    ],
    ...(['CharacterDevice', 'BlockDevice', 'FIFO', 'Link', 'Directory'] as const).map(
      (type): [string, () => Buffer, RegExp] => [
        `an entry of the kind ${type}`,
        () => packOf(manifest(), [{ path: 'image', type, linkpath: '/etc/passwd' }, ...contents]),
        new RegExp(`it has image/? \\(${type}\\), which|damaged`),
      ],
    ),
  ])('%s', async (_what, make, message) => {
    writeFileSync(pack(), make())
    const unpacking = unpackThere()
    await expect(unpacking).rejects.toThrow(UsageError)
    await expect(unpacking).rejects.toThrow(message)
    await expect(unpacking).rejects.toThrow(pack())
    const cache = path.join(root, 'there/netlink-vmtest')
    expect(existsSync(path.join(cache, 'kernels'))).toBe(false)
    expect(readdirSync(path.join(cache, 'drafts'))).toEqual([])
  })

  test('one that is cut short, wherever that is', async () => {
    await packHere()
    const whole = readFileSync(pack())
    for (const part of [0.01, 0.3, 0.6, 0.9, 0.999]) {
      writeFileSync(pack(), whole.subarray(0, Math.floor(whole.length * part)))
      await expect(unpackThere(), `${part}`).rejects.toThrow(/cut short|it lacks|is empty/)
    }
    const plain = packOf(manifest())
    for (let size = 512; size < plain.length - 1024; size += 256) {
      writeFileSync(pack(), plain.subarray(0, size))
      await expect(unpackThere(), `${size}`).rejects.toThrow(/cut short|it lacks|is empty/)
    }
  })

  test('one with a changed byte, wherever that is', async () => {
    const whole = withLinks({ 'build/link': '../config' })
    for (let at = 0; at < whole.length - 1024; at += 97) {
      const changed = Buffer.from(whole)
      changed[at] = (changed[at] ?? 0) ^ 0x20
      writeFileSync(pack(), changed)
      const kernel = await unpackThere().catch((error: unknown) => error)
      // Changed paddings and dates are harmless: what is not refused must equal what was packed.
      if (kernel instanceof Error) expect(kernel, `${at}`).toBeInstanceOf(UsageError)
      else expect(readFileSync((kernel as Kernel).image, 'utf8')).toBe('image')
    }
  })

  test.each([
    ['no file', () => path.join(root, 'gone'), /there is no pack .*gone/],
    ['a folder', () => root, /is a folder, not a pack/],
    [
      'a name that is too long',
      () => path.join(root, 'x'.repeat(300)),
      /^cannot read the pack .*: ENAMETOOLONG/,
    ],
  ])('%s', async (_what, file, message) => {
    const unpacking = packedKernel('pack:x', file(), progress)
    await expect(unpacking).rejects.toThrow(UsageError)
    await expect(unpacking).rejects.toThrow(message)
  })
})
