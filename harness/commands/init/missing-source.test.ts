// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { missingSource } from './missing-source.ts'

test('the place of a header that a build lacks', () => {
  const project = mkdtempSync(path.join(tmpdir(), 'missing-source-'))
  onTestFinished(() => rmSync(project, { recursive: true }))
  for (const file of [
    'include/a.h',
    'lib/include/uapi/b.h',
    'x/c.h',
    'y/c.h',
    'node_modules/d.h',
    'e.h',
    'src/g.h',
    'lib/mod/core/inner/h.h',
    'lib/mod/core/i.h',
  ]) {
    mkdirSync(path.dirname(path.join(project, file)), { recursive: true })
    writeFileSync(path.join(project, file), '')
  }
  const of = (header: string) =>
    missingSource(
      project,
      ['src', 'lib/mod/core'],
      `src/m.c:6:10: fatal error: ${header}: No such file or directory\n`,
    )
  expect(['a.h', '../include/a.h', 'uapi/b.h', '../../lib/include/uapi/b.h', '../e.h'].map(of)).toEqual([
    'include',
    'include',
    'lib/include',
    'lib/include/uapi',
    'e.h',
  ])
  expect(['c.h', 'd.h', 'f.h', 'g.h'].map(of)).toEqual([undefined, undefined, undefined, undefined])
  // In a module's folder, which -I$(src)/../.. or the like leads to.
  expect(['mod/core/inner/h.h', 'core/inner/h.h', 'lib/mod/core/i.h'].map(of)).toEqual([
    'lib',
    'lib/mod',
    '.',
  ])
  expect(['inner/h.h', '../core/i.h'].map(of)).toEqual([undefined, undefined])
  expect(missingSource(project, ['src'], "error: 'x' undeclared")).toBeUndefined()
})
