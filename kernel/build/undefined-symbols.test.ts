// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ModuleError } from '../../harness/base/errors.ts'
import { explainUndefined } from './undefined-symbols.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'undefined-symbols-'))
  vi.stubEnv('XDG_CACHE_HOME', root)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(root, { recursive: true })
})

function cached(label: string, symbols: string): void {
  const folder = path.join(root, 'netlink-vmtest/kernels', label.replace(/\W/g, '-'))
  mkdirSync(path.join(folder, 'source/lib'), { recursive: true })
  mkdirSync(path.join(folder, 'output'))
  const kernel = { label, release: '6', origin: 'a test', source: 'source', output: 'output' }
  writeFileSync(path.join(folder, 'kernel.json'), JSON.stringify(kernel))
  writeFileSync(path.join(folder, 'output/Module.symvers'), symbols)
  writeFileSync(
    path.join(folder, 'source/lib/Makefile'),
    'obj-y += crc32.o\nobj-$(CONFIG_OTHER) += other.o\nobj-$(CONFIG_LIBCRC32C)\t+= \\\n  libcrc32c.o\n',
  )
}

const explained = async (details: string, label = 'tree:minimal-6.12') =>
  (
    await explainUndefined(
      new ModuleError('it does not build', { details }),
      { label, build: { source: '/nowhere', output: '/nowhere', variables: [] } },
      { dir: path.join(root, 'a') },
      [{ dir: path.join(root, 'nowhere') }],
    )
  ).details

const lacks = (symbol: string) => `ERROR: modpost: "${symbol}" [/b/a.ko] undefined!`

test('what the kernel lacks is named with the nearest one that has it, the module and its option', async () => {
  cached(
    'tree:full-5.10',
    '0x1\tcrc32c\tlib/old\tEXPORT_SYMBOL\t\n0x2\told_one\tlib/other\tEXPORT_SYMBOL\t\n',
  )
  cached(
    'tree:full-6.12',
    '0x1\tcrc32c\tlib/libcrc32c\tEXPORT_SYMBOL\t\n0x3\tin_it\tvmlinux\tEXPORT_SYMBOL_GPL\t\n',
  )
  cached('tree:minimal-6.12', '')
  const lines = ['crc32c', 'in_it', 'old_one', 'nowhere'].map(lacks).join('\n')
  expect(await explained(lines)).toBe(
    `${lines}
crc32c: not exported by tree:minimal-6.12, but by tree:full-6.12, in libcrc32c (CONFIG_LIBCRC32C)
in_it: not exported by tree:minimal-6.12, but by tree:full-6.12
old_one: not exported by tree:minimal-6.12, but by tree:full-5.10, in other (CONFIG_OTHER)`,
  )
})

test('nothing is added where nothing is known', async () => {
  cached('tree:minimal-6.12', '')
  expect(await explained(lacks('crc32c'))).toBe(lacks('crc32c'))
  expect(await explained("a.c:1:1: error: 'crc32c' undeclared")).toBe("a.c:1:1: error: 'crc32c' undeclared")
})
