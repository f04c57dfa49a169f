// SPDX-License-Identifier: MIT
/** Files and packages of a project, as tests in guests read and import them. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { hostLabel } from '../../kernel/provide.ts'
import { ownFolder } from '../base/own-folder.ts'
import { runCli } from '../fixtures/cli.ts'

/** A project of these files. */
function project(files: Readonly<Record<string, string | Buffer>>): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), content)
  }
  return folder
}

const run = (cwd: string, ...args: string[]) => runCli(['--kernel', hostLabel(), ...args], { cwd })
const config = (more = '') =>
  `export default { modules: [], suites: ['suites/**/*.test.ts'], matrix: []${more} }\n`

const reads = `import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { shared } from '../support/shared.ts'

const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')
const early = read('./early.txt')

test('beside', () => {
  expect(early).toBe('early')
  expect(read('./fixtures/deep/data.txt')).toBe('deep')
  expect(readFileSync('suites/one/early.txt', 'utf8')).toBe('early')
  expect(shared()).toBe('shared')
  expect(read('./linked.txt')).toBe('linked')
  expect(readdirSync('suites/one/fixtures', 'latin1')).toEqual(['deep', 'empty', '\xff'])
})
test('by the configuration', () => {
  expect(read('../../data/large.bin')).toHaveLength(9_000_000)
  expect(existsSync('other')).toBe(false)
})
`

test('what lies beside tests and their modules, and what the configuration names, is there at the same paths', async () => {
  const folder = project({
    'netlink-vmtest.config.ts': config(", files: ['data/*.bin']"),
    'suites/one/reads.test.ts': reads,
    'suites/one/early.txt': 'early',
    'suites/one/fixtures/deep/data.txt': 'deep',
    'suites/one/node_modules/x/data': 'x',
    'suites/support/shared.ts':
      "import { readFileSync } from 'node:fs'\nexport const shared = () => readFileSync(import.meta.dirname + '/data.txt', 'utf8')\n",
    'suites/support/data.txt': 'shared',
    'data/large.bin': Buffer.alloc(9_000_000, 'x'),
    'linked.txt': 'linked',
    'other/file': '',
  })
  symlinkSync('../../linked.txt', path.join(folder, 'suites/one/linked.txt'))
  // What nobody can read, and no test reads, is in nobody's way.
  symlinkSync('/proc/self/mem', path.join(folder, 'suites/one/unreadable'))
  mkdirSync(path.join(folder, 'suites/one/fixtures/empty'))
  writeFileSync(Buffer.from(path.join(folder, 'suites/one/fixtures/\xff'), 'latin1'), '')
  const { status, stdout } = await run(folder)
  expect(stdout).toMatch(/tests 2 passed, 0 failed/)
  expect(status).toBe(0)

  // Each run has them as they are then.
  writeFileSync(path.join(folder, 'suites/one/early.txt'), 'later')
  expect((await run(folder, '-t', 'beside')).stdout).toMatch(/expected 'later' to be 'early'/)
})

test('what is not there is told how it gets there; what is left in the project fails the file', async () => {
  const folder = project({
    'netlink-vmtest.config.ts': config(),
    'suites/large/large.test.ts': `import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'vitest'
import './below/helper.ts'
test('large', () => void readFileSync(new URL('./large.bin', import.meta.url)))
test('elsewhere', () => void readFileSync('data/x'))
test('nowhere', () => void readFileSync('data/nowhere'))
test('leaves', () => { writeFileSync('left', ''); writeFileSync('suites/large/below/left', '') })
`,
    'suites/large/large.bin': Buffer.alloc(9_000_000),
    'suites/large/below/helper.ts': '',
    'suites/large/below/data.txt': '',
    'suites/early.test.ts':
      "import { readFileSync } from 'node:fs'\nimport 'vitest'\nreadFileSync('data/x')\n",
    'data/x': '',
  })
  const { status, stdout, stderr } = await run(folder)
  const output = stdout + stderr
  for (const [name, times] of [
    ['suites/large/large.bin', 1],
    ['data/x', 2],
  ] as const)
    expect(output.split(`Name all else in the configuration: files: ['${name}']`)).toHaveLength(times + 1)
  expect(output).not.toContain("files: ['data/nowhere']")
  for (const name of ['left', 'suites/large/below/left'])
    expect(output).toContain(`a file: ${path.join(folder, name)}\n`)
  expect(status).toBe(1)
})

test('a glob that names nothing is a wrong configuration', async () => {
  const folder = project({
    'netlink-vmtest.config.ts': config(", files: ['nosuch/**']"),
    'suites/a.test.ts': '',
  })
  expect(await run(folder)).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/files: nosuch\/\*\* names no file of /),
  })
})

/** Files of a package below `node_modules`. */
const inPackage = (name: string, files: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(files).map(([file, content]) => [`node_modules/${name}/${file}`, content]),
  )

test('packages: CommonJS of several files with dependencies, ES modules, both in one; addons are refused', async () => {
  const folder = project({
    'netlink-vmtest.config.ts': config(),
    'package.json': '{ "type": "module" }',
    ...inPackage('common', {
      'package.json': '{ "name": "common", "version": "1.0.0", "main": "./lib/index.js" }',
      'lib/index.js':
        "const deeper = require('./deeper')\nexports.named = deeper.named\nexports.needs = require('needed')\nexports.data = require('../data.json')\ntry { require('not-installed') } catch (error) { exports.missing = error.code }\n",
      'lib/deeper/index.js': "exports.named = 'named'\n",
      'data.json': '{ "answer": 42 }',
    }),
    ...inPackage('needed', {
      'package.json':
        '{ "name": "needed", "version": "1.0.0", "exports": { "import": "./wrong.mjs", "require": "./lib/index.cjs" } }',
      'lib/index.cjs': 'module.exports = class Needed { count = 0 }\n',
    }),
    ...inPackage('both', {
      'package.json':
        '{ "name": "both", "version": "1.0.0", "exports": { "import": "./index.mjs", "require": "./index.cjs" } }',
      'index.mjs':
        "import common from './index.cjs'\nexport const { name } = common\nexport { more } from './more.mjs'\n",
      'more.mjs': "export const more = 'more'\n",
      'index.cjs': "exports.name = require('./name.cjs')\n",
      'name.cjs': "module.exports = 'both'\n",
    }),
    ...inPackage('adds', {
      'package.json': '{ "name": "adds", "version": "1.0.0", "main": "index.js" }',
      'index.js': "module.exports = require('./build/Release/adds.node')\n",
      'build/Release/adds.node': '',
    }),
    'suites/imports.test.ts': `import common, { data, named } from 'common'
import { more, name } from 'both'
import lockfile, { lock } from 'proper-lockfile'
import picomatch from 'picomatch'
import { SourceMapGenerator } from 'source-map-js'
import { parse, string } from 'valibot'
import { Command } from 'commander'
import { execa } from 'execa'
import { expect, test } from 'vitest'

test('packages of the project', () => {
  expect({ named, data, name, more }).toEqual({ named: 'named', data: { answer: 42 }, name: 'both', more: 'more' })
  expect(common.missing).toBe('MODULE_NOT_FOUND')
  expect(new common.needs().count).toBe(0)
})
test('packages of others', async () => {
  const release = await lockfile.lock('/tmp', { lockfilePath: '/run/lock-of-test' })
  await expect(lock('/tmp', { lockfilePath: '/run/lock-of-test' })).rejects.toThrow('already being held')
  await release()
  expect(picomatch('*.ts')('a.ts')).toBe(true)
  expect(new SourceMapGenerator({ file: 'x' }).toString()).toContain('"file":"x"')
  expect(parse(string(), 'x')).toBe('x')
  expect(new Command('x').name()).toBe('x')
  expect((await execa('echo', ['out'])).stdout).toBe('out')
})
`,
    'suites/adds.test.ts': "import 'adds'\nimport { test } from 'vitest'\ntest('never', () => {})\n",
  })
  // As pnpm does: links to where the packages are.
  for (const name of ['proper-lockfile', 'picomatch', 'source-map-js', 'valibot', 'commander', 'execa'])
    symlinkSync(path.join(ownFolder, 'node_modules', name), path.join(folder, 'node_modules', name))
  const { status, stdout, stderr } = await run(folder)
  expect(stdout + stderr).toContain('the package adds has a native addon')
  expect(stdout).toMatch(/2 files \(1 failed\), tests 2 passed/)
  expect(status).toBe(1)
})
