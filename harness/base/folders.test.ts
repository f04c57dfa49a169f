// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { makeFolder } from './folders.ts'

test('a folder with those above it, or the error of the system call', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const deep = path.join(folder, 'a/b/c')
  makeFolder(deep)
  makeFolder(deep)
  expect(statSync(deep).isDirectory()).toBe(true)
  symlinkSync(deep, path.join(folder, 'link'))
  makeFolder(path.join(folder, 'link'))
  writeFileSync(path.join(folder, 'file'), '')
  expect(() => makeFolder(path.join(folder, 'file'))).toThrow(/file is no folder$/)
  expect(() => makeFolder(path.join(folder, 'file/a'))).toThrow('ENOTDIR')
  expect(() => makeFolder('/sys/a/b')).toThrow(/EPERM|EACCES|EROFS/)
})
