// SPDX-License-Identifier: MIT
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { ownFolder, ownModule } from './own-folder.ts'

test('the package has every module that is named rather than imported', async () => {
  const sources = globSync('{harness,kernel,images}/**/*.ts', { cwd: ownFolder })
    .filter(file => !/\.test\.ts$|^harness\/(bench|fixtures)\//.test(file))
    .map(file => readFileSync(path.join(ownFolder, file), 'utf8'))
    .join('\n')
  // All programs are entries.
  const named = [...sources.matchAll(/ownModule\(([^)]*)\)/g)]
    .map(match => match[1] ?? '')
    .filter(argument => !/^`guest\/programs\/|^name: string$/.test(argument))
  const literal = named.map(argument => /^'([^']+)'$/.exec(argument)?.[1])
  expect(literal).not.toContain(undefined)
  expect(literal.length).toBeGreaterThan(8)
  const tsc = path.join(ownFolder, 'node_modules/.bin/tsc')
  const { stdout } = await execa(tsc, ['-p', 'tsconfig.build.json', '--listFilesOnly'], { cwd: ownFolder })
  const built = stdout.split('\n').map(file => path.resolve(ownFolder, file))
  expect(literal.filter(name => !built.includes(ownModule(name ?? '')))).toEqual([])
})
