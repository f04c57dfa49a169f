// SPDX-License-Identifier: MIT
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { UsageError } from '../../base/errors.ts'
import { writeFiles } from './project-files.ts'

let project: string
beforeEach(() => {
  project = mkdtempSync(path.join(tmpdir(), 'project-files-'))
})
afterEach(() => rmSync(project, { recursive: true }))

const at = (name: string) => path.join(project, name)
const all = () => readdirSync(project, { recursive: true }).sort()

test('files and their folders are made; a changed one keeps its mode, and a link leads to it still', () => {
  writeFileSync(at('real.json'), 'before')
  chmodSync(at('real.json'), 0o640)
  symlinkSync('real.json', at('package.json'))
  writeFiles(project, [
    { name: 'a/b/new', content: '1' },
    { name: 'package.json', content: 'after', before: 'before' },
  ])
  expect(readFileSync(at('a/b/new'), 'utf8')).toBe('1')
  expect(lstatSync(at('package.json')).isSymbolicLink()).toBe(true)
  expect(readFileSync(at('real.json'), 'utf8')).toBe('after')
  expect(statSync(at('real.json')).mode & 0o777).toBe(0o640)
  expect(all()).toEqual(['a', 'a/b', 'a/b/new', 'package.json', 'real.json'])
})

test('if one cannot be written, there is nothing of the others', () => {
  writeFileSync(at('package.json'), 'before')
  mkdirSync(at('there'))
  writeFileSync(at('there/is'), 'mine')
  const files = [
    { name: 'suites/new', content: '1' },
    { name: 'package.json', content: 'after', before: 'before' },
  ]
  expect(() => writeFiles(project, [...files, { name: 'there/is', content: 'theirs' }])).toThrow(
    new UsageError('a file that init writes was made meanwhile: run this again'),
  )
  expect(() => writeFiles(project, [...files, { name: 'package.json/x', content: '' }])).toThrow(
    /ENOTDIR|is no folder/,
  )
  expect(all()).toEqual(['package.json', 'there', 'there/is'])
  expect(readFileSync(at('package.json'), 'utf8')).toBe('before')
  expect(readFileSync(at('there/is'), 'utf8')).toBe('mine')
})

test('a file that has changed since it was read stays as it is', () => {
  writeFileSync(at('package.json'), 'of another')
  expect(() => writeFiles(project, [{ name: 'package.json', content: 'after', before: 'before' }])).toThrow(
    'package.json was changed meanwhile: run this again',
  )
  expect(readFileSync(at('package.json'), 'utf8')).toBe('of another')
})
