// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { exportedSymbols } from './exported-symbols.ts'

test('symbols with and without versions, licences and namespaces', () => {
  const table = `0x2713391d\tbase_answer\t/cache/build/my-base\tEXPORT_SYMBOL_GPL\t
0x00000000\tbase_other\t/cache/build/sub/base\tEXPORT_SYMBOL\tMINE
`
  expect(exportedSymbols(table)).toEqual([
    { name: 'base_answer', module: 'my_base', crc: '0x2713391d', gplOnly: true },
    { name: 'base_other', module: 'base', gplOnly: false, namespace: 'MINE' },
  ])
  expect(exportedSymbols('')).toEqual([])
})
