// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { filesOfCommonJs } from './packages.ts'

/** A package `thing` of these files. */
function packageOf(files: Readonly<Record<string, string>>): (name: string) => string {
  const project = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(project, { recursive: true }))
  const folder = path.join(project, 'node_modules/thing')
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), content)
  }
  return name => path.join(folder, name)
}

test('a module of CommonJS comes with all that it requires; one of ES modules does not come', async () => {
  const at = packageOf({
    'package.json': '{ "name": "thing" }',
    'index.js': "module.exports = require('./lib/one') + require('node:os').EOL",
    'lib/one.js': "exports.one = require('./two.json')",
    'lib/two.json': '{}',
    'lib/unused.js': '',
    'esm.mjs': 'export {}',
  })
  const places = (await filesOfCommonJs(at('index.js')))?.map(({ place }) => place.toString())
  expect(places?.sort()).toEqual(['index.js', 'lib/one.js', 'lib/two.json', 'package.json'].map(at).sort())
  expect(await filesOfCommonJs(at('esm.mjs'))).toBeUndefined()
})

test('a native addon is refused by name', async () => {
  const at = packageOf({ 'index.js': "require('./build/a.node')", 'build/a.node': '' })
  await expect(filesOfCommonJs(at('index.js'))).rejects.toThrow(
    'the package thing has a native addon: guests take JavaScript only',
  )
})

test('what cannot be read is told with its place', async () => {
  const at = packageOf({ 'index.cjs': "require('./broken.cjs')", 'broken.cjs': 'exports.a = {' })
  await expect(filesOfCommonJs(at('index.cjs'))).rejects.toThrow(
    new RegExp(`cannot follow what ${at('index.cjs')} requires: .*broken\\.cjs:1:\\d+: ERROR`, 's'),
  )
})
