// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { checkedMemoryFunctions, checkMemoryFunctions } from './memory-functions.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'memory-functions-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
})

/** The functions that a file calls: by name, and for a struct that is copied. */
function calls(...flags: readonly string[]): string[] {
  const file = path.join(folder, 'copy.c')
  writeFileSync(
    file,
    `${checkedMemoryFunctions}
extern void *memcpy(void *to, const void *from, unsigned long count);
extern void *memset(void *, int, unsigned long);
struct large { char bytes[5000]; };
void copy(char *to, const char *from, unsigned long count) { memcpy(to, from, count); memset(to, 0, count); }
void copy_struct(struct large *to, const struct large *from) { *to = *from; }
`,
  )
  const object = path.join(folder, 'copy.o')
  execFileSync('gcc', ['-O2', '-D__KERNEL__', ...flags, '-c', file, '-o', object])
  const symbols = execFileSync('nm', ['-u', object], { encoding: 'utf8' })
  return [...symbols.matchAll(/ U (\w*mem\w+)/g)].map(([, name = '']) => name).sort()
}

test('what is sanitized calls the functions that check, and nothing else does', () => {
  expect(calls('-fsanitize=kernel-address')).toEqual(['__asan_memcpy', '__asan_memset'])
  expect(calls()).toEqual(['memcpy', 'memset'])
  // There the compiler does it itself.
  expect(calls('-fsanitize=kernel-address', '-DCONFIG_CC_HAS_KASAN_MEMINTRINSIC_PREFIX')).toContain('memcpy')
})

test('a tree has them once', async () => {
  const file = path.join(folder, 'include/linux/compiler_types.h')
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, '#define a\n')
  await checkMemoryFunctions(folder)
  await checkMemoryFunctions(folder)
  expect(readFileSync(file, 'utf8')).toBe(`#define a\n${checkedMemoryFunctions}`)
})
