// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { AgentRequest } from '../../guest/agent/protocol.ts'
import { AgentError, type Guest } from '../guest/guest.ts'
import { deliverCopies } from '../guest/host-files.ts'
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

const place = '/tmp/x'
const listed = async (source: string) =>
  Object.fromEntries(
    (await collectCopies([{ source, place }])).items.map(item => {
      const what =
        item.type === 'link'
          ? item.target.toString('latin1')
          : `${item.type} ${(item.mode & 0o7777).toString(8)}`
      return [item.place.toString('latin1'), what]
    }),
  )

test('a folder: files, empty folders, modes, names of any bytes', async () => {
  const source = folder()
  chmodSync(source, 0o755)
  mkdirSync(path.join(source, 'sub'))
  mkdirSync(path.join(source, 'empty'))
  chmodSync(path.join(source, 'empty'), 0o1700)
  writeFileSync(path.join(source, 'sub/a'), 'a', { mode: 0o600 })
  writeFileSync(Buffer.from(`${source}/\xff\n`, 'latin1'), '', { mode: 0o755 })
  expect(await listed(source)).toEqual({
    '/tmp/x': 'folder 755',
    '/tmp/x/sub': 'folder 755',
    '/tmp/x/sub/a': 'file 600',
    '/tmp/x/empty': 'folder 1700',
    '/tmp/x/\xff\n': 'file 755',
  })
})

test('links in a folder are links, wherever they lead; one that is named itself is followed', async () => {
  const source = folder()
  const links = {
    good: 'f',
    dangling: 'nowhere',
    itself: 'itself',
    parent: '..',
    outside: '/etc/passwd',
    odd: '\xff',
  }
  for (const [name, target] of Object.entries(links))
    symlinkSync(Buffer.from(target, 'latin1'), path.join(source, name))
  writeFileSync(path.join(source, 'f'), '')
  const copied = await listed(source)
  for (const [name, target] of Object.entries(links)) expect(copied[`/tmp/x/${name}`]).toBe(target)
  expect(Object.keys(copied)).toHaveLength(8)
  expect(await listed(path.join(source, 'good'))).toEqual({ '/tmp/x': 'file 644' })
  expect(() => parseCopy(path.join(source, 'dangling'))).toThrow(/^cannot copy .*dangling: ENOENT/)
  expect(() => parseCopy(path.join(source, 'itself'))).toThrow(/^cannot copy .*itself: ELOOP/)
})

test("a program's libraries come along, but not those that node has", async () => {
  // the guest has node's own libraries
  const { items, libraryFolders } = await collectCopies([{ source: process.execPath, place: '/tmp/n' }])
  expect(items.map(item => item.place.toString())).toEqual(['/tmp/n'])
  expect(libraryFolders).toEqual([])
})

test('what is not there, or is none of these, is named', async () => {
  expect(() => parseCopy('/nowhere/a:/tmp')).toThrow('cannot copy /nowhere/a: ENOENT')
  await expect(listed('/dev/null')).rejects.toThrow(
    'cannot copy /dev/null: it is a device, not a file, folder or link',
  )
  const source = folder()
  execFileSync('mkfifo', [path.join(source, 'queue\n')])
  await expect(listed(source)).rejects.toThrow(`cannot copy ${source}/queue\\x0a: it is a FIFO`)
  rmSync(path.join(source, 'queue\n'))
  const server = createServer().listen(path.join(source, 'socket'))
  await once(server, 'listening')
  await expect(listed(source)).rejects.toThrow(`cannot copy ${source}/socket: it is a socket`)
  server.close()
})

/** The requests that a guest would be sent. */
async function sent(source: string): Promise<Extract<AgentRequest, { type: 'copy' }>[]> {
  const requests: Extract<AgentRequest, { type: 'copy' }>[] = []
  const guest = {
    ask: async (request: AgentRequest) => {
      if (request.type === 'copy') requests.push(request)
    },
  } as unknown as Guest
  await deliverCopies(guest, (await collectCopies([{ source, place }])).items)
  return requests
}

test('a large file goes in pieces of which none is large, small ones go together', async () => {
  const source = folder()
  for (const name of ['1', '2', '3']) writeFileSync(path.join(source, name), name)
  const large = Buffer.alloc(20_000_000, 'netlink')
  writeFileSync(path.join(source, 'large'), large)
  const requests = await sent(source)
  expect(requests.length).toBeLessThan(5)
  const parts = requests.flatMap(({ entries }) =>
    entries.flatMap(entry => (entry.type === 'file' && entry.place.length === 12 ? [entry] : [])),
  )
  for (const { content } of parts) expect(content.length).toBeLessThanOrEqual(8 * 1024 * 1024)
  expect(Buffer.concat(parts.map(({ content }) => content)).equals(large)).toBe(true)
  expect(parts.map(({ append }) => append)).toEqual([false, true, true])
})

test('a file that says it is empty and is not is copied whole', async () => {
  const [request] = await sent('/proc/version')
  const [entry] = request?.entries ?? []
  expect(entry?.type === 'file' && Buffer.from(entry.content).toString()).toContain('Linux version')
})

test('what the guest has no room for, or cannot put there, is told with its place', async () => {
  const source = folder()
  writeFileSync(path.join(source, 'f'), 'f')
  const { items } = await collectCopies([{ source: path.join(source, 'f'), place }])
  const refuses = (text: string, code: string | undefined) =>
    deliverCopies({ ask: () => Promise.reject(new AgentError(text, code)) } as unknown as Guest, items)
  await expect(refuses('Error: x: ENOSPC: no space', 'ENOSPC')).rejects.toThrow(
    'cannot copy to /tmp/x: there is no room for it in the guest: raise vm.memory',
  )
  await expect(refuses('/tmp/x: EISDIR: is a directory', 'EISDIR')).rejects.toThrow(
    "cannot copy to /tmp/x: the guest's agent failed: /tmp/x: EISDIR: is a directory",
  )
  await expect(refuses('TypeError: a bug\n    at x', undefined)).rejects.toThrow(AgentError)
})
