// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { dependencyFolder, nodeBinary } from './dependencies.ts'

test('packages are found, one too that only another depends on', () => {
  expect(existsSync(nodeBinary())).toBe(true)
  expect(existsSync(path.join(dependencyFolder('@koromix/koffi-linux-x64'), 'linux_x64/koffi.node'))).toBe(
    true,
  )
})

test('one that was not installed is named', () => {
  expect(() => dependencyFolder('@koromix/nowhere')).toThrow(
    'the npm package @koromix/nowhere is missing: install again, with optional packages (npm install --include=optional)',
  )
})
