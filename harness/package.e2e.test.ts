// SPDX-License-Identifier: MIT
/**
 * The package as its users have it: made by the README's commands, installed by npm into a project that knows
 * nothing of this folder, typed, run.
 */
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hostLabel } from '../kernel/provide.ts'
import { ownFolder } from './base/own-folder.ts'
import { complaintsAboutRun } from './fixtures/message-rules.ts'

const top = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-package-'))
afterAll(() => rmSync(top, { recursive: true }))
const packed = path.join(top, 'netlink-vmtest')
const project = path.join(top, 'project')
const installed = path.join(project, 'node_modules/netlink-vmtest')

const suite = `import { attr, encodeMessage, NLM_F_ACK, NLM_F_REQUEST, Socket } from 'netlink-vmtest/netlink'
import { acknowledgement, exchange, loadModule, unloadModule } from 'netlink-vmtest/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'

beforeAll(() => loadModule('nlexample'))
afterAll(() => unloadModule('nlexample'))

test('answers', async () => {
  using socket = Socket.open(21)
  const request = encodeMessage({ type: 16, flags: NLM_F_REQUEST | NLM_F_ACK, sequence: 1 }, attr.u32(1, 42))
  expect(await exchange(socket, request)).toEqual([acknowledgement(request, socket)])
})

test('fails', () => {
  const expected: string = 'one'
  expect('another').toBe(expected)
})
`

const files = {
  // Node's own default, and the harder one: configuration and suites are ES modules all the same.
  'package.json': '{ "name": "project", "private": true, "type": "commonjs" }',
  'netlink-vmtest.config.ts': `import { defineConfig } from 'netlink-vmtest/config'

export default defineConfig({ modules: 'src', testTimeout: 20_000 })
`,
  'tsconfig.json': '{ "extends": "netlink-vmtest/tsconfig.json" }',
  'suites/own.test.ts': suite,
  'client.mjs': `import { Socket } from 'netlink-vmtest/netlink'
const socket = Socket.open(16)
await socket.request({ type: 1, flags: 5 }, [])
socket.close()
try { Socket.open(-1) } catch (error) { console.log(error.stack) }
`,
}

/** Runs a command with nothing of this checkout: npm's variables, and a PATH with its programs. */
async function run(command: string, cwd = project, env: NodeJS.ProcessEnv = {}) {
  const own = (name: string) => /^(npm_|NODE_|VITEST)/i.test(name)
  const kept = Object.entries(process.env).filter(([name]) => !own(name))
  const PATH = (process.env.PATH ?? '').split(':').filter(folder => !folder.includes('node_modules'))
  const { stdout, stderr, exitCode, timedOut } = await execa('sh', ['-c', command], {
    cwd,
    env: {
      ...Object.fromEntries(kept),
      PATH: PATH.join(':'),
      NO_COLOR: '1',
      FORCE_COLOR: undefined,
      CI: 'true',
      npm_config_pack_destination: packed,
      npm_config_prefer_offline: 'true',
      ...env,
    },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    timeout: 80_000,
  })
  if (timedOut) throw new Error(`${command} has no end. It said:\n${stdout}\n${stderr}`)
  return { stdout, stderr, status: exitCode }
}

/** The README's commands: make the package, install it, set up, run. */
const readme = readFileSync(path.join(ownFolder, 'README.md'), 'utf8')
const [, block = ''] = /## Install\n.*?```sh\n(.*?)```/s.exec(readme) ?? []
const [pack = '', install = '', setup = '', runAll = ''] = block
  .split('\n')
  .map(line => line.replace(/ *#.*/, ''))

beforeAll(async () => {
  mkdirSync(packed)
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(project, name)), { recursive: true })
    writeFileSync(path.join(project, name), content)
  }
  cpSync(path.join(ownFolder, 'kernel/modules/nlexample'), path.join(project, 'src'), { recursive: true })
  expect(await run(pack, ownFolder)).toMatchObject({ status: 0 })
  expect(await run(install)).toMatchObject({ status: 0 })
})

test('it is small, has what is needed and no more, and nothing in it knows this folder', () => {
  const [tgz = ''] = globSync(path.join(packed, '*.tgz'))
  expect(statSync(tgz).size).toBeLessThan(2_000_000)
  const names = globSync('**', { cwd: installed, exclude: ['node_modules'] }).filter(name =>
    statSync(path.join(installed, name)).isFile(),
  )
  const outside = names.filter(name => !/^(dist|docs)\//.test(name)).sort()
  expect(outside).toEqual([
    'LICENSES/GPL-2.0-only.txt',
    'LICENSES/MIT.txt',
    'README.md',
    'action.yml',
    'bin/netlink-vmtest',
    'bin/system-packages.sh',
    'ci/github.yml',
    'ci/gitlab-ci.yml',
    'guest/netlink/README.md',
    'package.json',
    'tsconfig.suites.json',
  ])
  expect(
    names.filter(name => /\.test\.|fixtures|bench|suites\/|modules\/|\.(c|h|ts\.snap)$/.test(name)).sort(),
  ).toEqual([
    'dist/harness/qemu/fork/forkable.c',
    'dist/harness/qemu/fork/instructions.c',
    'dist/kernel/coverage/netlink_vmtest_coverage.c',
  ])
  expect(names.filter(name => !/\.(js|js\.map|d\.ts|config)$|Kbuild$/.test(name))).toEqual(
    expect.arrayContaining(['dist/images/init']),
  )
  for (const name of names)
    expect(readFileSync(path.join(installed, name), 'latin1').includes(ownFolder), name).toBe(false)
  const { scripts } = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8'))
  expect(Object.keys(scripts).filter(name => /install/.test(name))).toEqual([])
})

test('it has the documents, and their links lead to what it has', () => {
  const documents = globSync('**/*.md', { cwd: installed, exclude: ['node_modules'] })
  expect(documents.filter(name => path.dirname(name) === 'docs').sort()).toEqual(
    globSync('docs/*.md', { cwd: ownFolder }).sort(),
  )
  const dead = documents.flatMap(name => {
    const text = readFileSync(path.join(installed, name), 'utf8').replace(/^```.*?^```$/gms, '')
    const links = [...text.matchAll(/\]\(([^)\s#]+)[^)]*\)/g)].map(([, link = '']) => link)
    const relative = links.filter(link => !/^[a-z]+:/.test(link))
    return relative
      .filter(link => !existsSync(path.join(installed, path.dirname(name), link)))
      .map(link => `${name}: ${link}`)
  })
  expect(dead).toEqual([])
})

test.each([
  ['bundler', 'preserve'],
  ['nodenext', 'nodenext'],
])('its types are taken with moduleResolution %s', async (resolution, module) => {
  const tsc = path.join(ownFolder, 'node_modules/.bin/tsc')
  const options = `--ignoreConfig --noEmit --strict --skipLibCheck false --target es2024 --lib es2024,esnext.disposable`
  // verbatimModuleSyntax would not take ES modules where package.json says commonjs.
  for (const exact of [true, false]) {
    const of = `--exactOptionalPropertyTypes ${exact} --module ${module} --moduleResolution ${resolution}`
    const given = `${tsc} ${options} ${of} netlink-vmtest.config.ts suites/own.test.ts`
    expect(await run(given)).toEqual({ stdout: '', stderr: '', status: 0 })
  }
})

test('with the tsconfig.json that it has, only what is wrong is an error', async () => {
  const file = path.join(project, 'wrong.ts')
  writeFileSync(
    file,
    "import { Socket } from 'netlink-vmtest/netlink'\nexport const port: string = Socket.open(16).portId\n",
  )
  const { stdout, status } = await run(`${path.join(ownFolder, 'node_modules/.bin/tsc')} -p .`)
  rmSync(file)
  expect(stdout).toBe("wrong.ts(2,14): error TS2322: Type 'number' is not assignable to type 'string'.")
  expect(status).not.toBe(0)
})

test("the client runs on the host with the user's own node, and its errors name our sources", async () => {
  const { stdout, status } = await run('node --enable-source-maps client.mjs')
  expect(status).toBe(0)
  const [, file = '', line = 0] =
    /netlink-vmtest\/(guest\/netlink\/\S+\.ts):(\d+):\d+\)?$/m.exec(stdout) ?? []
  expect(readFileSync(path.join(ownFolder, file), 'utf8').split('\n')[Number(line) - 1]).toMatch(
    /throw|Error/,
  )
})

test('set up, it runs in guests; a failure has its place, and its evidence says how to run it again', async () => {
  expect(await run(setup)).toMatchObject({ stdout: 'nothing is missing', status: 0 })
  // Not the one of the PATH, which may be too old for anything.
  const old = path.join(top, 'old')
  mkdirSync(old)
  writeFileSync(path.join(old, 'node'), '#!/bin/sh\nexit 99\n', { mode: 0o755 })
  const given = await run(`${runAll.replace('npx ', 'node_modules/.bin/')} --html page.html`, project, {
    PATH: `${old}:${process.env.PATH}`,
  })
  expect(complaintsAboutRun(given.stderr)).toEqual([])
  expect(given.stdout).toContain('✓ answers')
  expect(given.stdout).toMatch(/^ ❯ suites\/own\.test\.ts:16:21$/m)
  expect(given.stdout).toMatch(/^ +16\| +expect\('another'\)\.toBe\(expected\)$/m)
  expect(given.stdout).toContain('1 file (1 failed), tests 1 passed, 1 failed')
  expect(given.status).toBe(1)
  // Its script is made when the package is.
  expect(readFileSync(path.join(project, 'page.html'), 'utf8')).toMatch(
    /<script>\/\*! lit-html[\s\S]{10000,}<\/script>/,
  )
  const evidence = path.join(project, '.netlink-vmtest', hostLabel(), 'suites/own.test.ts/rerun.sh')
  expect(readFileSync(evidence, 'utf8')).toContain(
    `node_modules/netlink-vmtest/bin/netlink-vmtest --kernel ${hostLabel()} suites/own.test.ts`,
  )
})

test('a project that cannot be written to is run all the same', async () => {
  const readOnly = `mount --bind ${project} ${project} && mount -o remount,bind,ro ${project}`
  const runs = `cd ${project} && npx netlink-vmtest`
  const { stdout, stderr, status } = await run(`unshare -m sh -c '${readOnly} && ${runs}'`, top)
  expect(stdout).toContain('1 file (1 failed), tests 1 passed, 1 failed')
  expect(stderr).toMatch(
    /^ {2}no evidence could be kept: read-only file system \((access|rm) \S+\): use another place/m,
  )
  expect(status).toBe(1)
})

test('commands besides: a module and a program in a guest; help by its own name', async () => {
  const changed = await run('npx netlink-vmtest exec --module nlexample -- change 42')
  expect(changed).toMatchObject({ status: 0 })
  // Yarn runs each package's programs by node.
  for (const command of ['npx netlink-vmtest', 'node node_modules/.bin/netlink-vmtest'])
    expect(await run(`${command} --help`)).toMatchObject({
      stdout: expect.stringContaining('Usage: netlink-vmtest '),
      stderr: '',
      status: 0,
    })
  const refused = await run('npx netlink-vmtest --inspect')
  expect(refused.status).toBe(2)
  // Where there is no project, its settings are the defaults, and there are no suites.
  const nowhere = path.join(top, 'nowhere')
  mkdirSync(nowhere)
  const own = path.join(project, 'node_modules/.bin/netlink-vmtest')
  expect(await run(`${own} exec -- echo here`, nowhere)).toMatchObject({ stdout: 'here', status: 0 })
  const nothing = await run(own, nowhere)
  expect(nothing.stderr).toMatch(/^error: no test file matches suites\/\*\*\/\*\.test\.ts in \S+nowhere$/)
  expect(nothing.status).toBe(2)
  // Of two installations guests have the one that is started: here this checkout.
  const checkout = await run(`${process.execPath} ${path.join(ownFolder, 'harness/cli.ts')} -t answers`)
  expect(checkout.stdout).toContain('1 file, tests 1 passed, 0 failed, 1 skipped')
  expect(checkout.status).toBe(0)
})
