// SPDX-License-Identifier: MIT
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { putCopies } from './copies.ts'
import type { CopiedEntry } from './protocol.ts'

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'copies-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

const modeOf = (file: string | Buffer) => lstatSync(file).mode & 0o7777
const file = (place: string | Buffer, text: string, mode = 0o644, append = false): CopiedEntry => ({
  type: 'file',
  place: Buffer.from(place),
  mode,
  content: Buffer.from(text),
  append,
})

test('files in parts, folders, links, with their modes whatever the umask, and names of any bytes', () => {
  const at = folder()
  const odd = Buffer.from(`${at}/d/\xff\n`, 'latin1')
  putCopies([
    { type: 'folder', place: Buffer.from(`${at}/d`), mode: 0o1777 },
    file(odd, 'one ', 0o4755),
    file(odd, 'two', 0o4755, true),
    { type: 'link', place: Buffer.from(`${at}/d/link`), target: Buffer.from('\xfe', 'latin1') },
    file(`${at}/made/on/the/way`, ''),
  ])
  expect([readFileSync(odd, 'utf8'), modeOf(odd), modeOf(`${at}/d`)]).toEqual(['one two', 0o4755, 0o1777])
  expect(readlinkSync(`${at}/d/link`, 'latin1')).toBe('\xfe')
  expect(readFileSync(`${at}/made/on/the/way`, 'utf8')).toBe('')
})

test('what is there gives way to files and links; a folder stays as it is', () => {
  const at = folder()
  mkdirSync(`${at}/d`, { mode: 0o711 })
  writeFileSync(`${at}/d/f`, 'old and long', { mode: 0o600 })
  writeFileSync(`${at}/d/l`, 'old')
  putCopies([
    { type: 'folder', place: Buffer.from(`${at}/d`), mode: 0o777 },
    file(`${at}/d/f`, 'new', 0o755),
    { type: 'link', place: Buffer.from(`${at}/d/l`), target: Buffer.from('f') },
  ])
  expect([modeOf(`${at}/d`), modeOf(`${at}/d/f`), readFileSync(`${at}/d/l`, 'utf8')]).toEqual([
    0o711,
    0o755,
    'new',
  ])
})

test('what cannot be put anywhere is named, with why', () => {
  const at = folder()
  mkdirSync(`${at}/d`)
  const failed = (entry: CopiedEntry) => () => putCopies([entry])
  expect(failed(file(`${at}/d`, 'x'))).toThrow(new RegExp(`^${at}/d: .*directory`))
  writeFileSync(`${at}/f`, '')
  expect(failed(file(`${at}/f/g`, 'x'))).toThrow(expect.objectContaining({ code: 'EEXIST' }))
})
