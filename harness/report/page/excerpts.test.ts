// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Excerpts } from './excerpts.ts'

const top = mkdtempSync(path.join(tmpdir(), 'excerpts-'))
const root = path.join(top, 'project')
const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => `line ${index + 1}\n`).join('')
beforeAll(() => {
  mkdirSync(path.join(root, 'src'), { recursive: true })
  mkdirSync(path.join(root, 'node_modules/other'), { recursive: true })
  writeFileSync(path.join(root, 'a.test.ts'), numbered(10))
  writeFileSync(path.join(root, 'src/mine.c'), `${numbered(2)}${'x'.repeat(1000)}\n`)
  writeFileSync(path.join(root, 'node_modules/other/a.js'), numbered(10))
  writeFileSync(path.join(top, 'outside'), 'secret\n')
})
afterAll(() => rmSync(top, { recursive: true }))

const excerpts = new Excerpts(root, name => path.join(root, 'src', name))

test('some lines around a place of a suite, as far as there are any', () => {
  const at = (line: number) => excerpts.ofSuite(path.join(root, 'a.test.ts'), line)
  const lines = (from: number, to: number) =>
    numbered(to)
      .trim()
      .split('\n')
      .slice(from - 1)
  expect(at(5)).toEqual({ name: 'a.test.ts', first: 2, line: 5, lines: lines(2, 8) })
  expect(at(1)).toMatchObject({ first: 1, lines: lines(1, 4) })
  expect(at(10)).toMatchObject({ first: 7, lines: lines(7, 10) })
  expect([at(0), at(11)]).toEqual([undefined, undefined])
})

test('the first place of a function of a module', () => {
  expect(excerpts.ofModule('mine.c:2, inlined in other.c:9')).toMatchObject({ name: 'mine.c', line: 2 })
  expect(excerpts.ofModule('mine.c:3')?.lines.at(-1)).toHaveLength(400)
  expect(excerpts.ofModule('gone.c:3')).toBeUndefined()
  expect(excerpts.ofModule('')).toBeUndefined()
})

test('of other files nothing, whatever a blob names', () => {
  const outside = path.join(top, 'outside')
  const dependency = path.join(root, 'node_modules/other/a.js')
  for (const file of [outside, '/etc/passwd', `${root}/../outside`, dependency])
    expect(excerpts.ofSuite(file, 1), file).toBeUndefined()
  expect(excerpts.ofModule('../../outside:1')).toBeUndefined()
})
