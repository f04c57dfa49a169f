// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { withSections } from './module-sections.ts'

const report = (...frames: readonly string[]) =>
  [
    'unreferenced object 0xffff888004a3c100 (size 32):',
    '  comm "node", pid 70, jiffies 4294893000',
    '  backtrace (crc 0):',
    '    __kmalloc_cache_noprof+0x1/0x2',
    ...frames.map(frame => `    ${frame}`),
  ].join('\n')
const noted = 'nlex .text 0xffffffffa0000000\nnlex .init.text 0xffffffffa0010000\n'

test('addresses of code that is gone have their section and module again', () => {
  expect(withSections(report('0xffffffffa0000123', '0xffffffffa0010042', 'genl_rcv+0x1/0x2'), noted)).toBe(
    report('.text+0x123/0x0 [nlex]', '.init.text+0x42/0x0 [nlex]', 'genl_rcv+0x1/0x2'),
  )
  // As 5.10 and 6.1 write it.
  expect(withSections(report('[<(____ptrval____)>] 0xffffffffa0000123'), noted)).toBe(
    report('[<(____ptrval____)>] .text+0x123/0x0 [nlex]'),
  )
})

test('what several modules may have been is nobody’s, and so is what is far from all', () => {
  const shared = `${noted}other .text 0xffffffffa0000000\n`
  expect(withSections(report('0xffffffffa0000123'), shared)).toBe(report('0xffffffffa0000123'))
  expect(withSections(report('0xffffffffa0000123'), noted + noted)).toBe(report('.text+0x123/0x0 [nlex]'))
  expect(withSections(report('0xffffffffb0000123', '0xffffffff9fffffff'), noted)).toBe(
    report('0xffffffffb0000123', '0xffffffff9fffffff'),
  )
})
