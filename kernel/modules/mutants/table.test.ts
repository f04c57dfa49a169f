// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { execaSync } from 'execa'
import { expect, test } from 'vitest'
import { mutantsOf } from './table.ts'

const mutants = mutantsOf(readFileSync(path.join(import.meta.dirname, 'README.md'), 'utf8'))

test('every patch is in the table, and every row has its patch', () => {
  const patches = readdirSync(import.meta.dirname).filter(name => name.endsWith('.patch'))
  expect(mutants.map(mutant => `${mutant.name}.patch`).sort()).toEqual(patches.sort())
  expect(mutants.length).toBeGreaterThanOrEqual(40)
})

test.each(mutants)('$name applies to $module as it is', ({ name, module }) => {
  const patch = path.join(import.meta.dirname, `${name}.patch`)
  expect(readFileSync(patch, 'utf8')).toContain(`--- a/${module}/${module}.c`)
  const { exitCode, stderr } = execaSync('git', ['apply', '--check', '--directory=kernel/modules', patch], {
    cwd: path.resolve(import.meta.dirname, '../../..'),
    reject: false,
    timeout: 10_000,
  })
  expect(stderr).toBe('')
  expect(exitCode).toBe(0)
})
