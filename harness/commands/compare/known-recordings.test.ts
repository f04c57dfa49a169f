// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import type { RecordedFile } from '../../compare/recorded.ts'
import { checkSettings } from '../../prepare/settings.ts'
import { KnownRecordings } from './known-recordings.ts'
import type { PreparedSide } from './prepared-side.ts'

let root: string
const unit = (file: string) => ({ kernel: 'debian-6.1', file })
const recorded = (file: string): RecordedFile => ({ file, modules: [], tests: [] })

beforeEach(() => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  vi.stubEnv('XDG_CACHE_HOME', path.join(folder, 'cache'))
  onTestFinished(() => void vi.unstubAllEnvs())
  root = path.join(folder, 'project')
  execFileSync('git', ['init', '--quiet', root])
  writeFileSync(path.join(root, 'a.test.ts'), '')
})

/** What is known of the same side. */
const open = (filters: string[], testNamePattern?: string) => {
  const settings = checkSettings({ modules: 'module' })
  const opened = { root, settings, shown: 'main', checkedOut: undefined }
  const side = { opened, root, settings, kernels: [] } as unknown as PreparedSide
  const vitest = testNamePattern === undefined ? {} : { testNamePattern }
  return KnownRecordings.open(side, { filters, vitest, project: {} as never, specifications: [] })
}

test('a file is known whichever others ran with it, and not where other tests of it did', async () => {
  {
    const known = await open([])
    known.add(unit('a'), recorded('a'))
    known.add(unit('b'), recorded('b'))
    known.keep()
  }
  {
    const some = await open(['a'])
    expect(some.of(unit('a'))).toEqual([recorded('a')])
    some.add(unit('a'), recorded('a'))
    some.keep()
  }
  const all = await open([])
  expect([all.of(unit('a')), all.of(unit('b'))].map(({ length }) => length)).toEqual([2, 1])
  const other = await open([], 'x')
  expect(other.of(unit('a'))).toEqual([])
})

test('what comparisons of other files have found meanwhile is kept', async () => {
  {
    const one = await open(['a'])
    const other = await open(['b'])
    one.add(unit('a'), recorded('a'))
    other.add(unit('b'), recorded('b'))
    one.keep()
    other.keep()
  }
  const known = await open([])
  expect([known.of(unit('a')), known.of(unit('b'))].map(({ length }) => length)).toEqual([1, 1])
})
