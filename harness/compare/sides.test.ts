// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { modulesUnderTest } from '../prepare/delivery.ts'
import { checkSettings } from '../prepare/settings.ts'
import { findName, haveSameSuites, inProject, nameOf, openSide, suitesKey, titleOf } from './sides.ts'

let top: string

/** As if the project were this checkout itself. */
const checkout = vi.hoisted(() => ({ folder: undefined as string | undefined }))
vi.mock('../base/own-folder.ts', async original => {
  const actual = await original<typeof import('../base/own-folder.ts')>()
  return {
    ...actual,
    get ownFolder() {
      return checkout.folder ?? actual.ownFolder
    },
  }
})

const settings = checkSettings({ modules: 'module', suites: ['*.test.ts'] })
const notes: string[] = []
const note = (text: string) => void notes.push(text)

function git(folder: string, ...args: string[]): string {
  const who = ['-c', 'user.name=x', '-c', 'user.email=x@x', '-c', 'protocol.file.allow=always']
  return execFileSync('git', [...who, ...args], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim()
}

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(top, name)), { recursive: true })
    writeFileSync(path.join(top, name), content)
  }
}

function commit(message: string, folder = top): string {
  git(folder, 'add', '--all')
  git(folder, 'commit', '--quiet', '--allow-empty', '-m', message)
  return git(folder, 'rev-parse', 'HEAD')
}

/** A hash of all that is in a folder: names, times of change, contents. */
function stateOf(folder: string): string {
  const hash = createHash('sha256')
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const place = path.join(entry.parentPath, entry.name)
    hash.update(
      `${place} ${entry.isFile() ? `${statSync(place).mtimeMs} ${readFileSync(place, 'latin1')}` : ''}\n`,
    )
  }
  return hash.digest('hex')
}

beforeEach(() => {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  vi.stubEnv('XDG_CACHE_HOME', path.join(folder, 'cache'))
  onTestFinished(() => void vi.unstubAllEnvs())
  top = path.join(folder, 'repository')
  mkdirSync(top)
  notes.length = 0
  git(top, 'init', '--quiet', '--initial-branch', 'main')
  write({
    'netlink-vmtest.config.ts': "export default { modules: 'module', suites: ['*.test.ts'] }\n",
    'module/Kbuild': 'obj-m := x.o\n',
    'module/x.c': 'one\n',
    'a.test.ts': 'first\n',
  })
  symlinkSync('a.test.ts', path.join(top, 'link'))
  commit('first')
})

const opened = async (name: string) => await openSide(await nameOf(name, top), { root: top, settings }, note)

test('a revision is written out, and work tree, index and .git stay as they are', async () => {
  write({ 'module/x.c': 'two\n' })
  commit('second')
  // Dirty: staged, changed and new.
  write({ 'module/x.c': 'staged\n' })
  git(top, 'add', 'module/x.c')
  write({
    'module/x.c': 'changed\n',
    'new.c': 'new\n',
    'netlink-vmtest.lock.json': '{"own":1}',
    'node_modules/p/x': 'x',
  })
  const before = stateOf(top)
  const side = await opened('HEAD~1')
  expect(stateOf(top)).toBe(before)
  expect(side.shown).toMatch(/^HEAD~1 \([0-9a-f]{12}\)$/)
  expect(readFileSync(path.join(side.root, 'module/x.c'), 'utf8')).toBe('one\n')
  expect(readlinkSync(path.join(side.root, 'link'))).toBe('a.test.ts')
  expect(existsSync(path.join(side.root, 'new.c'))).toBe(false)
  expect(side.settings.modules).toBe('module')
  // Of the work tree: packages, and the versions of kernels.
  expect(readFileSync(path.join(side.root, 'node_modules/p/x'), 'utf8')).toBe('x')
  expect(readFileSync(path.join(side.root, 'netlink-vmtest.lock.json'), 'utf8')).toBe('{"own":1}')
  expect(readdirSync(path.join(path.dirname(top), 'cache/netlink-vmtest/sides'))).toHaveLength(1)
})

test('what a project names beside its repository is found from a revision, too', async () => {
  const beside = path.join(path.dirname(top), 'beside')
  mkdirSync(beside)
  writeFileSync(path.join(beside, 'modules.ts'), "export const modules = 'other'\n")
  writeFileSync(path.join(beside, 'tsconfig.json'), '{ "compilerOptions": { "strict": true } }\n')
  write({
    'netlink-vmtest.config.ts':
      "import { modules } from '../beside/modules.ts'\nexport default { modules, suites: ['*.test.ts'] }\n",
    'tsconfig.json': '{ "extends": "../beside/tsconfig.json" }\n',
  })
  commit('second')
  const side = await opened('HEAD')
  expect(side.settings.modules).toBe('other')
  expect(existsSync(path.join(side.root, '../beside/tsconfig.json'))).toBe(true)
  expect(
    existsSync(path.join(side.root, '../../..', path.relative(path.join(top, '../../..'), beside))),
  ).toBe(true)
  // A link above the revision would have the work tree in its place.
  expect(realpathSync(side.root)).toBe(side.root)
  expect(readdirSync(path.dirname(side.root)).sort()).toEqual(readdirSync(path.dirname(top)).sort())
})

test('what a revision has is removed with the process, and what a killed one has left by the next', async () => {
  const script = `import { findRevision, checkOut } from ${JSON.stringify(path.join(import.meta.dirname, 'revision.ts'))}
const { folder } = await checkOut(await findRevision(${JSON.stringify(top)}, 'HEAD'), () => {})
process.stdout.write(folder + '\\n')
if (process.argv[2] === 'wait') setInterval(() => {}, 1000)`
  const file = path.join(path.dirname(top), 'script.mts')
  writeFileSync(file, script)
  const { stdout } = await execa(process.execPath, [file])
  expect(stdout).toMatch(/\/netlink-vmtest\/sides\//)
  expect(existsSync(stdout)).toBe(false)
  const killed = execa(process.execPath, [file, 'wait'], { reject: false })
  const [said] = (await once(killed.stdout, 'data')) as [Buffer]
  const folder = said.toString().trim()
  expect(existsSync(folder)).toBe(true)
  killed.kill('SIGKILL')
  await killed
  expect(existsSync(folder)).toBe(true)
  const { root: own } = await opened('HEAD')
  // The same name, and without what was in it.
  expect(own).toBe(folder)
  const sides = path.join(path.dirname(top), 'cache/netlink-vmtest/sides')
  expect(readdirSync(sides)).toHaveLength(1)
  // What is linked beside it is still there.
  expect(existsSync(file)).toBe(true)
})

test('suites count, sources of modules and the lock file do not', async () => {
  write({ 'module/x.c': 'two\n', 'netlink-vmtest.lock.json': '{}' })
  commit('a module')
  const [first, module] = [await opened('HEAD~1'), await opened('HEAD')]
  expect(await haveSameSuites(first, module)).toBe(true)
  expect(await haveSameSuites(first, await openSide('work tree', { root: top, settings }, note))).toBe(true)
  write({ 'report.json': '{}' })
  expect(await haveSameSuites(module, await openSide('work tree', { root: top, settings }, note))).toBe(true)
  write({ 'b.test.ts': 'new\n' })
  expect(await haveSameSuites(module, await openSide('work tree', { root: top, settings }, note))).toBe(false)
  rmSync(path.join(top, 'b.test.ts'))
  write({ 'a.test.ts': 'changed\n' })
  const tree = await openSide('work tree', { root: top, settings }, note)
  expect(await haveSameSuites(module, tree)).toBe(false)
  expect(await suitesKey(first)).toBe(await suitesKey(module))
  expect(await suitesKey(tree)).not.toBe(await suitesKey(module))
})

test('folders of modules are compared by the work tree’s suites', async () => {
  write({ 'fixed/Kbuild': 'obj-m := x.o\n' })
  const named = await nameOf(path.join(top, 'fixed'), top)
  const side = await openSide(named, { root: top, settings }, note)
  expect(side).toMatchObject({ root: top, settings: { modules: { dir: path.join(top, 'fixed') } } })
  expect(await haveSameSuites(side, await openSide('work tree', { root: top, settings }, note))).toBe(true)
})

test('the example modules of a revision are its own', async () => {
  checkout.folder = top
  onTestFinished(() => {
    checkout.folder = undefined
  })
  rmSync(path.join(top, 'netlink-vmtest.config.ts'))
  commit('without a configuration')
  const side = await openSide(await nameOf('HEAD', top), { root: top, settings: checkSettings({}) }, note)
  expect(modulesUnderTest(side.settings, side.root)).toEqual([
    { dir: path.join(side.root, 'kernel/modules'), sources: undefined },
  ])
})

test('submodules come from where the work tree has them', async () => {
  const other = path.join(path.dirname(top), 'other')
  mkdirSync(other)
  git(other, 'init', '--quiet')
  writeFileSync(path.join(other, 's.h'), 'one\n')
  commit('one', other)
  git(top, 'submodule', '--quiet', 'add', other, 'sub')
  commit('with a submodule')
  const side = await opened('HEAD')
  expect(readFileSync(path.join(side.root, 'sub/s.h'), 'utf8')).toBe('one\n')
  expect(notes).toEqual([])
  // A revision of the submodule that nobody has.
  git(top, 'update-index', '--cacheinfo', `160000,${'1'.repeat(40)},sub`)
  git(top, 'commit', '--quiet', '-m', 'unknown')
  await expect(opened('HEAD')).rejects.toThrow(
    'HEAD has the submodule sub at 111111111111, which is not here: fetch it with git -C sub fetch',
  )
  git(top, 'submodule', '--quiet', 'deinit', '--force', 'sub')
  await opened('HEAD~1')
  expect(notes).toEqual(['HEAD~1: the submodule sub is not in the work tree: left out'])
})

test('what is neither a folder of modules nor a revision', async () => {
  await expect(nameOf('typo', top)).rejects.toThrow(
    'there is neither a folder of modules nor a revision typo',
  )
  mkdirSync(path.join(top, 'empty'))
  await expect(nameOf(path.join(top, 'empty'), top)).rejects.toThrow(
    'empty has neither a Kbuild nor a Makefile, and is no revision: name a folder of modules',
  )
  // HEAD may be left out, and then comes what chooses test files: a folder without any is a mistake
  await expect(findName(path.join(top, 'empty'), top)).rejects.toThrow('empty has neither a Kbuild')
  mkdirSync(path.join(top, 'tests'))
  writeFileSync(path.join(top, 'tests/a.test.ts'), '')
  expect(await findName(path.join(top, 'tests'), top)).toBeUndefined()
  const bare = path.join(path.dirname(top), 'bare.git')
  git(top, 'clone', '--quiet', '--bare', top, bare)
  await expect(nameOf('main', bare)).rejects.toThrow(/^git cannot tell the work tree of .*bare\.git: /)
  const outside = path.join(path.dirname(top), 'outside')
  mkdirSync(outside)
  await expect(nameOf('main', outside)).rejects.toThrow(
    'outside is in no git repository: compare two folders of modules instead',
  )
  const shallow = path.join(path.dirname(top), 'shallow')
  git(top, 'clone', '--quiet', '--depth', '1', `file://${top}`, shallow)
  await expect(nameOf('HEAD~1', shallow)).rejects.toThrow(
    'HEAD~1: the repository is shallow, git fetch --unshallow brings the rest',
  )
})

test('a project that did not exist, and one that git cannot write out', async () => {
  write({ 'later/netlink-vmtest.config.ts': 'export default {}\n' })
  commit('later')
  const root = path.join(top, 'later')
  const named = await nameOf('HEAD~1', root)
  await expect(openSide(named, { root, settings }, note)).rejects.toThrow(
    /^HEAD~1 \([0-9a-f]{12}\) has no folder later: the project began later$/,
  )
  const blob = git(top, 'rev-parse', 'HEAD:module/x.c')
  rmSync(path.join(top, '.git/objects', blob.slice(0, 2), blob.slice(2)), { force: true })
  await expect(opened('HEAD')).rejects.toThrow(/^git (checkout-index|read-tree) fails in .*repository: /)
})

test('all files are written out, also where the work tree is sparse', async () => {
  git(top, 'sparse-checkout', 'set', 'module')
  write({ 'netlink-vmtest.config.ts': "export default { modules: 'module' }\n" })
  rmSync(path.join(top, 'a.test.ts'), { force: true })
  const side = await opened('HEAD')
  expect(existsSync(path.join(side.root, 'a.test.ts'))).toBe(true)
})

test('messages name a side, and the paths of the project in place of those of the cache', () => {
  expect(titleOf('head', { shown: 'main (3e942a1b2c3d)' })).toBe('HEAD, main (3e942a1b2c3d)')
  const folder = path.resolve('cache/sides/x/home/u')
  const checkedOut = { folder, contents: new Map() }
  const opened = { root: path.join(folder, 'drivers'), checkedOut }
  const told = (text: string) => inProject(text, opened)
  expect(told(`${folder}/drivers does not build`)).toBe('. does not build')
  expect(told(`${folder}/drivers/m/m.c:7: ${folder}/include/x.h`)).toBe('m/m.c:7: include/x.h')
  expect(told('cache/sides/x/home/u/drivers/m does not build')).toBe('m does not build')
  expect(inProject(`${folder}/m`, { ...opened, checkedOut: undefined })).toBe(`${folder}/m`)
})

test('what is wrong with the configuration of a revision names the side, and a path of the project', async () => {
  write({ 'netlink-vmtest.config.ts': 'export default { modulez: 1 }' })
  const hash = commit('wrong').slice(0, 12)
  const named = await nameOf('HEAD', top)
  await expect(openSide(named, { root: top, settings, side: 'head' }, note)).rejects.toThrow(
    new RegExp(
      `^HEAD, HEAD \\(${hash}\\): netlink-vmtest\\.config\\.ts:1:18: modulez: there is no such setting`,
    ),
  )
})
