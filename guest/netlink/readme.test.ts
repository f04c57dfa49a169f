// SPDX-License-Identifier: MIT
/** The examples of README.md print what their comments say, and their types are right. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { format } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import * as library from './index.ts'
import { canMakeNamespaces, TestNamespace } from './socket/test-namespace.ts'

const readme = readFileSync(new URL('./README.md', import.meta.url), 'utf8')
const examples = [...readme.matchAll(/^## (.+)$|^```ts\n([\s\S]*?)^```$/gm)]

/** The body of an async function. */
const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as new (
  ...args: string[]
) => (exports: object, log: object) => Promise<void>

function compile(source: string): (exports: object, log: object) => Promise<void> {
  const body = source.replace(/^import (\{[^}]*\}) from 'netlink-vmtest\/netlink'$/m, 'const $1 = exports')
  return new AsyncFunction('exports', 'console', stripTypeScriptTypes(`async () => {${body}}`).slice(13, -1))
}

describe.runIf(canMakeNamespaces)('examples of the README', () => {
  let heading = 'the first one'
  let number = 0
  for (const [, title, source] of examples) {
    if (title !== undefined) heading = title
    if (source === undefined) continue
    it(`${++number}: ${heading}`, async () => {
      using namespace = new TestNamespace()
      const printed: string[] = []
      // sockets are opened in a namespace of the test's own
      const { Socket } = library
      const open: typeof Socket.open = (protocol, options) =>
        Socket.open(protocol, { namespace: namespace.fd, ...options })
      await compile(source)(
        { ...library, Socket: { open } },
        { log: (...values: unknown[]) => printed.push(format(...values)) },
      )
      expect(printed).toEqual([...source.matchAll(/console\.log\(.*\) \/\/ (.+)$/gm)].map(match => match[1]))
      expect(printed.length).toBeGreaterThan(0)
    })
  }
})

it('examples of the README have right types', () => {
  const project = path.resolve(import.meta.dirname, '../..')
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-readme-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  // at their line numbers in the README, for the compiler's messages
  const sources = examples.flatMap(match => match[2] ?? [])
  for (const [i, source] of sources.entries()) {
    const lines = readme.slice(0, readme.indexOf(source)).split('\n').length - 1
    writeFileSync(path.join(folder, `example-${i + 1}.ts`), `${'\n'.repeat(lines)}${source}`)
  }
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }')
  const config = {
    extends: path.join(project, 'tsconfig.json'),
    compilerOptions: {
      paths: { 'netlink-vmtest/netlink': [path.join(import.meta.dirname, 'index.ts')] },
      typeRoots: [path.join(project, 'node_modules/@types')],
    },
    include: ['*.ts'],
  }
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config))
  const tsc = path.join(project, 'node_modules/.bin/tsc')
  const { stdout, error } = spawnSync(tsc, ['-p', folder], { encoding: 'utf8' })
  expect(error).toBeUndefined()
  expect(stdout).toBe('')
  expect(sources.length).toBeGreaterThan(5)
})
