// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ownDependency } from './own-dependency.ts'

test('the package comes from where it was installed from', () => {
  const top = mkdtempSync(path.join(tmpdir(), 'own-dependency-'))
  onTestFinished(() => rmSync(top, { recursive: true }))
  const project = path.join(top, 'a/project')
  // As npx and pnpm have it.
  const folder = path.join(top, 'npx/1/node_modules/.pnpm/mine/node_modules/mine')
  mkdirSync(folder, { recursive: true })
  const of = (content: string) => {
    writeFileSync(path.join(top, 'npx/1/package.json'), content)
    return ownDependency(project, folder, 'mine')
  }
  writeFileSync(path.join(folder, 'package.json'), '{ "dependencies": { "mine": "9" } }')
  expect(of('{ "dependencies": { "mine": "file:../../mine-1.tgz" } }')).toBe('file:../../mine-1.tgz')
  expect(of(`{ "devDependencies": { "mine": "file:${top}/b/mine-1.tgz" } }`)).toBe('file:../../b/mine-1.tgz')
  expect(of('{ "devDependencies": { "mine": "^1.2.0" } }')).toBe('^1.2.0')
  expect(of('{ "devDependencies": { "other": "1" } }')).toBeUndefined()
  expect(of('no JSON')).toBeUndefined()
})
