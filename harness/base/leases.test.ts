// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { isLeased, lease } from './leases.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'leases-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
})

/** This process's file. */
const own = () => path.join(root, 'leases', readdirSync(path.join(root, 'leases'))[0] ?? '')

test('a lease lasts until all who took it have ended it', () => {
  expect(isLeased(root, 'a')).toBe(false)
  const [first, second] = [lease(root, 'a'), lease(root, 'a')]
  lease(root, 'b')
  first()
  first()
  expect([isLeased(root, 'a'), isLeased(root, 'b'), isLeased(root, 'c')]).toEqual([true, true, false])
  second()
  expect([isLeased(root, 'a'), isLeased(root, 'b')]).toEqual([false, true])
})

test('a process of the same number that started at another time is another one', () => {
  lease(root, 'a')
  renameSync(own(), `${own()}0`)
  expect(isLeased(root, 'a')).toBe(false)
})

test('of a process that cannot be looked at the last sign of life counts', () => {
  lease(root, 'a')
  renameSync(own(), path.join(root, 'leases/elsewhere.1.1'))
  expect(isLeased(root, 'a')).toBe(true)
  const old = new Date(Date.now() - 3_600_000)
  utimesSync(own(), old, old)
  expect(isLeased(root, 'a')).toBe(false)
})

test('files of processes that are gone are cleared away by the next one', () => {
  const folder = path.join(root, 'leases')
  lease(root, 'a')
  const [own = ''] = readdirSync(folder)
  const other = path.join(root, 'other')
  mkdirSync(path.join(other, 'leases'), { recursive: true })
  for (const name of [`${own}0`, own.replace(/\.\d+\.\d+$/, '.999999999.1')])
    writeFileSync(path.join(other, 'leases', name), 'a\n')
  lease(other, 'b')
  expect(readdirSync(path.join(other, 'leases'))).toEqual([own])
})

test('where nothing can be written nothing fails', () => {
  writeFileSync(path.join(root, 'file'), '')
  expect(() => lease(path.join(root, 'file'), 'a')()).not.toThrow()
  const ends = `
    import { lease } from ${JSON.stringify(path.join(import.meta.dirname, 'leases.ts'))}
    lease(${JSON.stringify(path.join(root, 'file'))}, 'a')`
  expect(spawnSync(process.execPath, ['--input-type=module', '-e', ends])).toMatchObject({ status: 0 })
})
