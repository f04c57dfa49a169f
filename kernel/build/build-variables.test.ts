// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { buildVariables } from './build-variables.ts'

test('build variables follow from the configuration', () => {
  expect(buildVariables('CONFIG_A=y\n')).toEqual([])
  expect(
    buildVariables(
      '#\nCONFIG_DEBUG_INFO_BTF_MODULES=y\nCONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=y\nCONFIG_CC_HAS_COUNTED_BY=y\n',
    ),
  ).toEqual([
    'CONFIG_DEBUG_INFO_BTF_MODULES=',
    'CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=',
    'KCFLAGS=-Wno-attributes',
  ])
})
