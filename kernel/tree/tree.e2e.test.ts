// SPDX-License-Identifier: MIT
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { silentProgress } from '../../harness/base/progress.ts'
import { buildModules } from '../build/build-modules.ts'
import type { Kernel } from '../kernel.ts'
import { hostLabel, provideKernel } from '../provide.ts'

/** Arranges a prebuilt kernel and its headers as `make O=` would leave them, without the long build. */
function arrange(kernel: Kernel, root: string): string {
  const { source, output } = kernel.build
  const usr = path.dirname(path.dirname(source))
  cpSync(usr, path.join(root, 'usr'), { recursive: true, verbatimSymlinks: true })
  const [tree, sources] = [output, source].map(it => path.join(root, 'usr', path.relative(usr, it)))
  if (tree === undefined || sources === undefined) throw new Error('no trees')
  writeFileSync(path.join(sources, 'Kconfig'), '')
  symlinkSync(path.relative(tree, sources), path.join(tree, 'source'))
  mkdirSync(path.join(tree, 'arch/x86/boot'), { recursive: true })
  cpSync(kernel.image, path.join(tree, 'arch/x86/boot/bzImage'))
  // Debian's packages have another release and configuration here than the kernel reports.
  writeFileSync(path.join(tree, 'include/config/kernel.release'), `${kernel.release}\n`)
  writeFileSync(
    path.join(tree, '.config'),
    `#\n${readFileSync(path.join(tree, 'include/config/auto.conf'), 'utf8')}`,
  )
  return tree
}

/** Every file with its size and time of change. */
const state = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map(name => {
      const { size, mtimeMs } = statSync(path.join(folder, name), { throwIfNoEntry: false }) ?? {}
      return `${name} ${size} ${mtimeMs}`
    })

test('modules build against a tree, in which nothing is written', async () => {
  const [root, cache] = ['tree', 'cache'].map(it => mkdtempSync(path.join(tmpdir(), `tree-e2e-${it}-`)))
  if (root === undefined || cache === undefined) throw new Error('no folders')
  onTestFinished(() => {
    vi.unstubAllEnvs()
    for (const folder of [root, cache]) rmSync(folder, { recursive: true, force: true })
  })
  const tree = arrange(await provideKernel(hostLabel(), { progress: silentProgress }), root)
  // A cache of its own, because the tree is temporary.
  vi.stubEnv('XDG_CACHE_HOME', cache)
  const before = state(root)
  const kernel = await provideKernel(`tree:${tree}`, { progress: silentProgress })
  const ours = path.join(import.meta.dirname, '../modules')
  const modules = await buildModules(kernel, [{ dir: ours }], { progress: silentProgress })
  expect([...modules.keys()].sort()).toEqual(['genlexample', 'nlcustom', 'nlexample', 'nlhello'])
  for (const { file } of modules.values())
    expect(readFileSync(file, 'latin1')).toContain(`vermagic=${kernel.release} `)
  expect(state(root)).toEqual(before)
}, 300_000)
