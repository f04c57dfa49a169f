import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { silentProgress } from '../../harness/base/progress.ts'
import { provideKernel } from '../provide.ts'
import { buildModules } from './build-modules.ts'
import type { ModuleFolder } from './module-sources.ts'

let root: string
let dir: string
let outside: string

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'build-modules-'))
  dir = path.join(root, 'module')
  outside = path.join(root, 'outside')
  for (const folder of [path.join(dir, 'include'), outside]) mkdirSync(folder, { recursive: true })
  writeFileSync(
    path.join(dir, 'Kbuild'),
    `include ${outside}/common.mk
obj-m := told.o
ccflags-y := -I${outside} -I$(PWD)/include -DFROM_MAKE=\\"$(FROM_MAKE)\\" -DFROM_ENVIRONMENT=\\"$(FROM_ENVIRONMENT)\\"
`,
  )
  writeFileSync(
    path.join(dir, 'told.c'),
    `#include <linux/module.h>
#include "outside.h"
#include "inside.h"
MODULE_LICENSE("GPL");
MODULE_INFO(told, OUTSIDE " " INSIDE " " FROM_MAKE " " FROM_ENVIRONMENT);
`,
  )
  writeFileSync(path.join(dir, 'include/inside.h'), '#define INSIDE "inside"\n')
  writeFileSync(path.join(outside, 'outside.h'), '#define OUTSIDE "outside"\n')
  writeFileSync(path.join(outside, 'common.mk'), 'FROM_MAKE := made\n')
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(root, { recursive: true, force: true })
})

// 6.13 moved make's own folder from the kernel's to the module's, and with it what paths in .cmd files are relative to.
describe.each(['debian-6.1', 'debian-7.3'])('%s', label => {
  /** What the module says of itself that it was built with. */
  const told = async (more: Partial<ModuleFolder> = {}) => {
    const kernel = await provideKernel(label, { progress: silentProgress })
    const { modules } = await buildModules(kernel, { dir, ...more }, { progress: silentProgress })
    const module = readFileSync(modules.get('told') as string, 'latin1')
    return /\btold=([^\0]*)/.exec(module)?.[1]
  }

  test('a module is what its files, its variables and those alone make of it', async () => {
    vi.stubEnv('FROM_ENVIRONMENT', "the caller's")
    vi.stubEnv('PWD', outside)
    expect(await told()).toBe('outside inside made ')

    writeFileSync(path.join(outside, 'outside.h'), '#define OUTSIDE "changed"\n')
    expect(await told()).toBe('changed inside made ')
    writeFileSync(path.join(outside, 'common.mk'), 'FROM_MAKE := remade\n')
    const given = { env: { FROM_ENVIRONMENT: 'given' } }
    expect(await told(given)).toBe('changed inside remade given')
  })
})
