// SPDX-License-Identifier: MIT
/** Files and packages of a project, as tests in guests read and import them. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { hostLabel } from '../../kernel/provide.ts'
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

const reads = `import { existsSync, readFileSync, writeFileSync } from 'node:fs'
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
test('large', () => void readFileSync(new URL('./large.bin', import.meta.url)))
test('elsewhere', () => void readFileSync('data/x'))
test('nowhere', () => void readFileSync('data/nowhere'))
test('leaves', () => writeFileSync('left', ''))
`,
    'suites/large/large.bin': Buffer.alloc(9_000_000),
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
  expect(output).toContain(`a file: ${path.join(folder, 'left')}`)
  expect(status).toBe(1)
})

test('a glob that names nothing is a wrong configuration', async () => {
  const folder = project({ 'netlink-vmtest.config.ts': config(", files: ['nosuch/**']") })
  expect(await run(folder)).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/files: nosuch\/\*\* names no file of /),
  })
})
