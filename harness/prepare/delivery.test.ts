// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Kernel } from '../../kernel/kernel.ts'
import { silentProgress } from '../base/progress.ts'
import { Delivery, modulesUnderTest, withModules } from './delivery.ts'
import { checkSettings } from './settings.ts'

const root = mkdtempSync(path.join(tmpdir(), 'delivery-'))
afterAll(() => rmSync(root, { recursive: true }))

function folder(name: string, makefile: string): string {
  const place = path.join(root, name)
  mkdirSync(place)
  writeFileSync(path.join(place, 'Makefile'), makefile)
  return place
}

test("--modules: the project's build options go with a folder that has what they name", () => {
  const build = { target: 'driver', make: { CONFIG_MINE: 'm' } }
  const settings = checkSettings({ modules: { dir: 'src', ...build } })
  const like = folder('like', 'docs driver: all\n\tmake -C $(KDIR) M=$(PWD)\n')
  expect(withModules(settings, like).modules).toEqual({ dir: like, ...build })
  for (const [index, makefile] of ['obj-m := a.o\n', 'driver := x\n', 'all: driver\n'].entries()) {
    const other = folder(`other-${index}`, makefile)
    expect(withModules(settings, other).modules).toEqual({ dir: other })
  }
  const prepared = checkSettings({ modules: { dir: 'src', prepare: './configure --quiet' } })
  expect(withModules(prepared, like).modules).toEqual({ dir: like })
  writeFileSync(path.join(like, 'configure'), '#!/bin/sh\n')
  expect(withModules(prepared, like).modules).toEqual({ dir: like, prepare: './configure --quiet' })
  expect(() => withModules(settings, '/nosuch')).toThrow('--modules: there is no folder /nosuch')
})

test('a folder that is not there, or twice, is named by its setting, before any is built', async () => {
  folder('m', 'obj-m := a.o\n')
  const build = (modules: string[]) => {
    const kernel = {} as Kernel // Whatever is built needs one.
    const folders = modulesUnderTest(checkSettings({ modules }), root)
    return new Delivery(kernel, folders, silentProgress).buildModules()
  }
  await expect(build(['m', 'nosuch'])).rejects.toThrow(`: modules.1: there is no folder ${root}/nosuch`)
  await expect(build(['m', './m'])).rejects.toThrow(
    `modules.0 and modules.1 are the same, ${root}/m: leave one out`,
  )
})
