// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { moduleInfo } from './modinfo.ts'

test('what a compiled module says of itself', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'module.o')
  const source = `
    #define INFO(name, text) static const char name[] __attribute__((section(".modinfo"), used, aligned(1))) = text;
    INFO(a, "alias=rtnl-link-veth") INFO(b, "depends=a,b-c") INFO(c, "alias=net-pf-16-proto-4-type-16")
    INFO(d, "description=x=y") const char elsewhere[] = "\\0license=no";`
  execFileSync('gcc', ['-c', '-x', 'c', '-o', file, '-'], { input: source })
  expect([...moduleInfo(readFileSync(file))]).toEqual([
    ['alias', ['rtnl-link-veth', 'net-pf-16-proto-4-type-16']],
    ['depends', ['a,b-c']],
    ['description', ['x=y']],
  ])
})

test('what is no module', () => {
  expect(() => moduleInfo(Buffer.from('no module'))).toThrow(RangeError)
  expect(() => moduleInfo(Buffer.from('\x7fELF\x02'))).toThrow(RangeError)
})
