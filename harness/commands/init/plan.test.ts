// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { nothingRegistered } from '../../../guest/testing/registration.ts'
import { firstSuite } from './first-suite.ts'
import { type ModuleEntry, plan, type Wanted } from './plan.ts'

let project: string
beforeEach(() => {
  project = mkdtempSync(path.join(tmpdir(), 'plan-'))
})
afterEach(() => rmSync(project, { recursive: true }))

const write = (name: string, content: string) => writeFileSync(path.join(project, name), content)

const nothing = nothingRegistered('my_module')

const folder = (dir: string): ModuleEntry => ({ dir, sources: [] })

function planned(wanted: Partial<Wanted> = {}) {
  const { files, ...rest } = plan({
    project,
    modules: [folder('src')],
    kernel: undefined,
    suites: ['suites/**/*.test.ts'],
    registrations: [nothing],
    isBroken: false,
    lock: undefined,
    ci: undefined,
    ...wanted,
  })
  return { ...rest, files: Object.fromEntries(files.map(({ name, content }) => [name, content])) }
}

test('an empty project gets all, and a second time nothing is missing', () => {
  const { files, written, kept, script } = planned({ lock: '{}' })
  expect(Object.keys(files)).toEqual([
    'netlink-vmtest.config.ts',
    'suites/my-module.test.ts',
    'tsconfig.json',
    'package.json',
    '.gitignore',
    'netlink-vmtest.lock.json',
  ])
  expect(written).toHaveLength(6)
  expect(kept).toEqual([])
  expect(script).toBe('test')
  mkdirSync(path.join(project, 'suites'))
  for (const [name, content] of Object.entries(files)) write(name, content)
  const again = planned({ lock: '{}' })
  expect(again.files).toEqual({})
  expect(again.written).toEqual([])
  expect(again.kept).toEqual(['netlink-vmtest.config.ts', 'suites/my-module.test.ts', 'tsconfig.json'])
  write('tsconfig.json', '{ "include": ["src"], "compilerOptions": { "strict": false } }')
  expect(planned({}).kept).toContain(
    'tsconfig.json: it does not include suites/my-module.test.ts; it is not "strict"',
  )
  expect(again.script).toBe('test')
})

test('the configuration names one folder or several, and a kernel on wish', () => {
  expect(planned().files['netlink-vmtest.config.ts']).toContain("  modules: 'src',\n")
  const needy = { dir: 'src', sources: ['include'], target: 'all' }
  expect(planned({ modules: [needy] }).files['netlink-vmtest.config.ts']).toContain(
    "  modules: { dir: 'src', sources: ['include'], target: 'all' },\n",
  )
  const { files } = planned({ modules: [folder('core'), folder("the vpn's")], kernel: 'debian-6.12' })
  expect(files['netlink-vmtest.config.ts']).toContain(
    `  kernels: ['debian-6.12'],\n  modules: ['core', "the vpn's"],\n`,
  )
})

test('a test script of the project stays, and the suites have one of their own', () => {
  write('package.json', '{ "scripts": { "test": "jest" } }')
  const { files, script } = planned()
  expect(JSON.parse(files['package.json'] ?? '')).toMatchObject({
    scripts: { test: 'jest', 'test:kernel': expect.stringMatching(/run-vm\.sh/) },
  })
  expect(script).toBe('test:kernel')
  write('package.json', '{ "scripts": { "test": "jest", "test:kernel": "kunit" } }')
  expect(planned().kept).toContainEqual(
    expect.stringMatching(/^package\.json: its script test is another; add/),
  )
})

test('a package.json that is none is named, and all else is written', () => {
  write('package.json', '{ "scripts": ')
  const { files, kept, script } = planned()
  expect(Object.keys(files)).not.toContain('package.json')
  expect(Object.keys(files)).toContain('netlink-vmtest.config.ts')
  expect(kept).toContainEqual(expect.stringMatching(/^package\.json: it is no JSON object; add the script/))
  expect(script).toBeUndefined()
})

test('lines of .gitignore are added, unless they are there in other words', () => {
  write('.gitignore', '*.o\n/node_modules')
  expect(planned().files['.gitignore']).toBe('*.o\n/node_modules\n.netlink-vmtest/\ncoverage/\n')
})

test('a suite is where the configuration looks for suites', () => {
  expect(Object.keys(planned({ suites: ['tests/vm/**/*.spec.ts'] }).files)).toContain(
    'tests/vm/my-module.spec.ts',
  )
  expect(Object.keys(planned({ suites: ['*.test.ts'] }).files)).toContain('my-module.test.ts')
})

test('a workflow belongs to the top of the repository', () => {
  mkdirSync(path.join(project, '.git'))
  const below = path.join(project, 'module')
  mkdirSync(below)
  const { files } = planned({ project: below, ci: 'gitlab' })
  expect(Object.keys(files).filter(name => name.includes('gitlab'))).toEqual([])
  const { files: ofTop } = planned({ ci: 'github' })
  expect(ofTop['.github/workflows/netlink-vmtest.yml']).toContain('npx netlink-vmtest merge')
})

test('names of a module that are no words are quoted', () => {
  const unknown = { number: 255, refusal: 'EOPNOTSUPP' }
  const suite = firstSuite({
    ...nothing,
    families: [{ name: "it's", version: 1, headerSize: 4, operations: [1], groups: ['a-b', 'c'], unknown }],
  })
  expect(suite).toContain(`resolveFamily(socket, "it's")`)
  expect(suite).toContain(`groups: { 'a-b': expect.any(Number), c: expect.any(Number) }`)
  expect(suite).toContain(`header, Buffer.alloc(4))`)
})

test('what is gone is looked up without its name, by which the kernel would load the module again', () => {
  const unknown = { number: 255 }
  const suite = firstSuite({
    ...nothing,
    families: [{ name: 'mine', version: 1, headerSize: 0, operations: [], groups: [], unknown }],
    protocols: [{ number: 30, unknown }],
  })
  const [, unloaded = ''] = suite.split("test('unloaded")
  expect(unloaded).toContain('await families.list()')
  expect(unloaded).toContain("readFileSync('/proc/net/netlink', 'utf8')")
  expect(unloaded).not.toMatch(/resolveFamily|Socket\.open/)
})

test('a module that stays, one that leaves something, one that refuses', () => {
  const stays = firstSuite({ ...nothing, staysLoaded: 'EBUSY' })
  expect(stays).toContain('cannot be unloaded (EBUSY)')
  expect(stays).not.toContain('unloadModule')
  expect(firstSuite({ ...nothing, leftovers: ['the device x'] })).not.toContain('leaves nothing behind')
  const held = firstSuite({
    ...nothing,
    references: 2,
    staysLoaded: 'EAGAIN',
    needs: ['a', 'b'],
    releases: [],
  })
  expect(held).toContain(`expect(moduleReferences('my_module')).toBeGreaterThan(0)`)
  const needy = firstSuite({ ...nothing, needs: ['a', 'b', 'c'], releases: ['b', 'a'] })
  expect(needy).toContain(`  unloadModule('my_module')\n  unloadModule('b')\n  unloadModule('a')\n`)
  expect(needy).not.toContain(`unloadModule('c')`)
  const refuses = firstSuite({ ...nothing, refused: { code: 'EINVAL', message: 'my_module: EINVAL' } })
  expect(refuses).toContain(`expect(() => loadModule('my_module')).toThrow('EINVAL')`)
  const refused = { code: 'EINVAL', message: 'core, which my_module needs: EINVAL', by: 'core' }
  expect(planned({ registrations: [{ ...nothing, refused }] }).written).toContain(
    'suites/my-module.test.ts: core, which it needs, refuses to be loaded: EINVAL',
  )
  expect(firstSuite({ ...nothing, refused })).toContain("loadModule('my_module')).toThrow(/^core, .*EINVAL/)")
  const unknown = { ...nothing, unknown: 'its init function did not return' }
  expect(planned({ registrations: [unknown] }).written).toContain(
    'suites/my-module.test.ts: nothing is known of it: its init function did not return',
  )
  expect(firstSuite(unknown)).toMatch(
    /^\/\/ Nothing is known of my_module: its init function did not return\.\n/,
  )
  expect(
    planned({ registrations: [{ ...nothing, refused: { code: 'EINVAL', message: '' } }] }).written,
  ).toContain('suites/my-module.test.ts: it refuses to be loaded: EINVAL')
})
