// SPDX-License-Identifier: MIT
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { UsageError } from '../../harness/base/errors.ts'
import { silentProgress } from '../../harness/base/progress.ts'
import { formatOptions } from '../options.ts'
import { packedKernel } from '../pack/read.ts'
import { packKernel } from '../pack/write.ts'
import { lackingOptions, neededOptions } from './needed.ts'
import { treeKernel } from './tree.ts'

let root: string
let tree: string

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'tree-'))
  tree = path.join(root, 'linux')
  vi.stubEnv('XDG_CACHE_HOME', path.join(root, 'cache'))
  onTestFinished(() => {
    vi.unstubAllEnvs()
    rmSync(root, { recursive: true, force: true })
  })
})

function write(name: string, content: string | Buffer, folder = tree): void {
  const file = path.join(folder, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, content, { mode: name.startsWith('scripts/') ? 0o755 : 0o644 })
}

const options = (...changes: string[]) =>
  [
    '#',
    'CONFIG_X86_64=y',
    'CONFIG_GCC_VERSION=50000',
    formatOptions(neededOptions).trimEnd(),
    ...changes,
    '',
  ].join('\n')

/**
 * The parts of a bzImage that are read: a boot sector with a setup header, and the version that it points to.
 */
function bzImage(release: string): Buffer {
  const image = Buffer.alloc(4096)
  image.write('HdrS', 0x202)
  image.writeUInt16LE(0x300, 0x20e)
  image.write(`${release} (me@here) #1 SMP\0`, 0x500)
  return image
}

function source(folder = tree): void {
  write('Makefile', '# a kernel\n', folder)
  write('Kconfig', '\n', folder)
  write('include/linux/module.h', '\n', folder)
  write('arch/x86/Makefile', '\n', folder)
  write('drivers/net/dummy.c', '\n', folder)
}

/** Writes the results of a build, in the source or apart from it. */
function built(config = options()): void {
  write('.config', config)
  write('include/config/auto.conf', config)
  write('include/config/kernel.release', '6.12.1-mine\n')
  write('include/generated/autoconf.h', '\n')
  write('scripts/mod/modpost', '\n')
  write('Module.symvers', '\n')
  write('System.map', '\n')
  write('arch/x86/boot/bzImage', bzImage('6.12.1-mine'))
  write('vmlinux.o', 'large')
}

const provide = (dir = tree) => treeKernel(`tree:${dir}`, dir, silentProgress)
const below = (folder: string) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()

test('a kernel built in its source: its image is copied, modules are built against the tree, which stays as it was', async () => {
  source()
  built()
  const before = below(tree)
  const kernel = await provide()
  expect(kernel).toMatchObject({
    label: `tree:${tree}`,
    release: '6.12.1-mine',
    moduleTree: undefined,
    systemMap: path.join(tree, 'System.map'),
    vmlinux: undefined,
    build: { source: tree, output: tree, variables: [] },
  })
  expect(kernel.image.startsWith(path.join(root, 'cache'))).toBe(true)
  expect(readFileSync(kernel.config, 'utf8')).toBe(options())
  expect(below(tree)).toEqual(before)
  expect(await provide()).toEqual(kernel)
})

test('a kernel built with O=, named through a link: the source is found', async () => {
  source(path.join(root, 'source of it'))
  built()
  symlinkSync('../source of it', path.join(tree, 'source'))
  await expect(provide()).rejects.toThrow(/path with a blank or a colon/)
  rmSync(path.join(tree, 'source'))
  source(path.join(root, 'src'))
  symlinkSync('../src', path.join(tree, 'source'))
  symlinkSync('linux', path.join(root, 'link'))
  const { build } = await provide(path.join(root, 'link'))
  expect(build).toEqual({ source: path.join(root, 'src'), output: tree, variables: [] })
})

test('what is built anew is another kernel, and what is merely touched is not', async () => {
  source()
  built()
  const first = await provide()
  built()
  expect((await provide()).id).toBe(first.id)
  write('Module.symvers', '0x1\tf\tvmlinux\tEXPORT_SYMBOL\n')
  const second = await provide()
  expect(second.id).not.toBe(first.id)
  built(options('CONFIG_VETH=y'))
  expect((await provide()).id).not.toBe(second.id)
})

test.each([
  ['up to 6.1', 'kernel/drivers/net/dummy.ko\nkernel/kernel/k.ko\n'],
  ['since', 'drivers/net/dummy.o\nkernel/k.o\n'],
])(
  'in-tree modules, as modules.order lists them %s, come along without debug information',
  async (_since, order) => {
    source()
    built(options('CONFIG_DUMMY=m'))
    write('modules.order', order)
    await expect(provide()).rejects.toThrow(/has no drivers\/net\/dummy\.ko: .* run make modules/)
    // strip accepts any ELF file.
    mkdirSync(path.join(tree, 'kernel'))
    for (const name of ['drivers/net/dummy.ko', 'kernel/k.ko'])
      copyFileSync('/bin/true', path.join(tree, name))
    const { moduleTree = '' } = await provide()
    expect(below(moduleTree).filter(it => it.endsWith('.ko'))).toEqual([
      'kernel/drivers/net/dummy.ko',
      'kernel/kernel/k.ko',
    ])
  },
)

test('a pack of a tree has what modules are built with, and needs the tree no more', async () => {
  source(path.join(root, 'src'))
  built()
  symlinkSync('../src', path.join(tree, 'source'))
  const pack = path.join(root, 'k.pack')
  await packKernel(await provide(), pack, silentProgress)
  rmSync(tree, { recursive: true })
  rmSync(path.join(root, 'src'), { recursive: true })
  vi.stubEnv('XDG_CACHE_HOME', path.join(root, 'elsewhere'))
  const kernel = await packedKernel(`pack:${pack}`, pack, silentProgress)
  expect(kernel.release).toBe('6.12.1-mine')
  for (const file of ['Makefile', 'include/linux/module.h', 'arch/x86/Makefile'])
    expect(existsSync(path.join(kernel.build.source, file)), file).toBe(true)
  for (const file of ['Module.symvers', 'include/generated/autoconf.h', 'scripts/mod/modpost'])
    expect(existsSync(path.join(kernel.build.output, file)), file).toBe(true)
  expect(existsSync(path.join(kernel.build.source, 'drivers'))).toBe(false)
  expect(existsSync(path.join(kernel.build.output, 'vmlinux.o'))).toBe(false)
})

const remove = (name: string) => () => rmSync(path.join(tree, name), { recursive: true })
const config = (text: string) => () => built(text)

test.each<[string, () => void, RegExp]>([
  ['no folder', remove(''), /^there is no folder/],
  [
    'no tree at all',
    () => {
      remove('Kconfig')()
      remove('.config')()
    },
    /is no kernel tree: it has no \.config/,
  ],
  ['source that is not built', remove('.config'), /is the source of a kernel, and none was built in it/],
  [
    'a build folder whose source is gone',
    remove('Kconfig'),
    /neither a Kconfig file nor, .* a link "source"/,
  ],
  ['no image', remove('arch'), /has no arch\/x86\/boot\/bzImage: it is not built, .* run make bzImage/],
  ['no symbols', remove('Module.symvers'), /has no Module\.symvers: .* run make modules there/],
  ['no modpost', remove('scripts'), /has no scripts\/mod\/modpost: .* make modules_prepare/],
  [
    'no objtool',
    config(options('CONFIG_OBJTOOL=y')),
    /has no tools\/objtool\/objtool: run make modules_prepare/,
  ],
  [
    'another image',
    () => write('arch/x86/boot/bzImage', bzImage('6.11.0')),
    /bzImage is Linux 6\.11\.0, and the tree is of 6\.12\.1-mine/,
  ],
  [
    'no image but something',
    () => write('arch/x86/boot/bzImage', 'x'),
    /bzImage is no bzImage: run make there/,
  ],
  [
    'a folder in place of the configuration',
    () => {
      remove('.config')()
      mkdirSync(path.join(tree, '.config'))
    },
    /^cannot read .*\/\.config/,
  ],
  [
    'a configuration that was changed since',
    () => write('.config', options('CONFIG_VETH=y')),
    /\.config was changed after the build \(CONFIG_VETH=y\): run make/,
  ],
  ['another architecture', config('#\nCONFIG_ARM64=y\n'), /is configured for arm64, and guests are x86_64/],
  ['32 bits', config('#\nCONFIG_X86_32=y\n'), /is configured for x86_32/],
  ['clang', config(options('CONFIG_CC_IS_CLANG=y')), /was built by clang, and modules are built by gcc here/],
  [
    'a compiler that is not here',
    config(options().replace('50000', '990100')),
    /built by gcc 99, and this machine has gcc \d+: install gcc-99/,
  ],
  [
    'no modules',
    config(options().replace('CONFIG_MODULES=y', '# CONFIG_MODULES is not set')),
    /lacks what a guest needs: CONFIG_MODULES\. Write the lines above into .*: cd .* && scripts\/kconfig\/merge_config\.sh/,
  ],
])('%s: said, with what to do', async (_what, spoil, message) => {
  source()
  built()
  spoil()
  const failure = provide()
  await expect(failure).rejects.toThrow(UsageError)
  await expect(failure).rejects.toThrow(message)
  await expect(failure).rejects.toThrow(tree)
})

test('all options that are lacking are named, with the fragment that sets them', async () => {
  source()
  built(
    options('CONFIG_MODULE_SIG_FORCE=y')
      .replace('CONFIG_TMPFS=y\n', '')
      .replace('CONFIG_VIRTIO_PCI=y', 'CONFIG_VIRTIO_PCI=m')
      .replace('CONFIG_DEVTMPFS=y', 'CONFIG_DEVTMPFS=m'),
  )
  const failure = await provide().catch((error: unknown) => error)
  expect(failure).toMatchObject({
    message: expect.stringContaining(': CONFIG_DEVTMPFS, CONFIG_TMPFS, CONFIG_MODULE_SIG_FORCE off. '),
    details: 'CONFIG_DEVTMPFS=y\n# CONFIG_MODULE_SIG_FORCE is not set\nCONFIG_TMPFS=y',
  })
})

test('the minimal kernel from source has all that is needed', () => {
  const minimal = readFileSync(path.join(import.meta.dirname, '../source/minimal.config'), 'utf8')
  expect(lackingOptions(minimal)).toEqual([])
})

test('a file in place of a folder is refused', async () => {
  source()
  await expect(provide(path.join(tree, 'Makefile'))).rejects.toThrow(/is a file: name the folder/)
})
