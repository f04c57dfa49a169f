// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { explainTaint } from './taint.ts'

test('what loading a module leaves needs no explanation', () => {
  expect(explainTaint(0, new Set())).toBeUndefined()
  expect(explainTaint(4096, new Set())).toBeUndefined()
  expect(explainTaint(12288, new Set())).toBeUndefined()
})

test('what a report explains neither; everything else is named', () => {
  expect(explainTaint(12288 + 512, new Set([9]))).toBeUndefined()
  expect(explainTaint(12288 + 512 + 128, new Set([9]))).toContain('D (128): the kernel has died')
  expect(explainTaint(2 ** 18, new Set())).toContain('N (262144): an in-kernel test was run')
})
