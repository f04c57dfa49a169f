// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { silentProgress } from '../../harness/base/progress.ts'
import { openArchive } from './archive.ts'

test('a fetch ends when the disk is full, also where the archive does not answer', async () => {
  const cache = mkdtempSync(path.join(tmpdir(), 'archive-'))
  onTestFinished(() => rmSync(cache, { recursive: true }))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', cache])
  onTestFinished(() => void execFileSync('umount', ['-l', cache]))
  vi.stubEnv('XDG_CACHE_HOME', cache)
  // apt would ask the machine's proxy for it
  vi.stubEnv('no_proxy', '127.0.0.1')
  const server = createServer(() => {}).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close().closeAllConnections())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const archive = await openArchive({ progress: silentProgress, mirror: `http://127.0.0.1:${port}` })
  const asked = once(server, 'request')
  const wanted = {
    name: 'linux-image',
    version: '1',
    file: 'pool/linux-image_1.deb',
    sha256: '0'.repeat(64),
    size: 1,
    archive: 'main',
    suite: 'bookworm',
  } as const
  const fetched = expect(archive.fetch(wanted, cache)).rejects.toThrow(/^no space left below /)
  await asked
  expect(() => writeFileSync(path.join(cache, 'fills'), new Uint8Array(1 << 20))).toThrow('ENOSPC')
  await fetched
})
