// SPDX-License-Identifier: MIT
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ModuleError } from '../../harness/base/errors.ts'
import { type Progress, silentProgress } from '../../harness/base/progress.ts'
import type { Kernel } from '../kernel.ts'
import { checkModules, isInstalled } from './check-modules.ts'

/** A small stand-in for a kernel's build, which calls a checker as scripts/Makefile.build does. */
const kbuild = `
include $(M)/Kbuild
modules: $(addprefix $(M)/,$(obj-m:.o=.ko))
$(M)/%.ko: $(M)/%.c FORCE
	@echo '  CC [M]  $*.o'
	@$(CC) -Wall $(KCFLAGS) -c -o $@ $<
ifeq ($(KBUILD_CHECKSRC),2)
	@echo '  CHECK   $<'
	@$(CHECK) $(KCFLAGS) $<
endif
FORCE:
`

let root: string
let titles: string[]

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'check-modules-'))
  titles = []
  vi.stubEnv('XDG_CACHE_HOME', path.join(root, 'cache'))
  vi.stubEnv('PATH', `${path.join(root, 'bin')}:/usr/bin:/bin`)
  for (const folder of ['bin', 'tree', 'first', 'second']) mkdirSync(path.join(root, folder))
  writeFileSync(path.join(root, 'tree/Makefile'), kbuild)
  writeFileSync(path.join(root, 'tree/.config'), '')
  for (const name of ['first', 'second']) {
    writeFileSync(path.join(root, name, 'Kbuild'), `obj-m += ${name}.o\n`)
    writeFileSync(path.join(root, name, `${name}.c`), 'static int unused;\n')
  }
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(root, { recursive: true })
})

/** A checker that says this of each file. */
function install(tool: string, text: string, status = 0): void {
  const file = path.join(root, 'bin', tool)
  writeFileSync(
    file,
    `#!/bin/sh\nfor last; do :; done\necho "$last:1:5: warning: $1 ${text}" >&2\nexit ${status}\n`,
  )
  chmodSync(file, 0o755)
}

const check = (tool: 'sparse' | 'smatch') => {
  const build = { source: path.join(root, 'tree'), output: path.join(root, 'tree'), variables: [] }
  const kernel = {
    label: 'test',
    release: '6.1.0-test',
    id: 'test',
    config: path.join(root, 'tree/.config'),
    build,
  }
  const folders = ['first', 'second'].map(name => ({ dir: path.join(root, name) }))
  const progress: Progress = {
    ...silentProgress,
    step(title, work) {
      titles.push(title)
      return silentProgress.step(title, work)
    },
  }
  return checkModules(kernel as unknown as Kernel, folders, { tool, progress })
}

test('asks the tool about each folder, once for the same sources and tool', async () => {
  expect(isInstalled('sparse')).toBe(false)
  install('sparse', 'is odd')
  expect(isInstalled('sparse')).toBe(true)
  const lines = await check('sparse')
  expect(lines.filter(line => line.includes('is odd'))).toEqual([
    expect.stringMatching(/^first\.c:1:5: warning: .* is odd$/),
    expect.stringMatching(/^second\.c:1:5: warning: .* is odd$/),
  ])
  expect(lines.some(line => line.includes('CHECK'))).toBe(false)
  const checks = () => titles.filter(title => title.startsWith('sparse: '))
  expect(checks()).toHaveLength(2)
  expect(await check('sparse')).toEqual(lines)
  expect(checks()).toHaveLength(2)
  install('sparse', 'is quite odd')
  expect((await check('sparse')).filter(line => line.includes('is quite odd'))).toHaveLength(2)
  writeFileSync(path.join(root, 'first/first.c'), 'static int other;\n')
  await check('sparse')
  expect(checks()).toHaveLength(5)
})

test('a tool that fails, with its lines', async () => {
  install('smatch', 'is too new', 1)
  const failure = check('smatch')
  await expect(failure).rejects.toThrow(ModuleError)
  await expect(failure).rejects.toMatchObject({ details: expect.stringContaining('-p=kernel is too new') })
})
