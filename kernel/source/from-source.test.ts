// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process'
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
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { MachineryError, UsageError } from '../../harness/base/errors.ts'
import { type Progress, silentProgress } from '../../harness/base/progress.ts'
import type { Archive } from '../debian/archive.ts'
import type { IndexedPackage } from '../debian/packages.ts'
import { sha256 } from '../entry.ts'
import { kernelFromSource, type SourceOptions } from './from-source.ts'

/** A small stand-in for the kernel's Makefile. */
const makefile = `
allnoconfig:
	cp "$(KCONFIG_ALLCONFIG)" .config
	$(if $(DROPPED),sed -i '/$(DROPPED)/d' .config)
init/main.o: init/main.c
	@echo '  CC      $@'
	@echo once >>../compiled
	@cp $< $@; touch init/.main.o.cmd
kernel/fork.o: kernel/fork.c
	@echo '  CC      $@'
	@if grep -q broken $<; then echo '$<:7:1: error: expected expression'; exit 1; fi
	@cp $< $@
vmlinux: init/main.o kernel/fork.o
	@cp /bin/true $@
bzImage: vmlinux
	@mkdir -p arch/x86/boot; cp $< arch/x86/boot/$@
modules: vmlinux
	@mkdir -p include/config include/generated
	@echo 6.12.3-minimal >include/config/kernel.release
	@touch Module.symvers System.map modules.builtin include/config/auto.conf include/generated/autoconf.h
modules_prepare:
`

let root: string
let notes: string[]
let options: SourceOptions
let fetched: number

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'from-source-'))
  vi.stubEnv('XDG_CACHE_HOME', path.join(root, 'cache'))
  notes = []
  fetched = 0
  const progress: Progress = { step: silentProgress.step, note: line => notes.push(line) }
  options = { progress, archive: () => Promise.resolve(archive), checkTools: async () => {} }
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(root, { recursive: true, force: true })
})

const archive: Archive = {
  index: async () => [await sourcePackage()],
  fetch: async (wanted, folder) => {
    fetched++
    const file = path.join(folder, path.basename(wanted.file))
    copyFileSync(path.join(root, 'source.deb'), file)
    return file
  },
}

/** A real package with a small tree. */
async function sourcePackage(files: Record<string, string> = {}): Promise<IndexedPackage> {
  const top = path.join(root, 'linux-source-6.12')
  const deb = path.join(root, 'source.deb')
  const content = {
    Makefile: makefile,
    'init/main.c': 'int main;\n',
    'kernel/fork.c': 'int fork;\n',
    'arch/x86/Makefile': '',
    'arch/x86/include/asm/x.h': '',
    'include/linux/x.h': '#define X\n',
    'include/linux/compiler_types.h': '#define Y\n',
    'scripts/x.sh': '',
    'drivers/gpu/Kconfig': '',
    'drivers/gpu/large.c': '',
    ...files,
  }
  if (!existsSync(deb)) {
    for (const [name, text] of Object.entries(content)) write(path.join(top, name), text)
    const target = path.join(root, 'package')
    write(
      path.join(target, 'DEBIAN/control'),
      'Package: linux-source-6.12\nVersion: 6.12.3-1\nArchitecture: all\nMaintainer: nobody <n@example.org>\nDescription: x\n',
    )
    mkdirSync(path.join(target, 'usr/src'), { recursive: true })
    run('tar', '-cJf', path.join(target, 'usr/src/linux-source-6.12.tar.xz'), '-C', root, 'linux-source-6.12')
    run('dpkg-deb', '--root-owner-group', '-b', target, deb)
  }
  return {
    ...{ name: 'linux-source-6.12', version: '6.12.3-1', suite: 'bookworm', archive: 'main', depends: [] },
    ...{ file: 'pool/linux-source-6.12.deb', size: 1e6, sha256: await sha256(deb) },
  }
}

function write(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
}

function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}

const builds = () => path.join(root, 'cache/netlink-vmtest/builds')
/** The tree of the current build. */
const tree = () => path.join(builds(), readdirSync(builds())[0] ?? '', 'linux')
const build = () => kernelFromSource('minimal-6.12', options)
const failure = async (made: Promise<unknown>) => {
  const error = await made.then(
    () => undefined,
    error => error,
  )
  if (!(error instanceof MachineryError)) throw error
  return error
}

test('is built once, and of its tree only what modules are built with is kept', async () => {
  const kernel = await build()
  expect(kernel).toMatchObject({
    label: 'minimal-6.12',
    release: '6.12.3-minimal',
    origin: "built for minimal-6.12 from Debian's linux-source-6.12 6.12.3-1 (bookworm)",
    vmlinux: undefined,
    moduleTree: undefined,
  })
  expect(existsSync(kernel.image)).toBe(true)
  const kept = readdirSync(kernel.build.source, { recursive: true, encoding: 'utf8' })
  expect(kept).toEqual(
    expect.arrayContaining(['Module.symvers', '.config', 'include/linux/x.h', 'scripts/x.sh']),
  )
  expect(kept.filter(name => /\.[co]$/.test(name))).toEqual([])
  expect(readFileSync(kernel.config, 'utf8')).toMatch(/^CONFIG_LOCALVERSION="-minimal"$/m)
  expect(readdirSync(builds())).toEqual([])
  expect((await build()).id).toBe(kernel.id)
  expect(fetched).toBe(1)
})

test('runs that want the same at the same time wait for one build', async () => {
  const [one, other] = await Promise.all([build(), build()])
  expect(other.id).toBe(one.id)
  expect(fetched).toBe(1)
  expect(readdirSync(builds())).toEqual([])
})

test('two kernels are built one after the other, each with all cores', async () => {
  const order: string[] = []
  const progress: Progress = {
    ...silentProgress,
    async step(title, work) {
      order.push(`begin: ${title}`)
      const result = await work(() => {})
      order.push(`end: ${title}`)
      return result
    },
  }
  const labels = ['minimal-6.12', 'debug-6.12']
  await Promise.all(labels.map(label => kernelFromSource(label, { ...options, progress })))
  const builds = order.filter(line => line.includes(': build Linux'))
  const [first = '', , second = ''] = builds
  expect(builds).toEqual([first, first.replace('begin', 'end'), second, second.replace('begin', 'end')])
  expect(new Set(builds)).toEqual(
    new Set(labels.flatMap(it => ['begin', 'end'].map(what => `${what}: build Linux 6.12.3 as ${it}`))),
  )
})

test('only what is needed is unpacked', async () => {
  await sourcePackage({ 'kernel/fork.c': 'broken\n' })
  await failure(build())
  const unpacked = readdirSync(tree(), { recursive: true, encoding: 'utf8' })
  expect(unpacked).toContain('drivers/gpu/Kconfig')
  expect(unpacked).not.toContain('drivers/gpu/large.c')
})

test("what does not compile is told in the compiler's words, and the next run goes on from there", async () => {
  await sourcePackage({ 'kernel/fork.c': 'broken\n' })
  const error = await failure(build())
  expect(error.message).toMatch(/build of Linux 6\.12\.3 as minimal-6\.12 failed/)
  expect(error.details).toMatch(/kernel\/fork\.c:7:1: error: expected expression/)
  expect(error.details).not.toMatch(/CC {6}/)
  writeFileSync(path.join(tree(), 'kernel/fork.c'), 'int fork;\n')
  const compiled = readFileSync(path.join(tree(), '../compiled'), 'utf8')
  expect(compiled).toBe('once\n')
  rmSync(path.join(tree(), '../compiled'))
  await build()
  expect(notes).toContain('going on with the build of Linux 6.12.3 that was interrupted')
  expect(fetched).toBe(1)
})

test('an option that did not stick is named, with what became of it', async () => {
  vi.stubEnv('DROPPED', 'CONFIG_USER_NS')
  const error = await failure(build())
  expect(error.message).toBe(
    'Linux 6.12.3 as minimal-6.12 cannot be configured as wanted: CONFIG_USER_NS did not stick',
  )
  expect(error.details).toContain('CONFIG_USER_NS is n, and not y')
})

test('a package with no such tree is named', async () => {
  await sourcePackage()
  writeFileSync(path.join(root, 'source.deb'), 'no package')
  expect((await failure(build())).message).toMatch(/does not unpack from linux-source-6\.12\.deb/)
  expect(readdirSync(builds())).toEqual([])
})

test('a series that nobody has is a wrong command', async () => {
  const empty: Archive = { ...archive, index: async () => [] }
  const made = kernelFromSource('minimal-9.9', { ...options, archive: () => Promise.resolve(empty) })
  await expect(made).rejects.toThrow(UsageError)
  await expect(made).rejects.toThrow(/no source for minimal-9\.9 .*Choose one of minimal-5\.10/)
})

test('missing tools are told before anything is fetched', async () => {
  const checkTools = async () => {
    throw new MachineryError('needs flex')
  }
  await expect(kernelFromSource('minimal-6.12', { ...options, checkTools })).rejects.toThrow('needs flex')
  expect(fetched).toBe(0)
})
