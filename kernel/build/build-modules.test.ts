// SPDX-License-Identifier: MIT
import {
  chmodSync,
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
import { ModuleError, UsageError } from '../../harness/base/errors.ts'
import { type Progress, silentProgress } from '../../harness/base/progress.ts'
import type { Kernel } from '../kernel.ts'
import { buildModules } from './build-modules.ts'
import { listedIn, makefilesOf } from './files-read.ts'
import type { ModuleFolder } from './module-sources.ts'
import { WrongOrder } from './undefined-symbols.ts'

/** A small, quick stand-in for a kernel's build, run by the real make and gcc. */
const kbuild = `
include $(M)/Kbuild
modules: $(addprefix $(M)/,$(obj-m:.o=.ko))
$(M)/%.ko: $(M)/%.c
	@echo '  CC [M]  $*.o'
	@$(CC) -Wall $(KCFLAGS) -c -o $@ $<
`

let root: string
let sources: string
let steps: string[]
let notes: string[]
let progress: Progress

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'build-modules-'))
  vi.stubEnv('XDG_CACHE_HOME', path.join(root, 'cache'))
  sources = path.join(root, 'my modules')
  mkdirSync(path.join(sources, 'include'), { recursive: true })
  write('Kbuild', 'obj-m += first-one.o second.o\n')
  write('first-one.c', 'int f(void) { return 1; }\n')
  write('second.c', '#include "include/value.h"\nint g(void) { return VALUE; }\n')
  write('include/value.h', '#define VALUE 2\n')
  mkdirSync(path.join(root, 'tree'))
  writeFileSync(path.join(root, 'tree/Makefile'), kbuild)
  writeFileSync(path.join(root, 'tree/.config'), 'CONFIG_CC_VERSION_TEXT="gcc-99 (Debian 99.1-1) 99.1"\n')
  steps = []
  notes = []
  progress = {
    step(title, work) {
      steps.push(title)
      return silentProgress.step(title, work)
    },
    note: line => notes.push(line),
  }
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(root, { recursive: true, force: true })
})

const write = (name: string, content: string) => writeFileSync(path.join(sources, name), content)

function kernel(changes: Partial<Kernel> = {}): Kernel {
  const tree = path.join(root, 'tree')
  return {
    label: 'test',
    release: '6.1.0-test',
    id: 'test-1',
    origin: 'a test',
    image: '/nowhere',
    moduleTree: undefined,
    systemMap: undefined,
    vmlinux: undefined,
    config: path.join(tree, '.config'),
    build: { source: tree, output: tree, variables: [] },
    ...changes,
  }
}

const build = async (changes?: Partial<Kernel>, further: Partial<ModuleFolder> = {}) => {
  const built = await buildModules(kernel(changes), [{ dir: sources, ...further }], { progress })
  const modules = new Map([...built].map(([name, { file }]) => [name, file]))
  return { folder: path.dirname([...modules.values()][0] ?? ''), modules }
}

test('builds every module, by the name the kernel gives it, and writes nothing into the folder', async () => {
  const before = readdirSync(sources, { recursive: true }).sort()
  const { folder, modules } = await build()
  expect([...modules.keys()].sort()).toEqual(['first_one', 'second'])
  expect(modules.get('first_one')).toBe(path.join(folder, 'first-one.ko'))
  expect([...modules.values()].every(existsSync)).toBe(true)
  expect(readdirSync(sources, { recursive: true }).sort()).toEqual(before)
  expect(steps).toEqual([expect.stringMatching(/my modules for 6\.1\.0-test$/)])
})

test('builds once for the same sources, whatever folder they are in, and again for any change', async () => {
  const first = await build()
  expect((await build()).folder).toBe(first.folder)
  expect(steps).toHaveLength(1)

  write('second.o', 'left by a build of the user')
  expect((await build()).folder).toBe(first.folder)

  write('suite.test.ts', 'beside the sources')
  write('package.json', '{}')
  expect((await build()).folder).toBe(first.folder)
  expect((await build({}, { sources: [path.join(sources, 'package.json')] })).folder).not.toBe(first.folder)
  steps.pop()

  write('include/value.h', '#define VALUE 3\n')
  const changed = await build()
  expect(changed.folder).not.toBe(first.folder)
  expect((await build({ id: 'test-2' })).folder).not.toBe(changed.folder)
  const { build: tree } = kernel()
  expect((await build({ build: { ...tree, variables: ['KCFLAGS=-Wno-attributes'] } })).folder).not.toBe(
    changed.folder,
  )
  write('include/value.h', '#define VALUE 2\n')
  expect((await build()).folder).toBe(first.folder)
  expect(steps).toHaveLength(4)
})

describe('another build', () => {
  const flags = '$(CC) -Wall $(ccflags-y) $(KCFLAGS)'
  const given = (name: string) => write('Kbuild', `obj-m := second.o\nccflags-y := -DGIVEN='"$(${name})"'\n`)
  const said = async (further?: Partial<ModuleFolder>) => {
    const { modules } = await build({}, further)
    return /said:(\w*)/.exec(readFileSync(modules.get('second') as string, 'latin1'))?.[1]
  }
  beforeEach(() => {
    writeFileSync(path.join(root, 'tree/Makefile'), kbuild.replace('$(CC) -Wall $(KCFLAGS)', flags))
    write('second.c', 'const char *said = "said:" GIVEN;\n')
  })

  test.each(['make', 'env'])('for a variable that the configuration gives by `%s`', async by => {
    given('VALUE')
    expect(await said({ [by]: { VALUE: 'one' } })).toBe('one')
    expect(await said({ [by]: { VALUE: 'two' } })).toBe('two')
    expect(await said()).toBe('')
    expect(steps).toHaveLength(3)
  })

  test("never for the caller's own variables, which a build does not know", async () => {
    given('VALUE')
    vi.stubEnv('VALUE', 'mine')
    vi.stubEnv('KCFLAGS', '-DGIVEN=wrong')
    vi.stubEnv('MAKEFLAGS', '-n')
    expect(await said()).toBe('')
  })

  test('PWD is the copy that is built, whatever folder the command was run in', async () => {
    given('PWD')
    write('Kbuild', 'obj-m := second.o\nccflags-y := -I$(PWD)/include -DGIVEN=\'"a"\'\n')
    write('second.c', '#include "value.h"\nconst char *said = "said:" GIVEN;\nint v = VALUE;\n')
    vi.stubEnv('PWD', '/nowhere')
    expect(await said()).toBe('a')
  })

  test('for another tool in the place of one', async () => {
    given('VALUE')
    await build()
    mkdirSync(path.join(root, 'bin'))
    writeFileSync(path.join(root, 'bin/strip'), '#!/bin/sh\nPATH=/usr/bin:/bin exec strip "$@"\n', {
      mode: 0o755,
    })
    vi.stubEnv('PATH', `${path.join(root, 'bin')}:${process.env.PATH}`)
    await build()
    expect(steps).toHaveLength(2)
  })

  test('for a script that may be run now', async () => {
    given('VALUE')
    write('script', '')
    await build()
    chmodSync(path.join(sources, 'script'), 0o755)
    await build()
    expect(steps).toHaveLength(2)
  })

  test.each(['M', 'CC'])('%s is not for the configuration to set', async name => {
    await expect(said({ make: { [name]: 'x' } })).rejects.toThrow(`modules.make: ${name} is set by the build`)
  })
})

test('of lists of files that were read: what fixdep and make write', () => {
  const cmd = `savedcmd_x.o := gcc -Wp,-MMD,./.x.o.d -c -o x.o x.c

source_x.o := x.c

deps_x.o := \\
    $(wildcard include/config/FOO) \\
  /abs/v.h \\
  include/w.h

x.o: $(deps_x.o)

$(deps_x.o):
`
  expect(listedIn(cmd)).toEqual(['x.c', '/abs/v.h', 'include/w.h'])
  expect(
    makefilesOf(
      "Reading makefiles...\nReading makefile 'Makefile'...\n  Reading makefile '/a/b.mk' (search path) (no ~ expansion)...\n",
    ),
  ).toEqual(['Makefile', '/a/b.mk'])
})

test("a module that does not compile: the compiler's lines, with the user's paths", async () => {
  write('second.c', '#include "include/value.h"\nint g(void)\n{\n\treturn VALUES;\n}\n')
  const failure = await build().catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(ModuleError)
  if (!(failure instanceof ModuleError)) return
  expect(failure.message).toMatch(/my modules does not build for 6\.1\.0-test$/)
  expect(failure.status).toBe(1)
  expect(failure.details).toContain(`${sources}/second.c:4:16: error:`)
  expect(failure.details).not.toContain('drafts')
  expect(failure.details).not.toContain('make')
  expect(existsSync(path.join(root, 'cache/netlink-vmtest/modules'))).toBe(false)
})

test('a folder that uses what a later one exports: which is to be first', async () => {
  const modpost =
    "test ! -e $(M)/uses || test -n '$(KBUILD_EXTRA_SYMBOLS)' || { echo 'ERROR: modpost: \"answer\" [a.ko] undefined!'; exit 1; }"
  writeFileSync(path.join(root, 'tree/Makefile'), `${kbuild}\t@${modpost}\n\t@touch $(M)/Module.symvers\n`)
  write('uses', '')
  const other = path.join(root, 'other')
  mkdirSync(other)
  writeFileSync(path.join(other, 'Kbuild'), 'obj-m += third.o\n')
  writeFileSync(path.join(other, 'third.c'), 'int answer;\n// EXPORT_SYMBOL(answer);\n')
  const built = (...dirs: string[]) =>
    buildModules(
      kernel(),
      dirs.map(dir => ({ dir })),
      { progress },
    )
  await expect(built(sources, other)).rejects.toThrow(/my modules does not build for 6\.1\.0-test$/)
  writeFileSync(
    path.join(other, 'third.c'),
    '#define EXPORT_SYMBOL(x)\nint answer;\nEXPORT_SYMBOL(answer);\n',
  )
  const failure = await built(sources, other).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(WrongOrder)
  expect(failure).toMatchObject({
    message: `${sources} does not build: it uses answer of ${other}, which comes after it in modules: put ${other} before it`,
    details: expect.stringContaining('"answer" [a.ko] undefined!'),
  })
  expect([...(await built(other, sources)).keys()]).toEqual(['third', 'first_one', 'second'])
})

test('warnings are shown, also by the one who finds it built', async () => {
  write('first-one.c', 'static int unused;\nint f(void) { return 1; }\n')
  await build()
  const warning = expect.stringContaining(`${sources}/first-one.c:1:12: warning:`)
  expect(notes).toContainEqual(warning)
  notes = []
  await build()
  expect(notes).toContainEqual(warning)
})

test.each<[string, () => void, RegExp]>([
  ['no folder', () => rmSync(sources, { recursive: true }), /there is no folder .*my modules/],
  ['no Kbuild', () => rmSync(path.join(sources, 'Kbuild')), /neither a Kbuild nor a Makefile/],
  ['no obj-m', () => write('Kbuild', 'all:\n'), /Kbuild lists no modules: .*obj-m/],
  ['nothing to build', () => write('Kbuild', '# obj-m\nobj-m :=\n'), /builds no module/],
  ['too large', () => write('big', Buffer.alloc(65 * 1024 * 1024).toString()), /more than 64 MB/],
])('%s is a wrong command', async (_name, spoil, message) => {
  spoil()
  const failure = build()
  await expect(failure).rejects.toThrow(UsageError)
  await expect(failure).rejects.toThrow(message)
})

test('a file in place of a folder is a wrong command', async () => {
  const failure = buildModules(kernel(), [{ dir: path.join(sources, 'Kbuild') }], { progress })
  await expect(failure).rejects.toThrow(/is a file: name the folder/)
})

test('two folders with one module, and a target without a Makefile, are a wrong command', async () => {
  const twice = buildModules(kernel(), [{ dir: sources }, { dir: sources }], { progress })
  await expect(twice).rejects.toThrow(/my modules both build a module (first_one|second): leave one out$/)
  rmSync(path.join(sources, 'Kbuild'))
  await expect(build({}, { target: 'all' })).rejects.toThrow(
    /my modules has no Makefile, and so no target all$/,
  )
})

test('a read-only folder will do', async () => {
  chmodSync(sources, 0o555)
  await expect(build()).resolves.toBeDefined()
  chmodSync(sources, 0o755)
})

test('a cache path that kbuild cannot work in is named', async () => {
  vi.stubEnv('XDG_CACHE_HOME', path.join(root, 'with blank'))
  await expect(build()).rejects.toThrow(/set XDG_CACHE_HOME/)
})
