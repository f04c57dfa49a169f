// SPDX-License-Identifier: MIT
/**
 * What becomes part of a kernel is under its licence, and says so in its first lines:
 * Documentation/process/license-rules.rst.
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const project = path.resolve(import.meta.dirname, '../..')
const folders = ['kernel/modules', 'harness/fixtures/faults-module']

test('sources, Kbuild files and patches of modules are GPL-2.0-only', () => {
  const files = folders.flatMap(folder =>
    readdirSync(path.join(project, folder), { recursive: true, encoding: 'utf8' })
      .filter(file => /(\.[ch]|\.patch|(^|\/)Kbuild)$/.test(file))
      .map(file => path.join(folder, file)),
  )
  expect(files.length).toBeGreaterThan(100)
  const lines = (file: string) => readFileSync(path.join(project, file), 'utf8').split('\n', 2).join('\n')
  const says = /^(\/\/ |\/\* |# |)SPDX-License-Identifier: GPL-2\.0-only( WITH Linux-syscall-note)?( \*\/)?$/m
  expect(files.filter(file => !says.test(lines(file)))).toEqual([])
  for (const file of files.filter(file => file.endsWith('.c')))
    expect(readFileSync(path.join(project, file), 'utf8'), file).toContain('MODULE_LICENSE("GPL");')
})
