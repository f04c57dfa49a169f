// SPDX-License-Identifier: MIT
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { cachedByInputs } from './inputs.ts'

let root: string
let a: string
let b: string
let made: number

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'inputs-'))
  vi.stubEnv('XDG_CACHE_HOME', path.join(root, 'cache'))
  a = path.join(root, 'a.h')
  b = path.join(root, 'b.h')
  writeFileSync(a, 'a1')
  writeFileSync(b, 'b1')
  made = 0
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(root, { recursive: true, force: true })
})

/** Makes an entry of these files' content, as a compiler that has found them. */
const build = (...files: string[]) =>
  cachedByInputs('modules', 'key', async folder => {
    made++
    expect(readdirSync(folder)).toEqual([])
    writeFileSync(path.join(folder, 'out'), files.map(file => readFileSync(file, 'utf8')).join())
    return files
  })
const out = (folder: string) => readFileSync(path.join(folder, 'out'), 'utf8')

test('made once, and anew when a file that only the making knows changes', async () => {
  const first = await build(a, b)
  expect(await build(a, b)).toBe(first)
  expect(made).toBe(1)
  writeFileSync(a, 'a2')
  const second = await build(a, b)
  expect([out(first), out(second), made]).toEqual(['a1,b1', 'a2,b1', 2])
  // The earlier entry is found again, and the cache has only what is used.
  writeFileSync(a, 'a1')
  expect(await build(a, b)).toBe(first)
  expect(made).toBe(2)
  expect(readdirSync(path.dirname(first)).sort()).toEqual([first, second].map(it => path.basename(it)).sort())
})

test('another set of files is another entry, though the first files are as they were', async () => {
  await build(a)
  writeFileSync(a, 'a2')
  expect(out(await build(a, b))).toBe('a2,b1')
  writeFileSync(b, 'b2')
  expect(out(await build(a, b))).toBe('a2,b2')
})

test('versions that are made from different files and used in turn are each made once', async () => {
  const c = path.join(root, 'c.h')
  writeFileSync(c, 'c1')
  const versions = [[a], [a, b], [a, c]]
  for (const files of [...versions, ...versions]) {
    writeFileSync(a, files.join())
    expect(out(await build(...files))).toBe(files.map(file => readFileSync(file, 'utf8')).join())
  }
  expect(made).toBe(3)
})

test('a file that is gone counts', async () => {
  await build(a, b)
  rmSync(b)
  await expect(build(a, b)).rejects.toThrow('ENOENT')
  expect(out(await build(a))).toBe('a1')
})

test('a file that changes while it is read: made again; one that keeps changing is named', async () => {
  const changing = (times: number) =>
    cachedByInputs('modules', `changing ${times}`, async folder => {
      writeFileSync(path.join(folder, 'out'), readFileSync(a, 'utf8'))
      if (made++ < times) writeFileSync(a, `changed ${made}`)
      return [a]
    })
  expect(out(await changing(1))).toBe('changed 1')
  made = 0
  await expect(changing(9)).rejects.toThrow(/a\.h changes again and again/)
  expect(readdirSync(path.join(root, 'cache/netlink-vmtest/drafts'))).toEqual([])
})

test('several at once, of which none knows the files yet', async () => {
  const folders = await Promise.all([build(a, b), build(a, b), build(a, b)])
  expect(new Set(folders).size).toBe(1)
  expect(out(folders[0] as string)).toBe('a1,b1')
})

test.each(['["a list of another version"]', 'no JSON'])('a damaged cache (%s) is made anew', async damage => {
  const cache = path.join(root, 'cache/netlink-vmtest')
  const first = await build(a)
  const [list = ''] = readdirSync(path.join(cache, 'inputs'))
  writeFileSync(path.join(cache, 'inputs', list, 'inputs.json'), damage)
  expect(out(await build(a))).toBe('a1')
  writeFileSync(path.join(first, 'inputs.json'), damage === 'no JSON' ? damage : '{}')
  expect(out(await build(a))).toBe('a1')
})
