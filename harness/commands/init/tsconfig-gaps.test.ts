// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { tsconfigGaps } from './tsconfig-gaps.ts'

const strict = 'it is not "strict"'
const types = 'it does not find the package\'s types: "moduleResolution" bundler or nodenext does'
const left = 'it does not include suites/mine.test.ts'

/** What a tsconfig.json lacks, beside other files of the project. */
function gaps(tsconfig: string, files: Readonly<Record<string, string>> = {}): string[] {
  const project = mkdtempSync(path.join(tmpdir(), 'tsconfig-'))
  onTestFinished(() => rmSync(project, { recursive: true }))
  for (const [name, text] of Object.entries({ ...files, 'tsconfig.json': tsconfig })) {
    mkdirSync(path.dirname(path.join(project, name)), { recursive: true })
    writeFileSync(path.join(project, name), text)
  }
  return tsconfigGaps(project, ['suites/mine.test.ts'])
}

test.each([
  ['{}', []],
  ['{ "compilerOptions": { "strict": false } }', [strict]],
  ['{ "include": ["src"] } // and no more', [left]],
  ['{ "include": ["src/**/*", "./suites/*.ts",], /* "x": */ "exclude": ["src/gone"] }', []],
  ['{ "include": ["**/*"], "exclude": ["suites"] }', [left]],
  ['{ "files": ["suites/mine.test.ts"] }', []],
  ['{ "files": ["netlink-vmtest.config.ts"] }', [left]],
  ['{ "compilerOptions": { "module": "CommonJS", "moduleResolution": "Node10" } }', [types]],
  ['{ "compilerOptions": { "module": "NodeNext" }, "include": ["suites"] }', []],
  ['{ "extends": "netlink-vmtest/nosuch.json" }', []],
  ['no JSON', []],
])('%s lacks %j', (tsconfig, lacking) => {
  expect(gaps(tsconfig)).toEqual(lacking)
})

test('what it extends counts, and the defaults of the TypeScript that is there', () => {
  const base = {
    'base/tsconfig.json': '{ "compilerOptions": { "strict": false }, "include": ["../suites"] }',
  }
  expect(gaps('{ "extends": "./base/tsconfig" }', base)).toEqual([strict])
  expect(gaps('{ "extends": "./base/tsconfig", "compilerOptions": { "strict": true } }', base)).toEqual([])
  const old = { 'node_modules/typescript/package.json': '{ "version": "5.9.2" }' }
  expect(gaps('{}', old)).toEqual([strict, types])
  expect(gaps('{ "compilerOptions": { "strict": true, "module": "nodenext" } }', old)).toEqual([])
  expect(gaps('{}', { 'node_modules/typescript/package.json': '{ "version": "7.0.2" }' })).toEqual([])
})
