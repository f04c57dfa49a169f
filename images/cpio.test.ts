// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type CpioEntry, cpioArchive } from './cpio.ts'

test('one entry, byte for byte', () => {
  const archive = cpioArchive([{ type: 'file', path: 'a', mode: 0o644, content: Buffer.from('hi') }])
  const header = (fields: string) => `070701${fields}`
  expect(archive.toString('latin1')).toBe(
    `${header('00000001000081a400000000000000000000000100000000000000020000000000000000000000000000000000000002' + '00000000')}a\0hi\0\0` +
      `${header('00000000000000000000000000000000000000010000000000000000000000000000000000000000000000000000000b' + '00000000')}TRAILER!!!\0\0\0\0`,
  )
})

test('the same entries give the same bytes, in whatever order they come', () => {
  const entries: CpioEntry[] = [
    { type: 'file', path: 'bin/tool', mode: 0o755, content: Buffer.from('#!/bin/sh\n') },
    { type: 'link', path: 'bin/alias', target: '/bin/tool' },
    { type: 'directory', path: 'tmp', mode: 0o755 },
  ]
  expect(cpioArchive(entries)).toEqual(cpioArchive(entries.toReversed()))
})

test('busybox unpacks what was packed, with its folders', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'cpio-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const archive = cpioArchive([
    { type: 'file', path: 'deep/er/file', mode: 0o600, content: Buffer.from('12345') },
    { type: 'link', path: 'link', target: 'deep/er/file' },
  ])
  execFileSync('busybox', ['cpio', '-i'], {
    cwd: folder,
    input: archive,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  expect(readdirSync(folder).sort()).toEqual(['deep', 'link'])
  expect(readlinkSync(path.join(folder, 'link'))).toBe('deep/er/file')
  expect(readFileSync(path.join(folder, 'link'), 'utf8')).toBe('12345')
  expect(statSync(path.join(folder, 'deep/er/file')).mode & 0o777).toBe(0o600)
})
