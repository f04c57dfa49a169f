// SPDX-License-Identifier: MIT
/** The examples, and a project that `init` makes, as their users have them: by the installed package alone. */
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ownFolder } from './base/own-folder.ts'
import { complaintsAboutRun } from './fixtures/message-rules.ts'

const top = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-examples-'))
afterAll(() => rmSync(top, { recursive: true }))

const names = readdirSync(path.join(ownFolder, 'examples'))

/** Runs a command with nothing of this checkout: neither npm's variables, nor its programs on the PATH. */
async function run(command: string, cwd: string) {
  const own = (name: string) => /^(npm_|NODE_|VITEST)/i.test(name)
  const kept = Object.entries(process.env).filter(([name]) => !own(name))
  const PATH = (process.env.PATH ?? '').split(':').filter(folder => !folder.includes('node_modules'))
  const { stdout, stderr, exitCode } = await execa('sh', ['-c', command], {
    cwd,
    env: {
      ...Object.fromEntries(kept),
      PATH: PATH.join(':'),
      NO_COLOR: '1',
      CI: 'true',
      npm_config_prefer_offline: 'true',
    },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    timeout: 170_000,
  })
  return { stdout, stderr, status: exitCode }
}

beforeAll(async () => {
  const packed = await run(`npm pack --pack-destination ${top}`, ownFolder)
  expect(packed).toMatchObject({ status: 0 })
  for (const name of names)
    cpSync(path.join(ownFolder, 'examples', name), path.join(top, name), {
      recursive: true,
      filter: file => path.basename(file) !== 'node_modules',
    })
  // One installation for all: Node and npm look for packages in the folders above, too.
  const [tgz] = globSync('*.tgz', { cwd: top })
  // Without it npm installs into a folder above that has a node_modules.
  writeFileSync(path.join(top, 'package.json'), '{ "private": true }')
  expect(await run(`npm i --no-audit --no-fund ./${tgz}`, top)).toMatchObject({ status: 0 })
})

test.each(names)('%s: its types are right, and its suites pass', async name => {
  const project = path.join(top, name)
  const types = await run(`${path.join(ownFolder, 'node_modules/.bin/tsc')} -p .`, project)
  expect(types).toEqual({ stdout: '', stderr: '', status: 0 })
  const result = await run('npm test', project)
  expect(result).toMatchObject({
    stdout: expect.stringMatching(/: 1 file, tests [1-9]\d* passed, 0 failed;/),
    stderr: expect.not.stringContaining('warning:'),
    status: 0,
  })
  expect(complaintsAboutRun(result.stderr)).toEqual([])
})

test('init finds what a build reads outside of its folder', async () => {
  const project = path.join(top, 'outside')
  for (const folder of ['include', 'tally'])
    cpSync(path.join(ownFolder, 'examples/frames', folder), path.join(project, folder), { recursive: true })
  const made = await run('npx netlink-vmtest init --yes', project)
  expect(made).toMatchObject({ status: 0, stdout: expect.stringContaining('wrote suites/tally.test.ts') })
  expect(readFileSync(path.join(project, 'netlink-vmtest.config.ts'), 'utf8')).toContain(
    "  modules: { dir: 'tally', sources: ['include'] },",
  )
})

test('init makes such a project of a module', async () => {
  const project = path.join(top, 'new')
  mkdirSync(project)
  cpSync(path.join(ownFolder, 'examples/counter/src'), project, { recursive: true })
  const made = await run('npx netlink-vmtest init --yes --ci gitlab', project)
  expect(made.stderr).not.toContain('error: ')
  expect(made.stdout).toContain('wrote suites/counter.test.ts: netlink protocol 29')
  expect(made.stdout).toContain('wrote package.json: script test, devDependency netlink-vmtest')
  // What npm can get: the file that the package was installed from.
  expect(JSON.parse(readFileSync(path.join(project, 'package.json'), 'utf8')).devDependencies).toEqual({
    'netlink-vmtest': expect.stringMatching(/^file:\.\.\/netlink-vmtest-.*\.tgz$/),
  })
  expect(made.stdout).toContain('wrote .gitlab-ci.yml')
  expect(made.stdout).toMatch(/\nnext: npm run test$/)
  expect(made.status).toBe(0)
  const types = await run(`${path.join(ownFolder, 'node_modules/.bin/tsc')} -p .`, project)
  expect(types).toEqual({ stdout: '', stderr: '', status: 0 })
  expect(await run('npm run test', project)).toMatchObject({
    stdout: expect.stringMatching(/: 1 file, tests 4 passed, 0 failed;/),
    status: 0,
  })
})
