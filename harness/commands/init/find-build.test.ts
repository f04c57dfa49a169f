// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WrongOrder } from '../../../kernel/build/undefined-symbols.ts'
import { MachineryError, ModuleError } from '../../base/errors.ts'
import { findBuild } from './find-build.ts'
import type { ModuleEntry } from './plan.ts'

let project: string
let tried: (readonly ModuleEntry[])[]
let notes: string[]
beforeEach(() => {
  project = mkdtempSync(path.join(tmpdir(), 'find-build-'))
  tried = []
  notes = []
})
afterEach(() => rmSync(project, { recursive: true }))

function write(name: string, content = ''): void {
  const file = path.join(project, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, content)
}

/** What builds is said by `errorOf`: nothing, or the lines of the compiler. */
async function found(
  folders: readonly string[],
  errorOf: (modules: readonly ModuleEntry[]) => string | ModuleError,
) {
  const none = { registrations: [], modules: [], faults: [], details: '' }
  const { modules, findings } = await findBuild(
    project,
    folders,
    modules => {
      tried.push(modules)
      const error = errorOf(modules)
      if (error === '') return Promise.resolve(none)
      const broken =
        error instanceof ModuleError ? error : new ModuleError('it does not build', { details: error })
      return Promise.resolve({ ...none, broken })
    },
    line => notes.push(line),
  )
  return { modules, isBuilt: findings.broken === undefined }
}

const callsKernel = (target: string) => `${target}:\n\t$(MAKE) -C $(KDIR) M=$(CURDIR) modules\n`

test('headers of the project are added one after the other, with the reason', async () => {
  write('include/a.h')
  write('more/b.h')
  const lacks = (header: string) => `m.c:1:1: fatal error: ${header}: No such file or directory`
  const needs = ([one]: readonly ModuleEntry[]) => {
    const missing = ['include', 'more'].find(folder => !one?.sources.includes(folder))
    return missing === undefined ? '' : lacks(missing === 'include' ? 'a.h' : 'b.h')
  }
  expect(await found(['src'], needs)).toEqual({
    modules: [{ dir: 'src', sources: ['include', 'more'] }],
    isBuilt: true,
  })
  expect(notes).toEqual([
    `${lacks('a.h')}: trying with sources: include`,
    `${lacks('b.h')}: trying with sources: more`,
  ])
})

test("a target of the folder's own Makefile, or of one above; with headers too", async () => {
  write('src/Kbuild', 'obj-m := a.o\n')
  write('Makefile', `${callsKernel('module')}all: generate module\n`)
  write('include/a.h')
  const error = 'a.c:1:1: fatal error: generated.h: No such file or directory'
  expect(await found(['src'], ([one]) => (one?.target === 'all' ? '' : error))).toEqual({
    modules: [{ dir: '.', sources: [], target: 'all' }],
    isBuilt: true,
  })
  expect(tried.map(([one]) => one?.target)).toEqual([undefined, 'module', 'all'])
  expect(notes).toEqual([
    `${error}: trying make module of Makefile`,
    `make module does not build it either: ${error}: trying make all of Makefile`,
  ])
})

test('several folders: the targets of all, then those above them', async () => {
  write('mod/a/Makefile', callsKernel('one'))
  write('mod/b/Makefile', callsKernel('two'))
  write('mod/Makefile', callsKernel('both'))
  await found(['mod/a', 'mod/b'], () => 'a.c:1:1: error: no')
  expect(tried.map(modules => modules.map(({ dir, target }) => `${dir} ${target}`))).toEqual([
    ['mod/a undefined', 'mod/b undefined'],
    ['mod/a one', 'mod/b two'],
    ['mod both'],
  ])
})

test('without a way, the first one stays; a machine that cannot build ends the search', async () => {
  write('Makefile', callsKernel('all'))
  expect(await found(['.'], () => 'a.c:1:1: error: no')).toEqual({
    modules: [{ dir: '.', sources: [] }],
    isBuilt: false,
  })
  const broken = new MachineryError('no disk')
  let count = 0
  const look = () => {
    count++
    return Promise.resolve({ registrations: [], modules: [], faults: [], details: '', broken })
  }
  expect((await findBuild(project, ['.'], look, () => {})).findings.broken).toBe(broken)
  expect(count).toBe(1)
})

test('folders come in the order of what they use of each other', async () => {
  const place = (dir: string) => path.join(project, dir)
  const uses = { a: 'c', b: 'a' }
  const error = (modules: readonly ModuleEntry[]) => {
    const order = modules.map(({ dir }) => dir)
    const [user, exporter] =
      Object.entries(uses).find(([user, exporter]) => order.indexOf(exporter) > order.indexOf(user)) ?? []
    if (user === undefined || exporter === undefined) return ''
    return new WrongOrder(place(user), place(exporter), 'answer', '')
  }
  expect((await found(['b', 'a', 'c'], error)).modules.map(({ dir }) => dir)).toEqual(['c', 'a', 'b'])
  expect(notes).toEqual([
    `${place('a')} does not build: it uses answer of ${place('c')}, which comes after it in modules: put ${place('c')} before it: trying in this order`,
    expect.stringMatching(/\/b does not build: .*: trying in this order$/),
    expect.stringMatching(/\/a does not build: .*: trying in this order$/),
  ])
  // In a circle no order helps.
  tried = []
  const circle = ([first]: readonly ModuleEntry[]) =>
    new WrongOrder(place(first?.dir ?? ''), place(first?.dir === 'a' ? 'b' : 'a'), 'answer', '')
  expect(await found(['a', 'b'], circle)).toMatchObject({ isBuilt: false })
  expect(tried).toHaveLength(2)
})
