// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { requireBreakpoints } from './breakpoints.ts'

const source = `
static inline __attribute__((always_inline)) int inlined_one(int a) { return a + 1; }
int nlex_notify(int a) { return inlined_one(a); }
`
const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
beforeAll(async () => {
  writeFileSync(path.join(folder, 'nlexample.c'), source)
  const compile = async (output: string, ...options: string[]) =>
    await execa('gcc', ['-g', '-O2', '-c', ...options, '-o', output, 'nlexample.c'], { cwd: folder })
  await compile('nlexample.ko')
  await compile('compressed.ko', '-gz')
})
afterAll(() => rmSync(folder, { recursive: true }))

function check(place: string, { module = 'nlexample', vmlinux }: { module?: string; vmlinux?: string } = {}) {
  const symbols = { module: (name: string) => path.join(folder, `${name}.ko`), vmlinux }
  requireBreakpoints([place], [module], [folder], symbols, { label: 'debian-6.1' })
}

test.each(['nlex_notify', 'inlined_one', 'nlexample.c:3', 'kernel/modules/nlexample.c:3'])(
  'gdb can stop at %s',
  place => expect(() => check(place)).not.toThrow(),
)

test('what is nowhere is refused, with the nearest name of a function', () => {
  expect(() => check('nlex_notfy')).toThrow(
    '--break: nlex_notfy is in none of nlexample, debian-6.1: did you mean nlex_notify? (debian-6.1 has no symbols of its own: debug kernels have them)',
  )
  expect(() => check('inlned_one')).toThrow('did you mean inlined_one?')
  expect(() => check('other.c:3')).toThrow('--break: other.c:3 is in none of nlexample')
})

test('a line behind the end of its file is refused', () => {
  expect(() => check('nlexample.c:9999')).toThrow(
    '--break: nlexample.c:9999 is behind the end of nlexample.c, which has 3 lines',
  )
})

test('the kernel may have it, and so may what is compressed', () => {
  const vmlinux = path.join(folder, 'nlexample.ko')
  expect(() => check('nowhere', { module: 'nlexample', vmlinux })).toThrow(
    /^--break: nowhere is in none of nlexample, debian-6.1$/,
  )
  expect(() => check('nlex_notify', { vmlinux })).not.toThrow()
  expect(() => check('nlex_notfy', { module: 'compressed' })).not.toThrow()
})
