// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeEach, expect, test, vi } from 'vitest'
import { runTool } from '../../harness/base/process.ts'
import { silentProgress } from '../../harness/base/progress.ts'
import type { Archive } from '../debian/archive.ts'
import type { Kernel } from '../kernel.ts'
import { kselftests } from './kselftests.ts'

const root = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
afterAll(() => rmSync(root, { recursive: true }))
const tests = path.join(root, 'tree/tools/testing/selftests')
const progress = silentProgress

function write(file: string, text: string): void {
  mkdirSync(path.dirname(path.join(tests, file)), { recursive: true })
  writeFileSync(path.join(tests, file), text)
}

beforeEach(() => {
  vi.stubEnv('XDG_CACHE_HOME', path.join(root, 'cache'))
  write('net/Makefile', '$(OUTPUT)/%: %.c\n\t$(CC) $(KHDR_INCLUDES) -o $@ $<\n')
  write('net/says.c', '#include <stdio.h>\nint main(void) { puts("1..0"); return 0; }\n')
  write('net/broken.c', 'int main(void) { return nothing; }\n')
  write('net/links.sh', '#!/bin/sh\n')
  write('core/Makefile', '')
  write('Makefile', '')
})

const kernel = { label: 'tree:x', origin: 'built in x', build: { source: path.join(root, 'tree') } } as Kernel
const build = (...names: string[]) => kselftests(kernel, names, { progress })

test('of a tree: a program is built when its source has changed, and the tree is only read', async () => {
  const [first] = await build('net/says', 'net/says')
  expect(await runTool(first?.file ?? '', [], { timeout: 60_000 })).toMatchObject({ stdout: '1..0' })
  const before = readFileSync(first?.file ?? '')
  expect(await build('net/says')).toEqual([{ name: 'net/says', file: first?.file }])
  write('net/says.c', '#include <stdio.h>\nint main(void) { puts("1..0 # SKIP"); return 4; }\n')
  const [second] = await build('net/says')
  expect(readFileSync(second?.file ?? '')).not.toEqual(before)
  expect(readdirSync(path.join(tests, 'net')).sort()).toEqual(['Makefile', 'broken.c', 'links.sh', 'says.c'])
})

test.each([
  ['net/say', 'kselftests: tree:x has no program net/say: did you mean net/says?'],
  ['net/netlink-dumps', 'has no program net/netlink-dumps: choose one of broken, says'],
  ['core/close_range', 'has no program core/close_range: it has none in C'],
  [
    'net/',
    'has no collection of tests net/: write COLLECTION/PROGRAM, with a folder of tools/testing/selftests',
  ],
  ['nets/says', 'has no collection of tests nets: did you mean net?'],
  [
    'says',
    'has no collection of tests says: write COLLECTION/PROGRAM, with a folder of tools/testing/selftests',
  ],
  ['net/links.sh', 'kselftests: net/links.sh is a script: only programs in C are built, leave it out'],
])('%j is refused', async (name, message) => {
  await expect(build(name)).rejects.toThrow(message)
})

test("what does not compile has the compiler's lines", async () => {
  await expect(build('net/broken')).rejects.toMatchObject({
    message: 'kselftest net/broken of tree:x does not compile on this machine',
    details: expect.stringMatching(/broken\.c:1:\d+: error: .*nothing/),
  })
})

test('a kernel without source is named', async () => {
  const bare = { ...kernel, build: { ...kernel.build, source: path.join(root, 'nowhere') } }
  await expect(kselftests(bare, ['net/says'], { progress })).rejects.toThrow(
    'kselftests: there is no source of tree:x with tools/testing/selftests: leave them out for this kernel',
  )
  const archive: Archive = { index: async () => [], fetch: () => Promise.reject(new Error('not asked for')) }
  const debian = { ...kernel, label: 'debian-6.1', origin: 'Debian linux 6.1.192-2 from bookworm (x)' }
  await expect(kselftests(debian, ['net/says'], { progress, archive: async () => archive })).rejects.toThrow(
    "kselftests: Debian's archive has no source of debian-6.1, linux-source-6.1 6.1.192-2: leave them out",
  )
  expect(await kselftests(debian, [], { progress })).toEqual([])
})
