// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Decoder } from './decode.ts'
import type { Frame } from './splats.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'decode-'))
  // A relocatable file with two sections, like a .ko with .text and .init.text.
  writeFileSync(
    path.join(folder, 'm.c'),
    `int sink;
__attribute__((noinline)) int inner(int a)
{
	return a + sink;
}
static inline int inlined(int a)
{
	return inner(a) * 2;
}
__attribute__((section(".init.text"), noinline)) int outer(int a)
{
	return inlined(a) + 1;
}
`,
  )
  const [source, module] = ['m.c', 'm.ko'].map(name => path.join(folder, name)) as [string, string]
  // As kernel/build/make.ts does: the same names wherever it was built.
  execFileSync('gcc', ['-g', '-O1', `-ffile-prefix-map=${folder}/=`, '-c', source, '-o', module], {
    cwd: '/',
  })
})
afterAll(() => rmSync(folder, { recursive: true }))

/** The compiler decides to which of the first lines a function's first instruction belongs. */
const first = expect.stringMatching(/^m\.c:[34]$/)

const decoder = () =>
  new Decoder({ module: name => (name === 'm' ? path.join(folder, 'm.ko') : undefined), vmlinux: undefined })
const frame = (name: string, offset: number, module: string | undefined = 'm'): Frame => ({
  function: name,
  offset,
  size: 0x20,
  module,
  certain: true,
})
/** The offset after the first call in a function: a return address, as in a stack. */
function returnOffset(name: string): number {
  const code = execFileSync('objdump', ['-d', '--no-show-raw-insn', path.join(folder, 'm.ko')], {
    encoding: 'utf8',
  })
  const lines = (code.split(`<${name}>:\n`)[1] ?? '').split('\n')
  const call = lines.findIndex(line => /\bcall\b/.test(line))
  const address = (line = '') => Number.parseInt(line, 16)
  return address(lines[call + 1]) - address(lines[0])
}

test('a function in .text: its file and line, as the sources were named when it was built', async () => {
  expect(await decoder().places([frame('inner', 0)])).toEqual([first])
})

test('a call in another section, from a function that was inlined: both places', async () => {
  const places = await decoder().places([frame('inner', 0), frame('outer', returnOffset('outer'))])
  expect(places).toEqual([first, 'm.c:8, inlined in m.c:12'])
})

test("a function of the kernel's, whose address no number holds exactly", async () => {
  const vmlinux = path.join(folder, 'vmlinux')
  // Enough functions to fill the 2 KiB to which such an address would be rounded.
  const functions = Array.from({ length: 200 }, (_, n) => `\n\nint f${n}(void) { return ${n}; }`)
  writeFileSync(path.join(folder, 'k.c'), functions.join(''))
  execFileSync(
    'gcc',
    [
      ...[
        '-g',
        '-O1',
        '-mcmodel=kernel',
        '-fno-pie',
        '-nostdlib',
        '-static',
        `-ffile-prefix-map=${folder}/=`,
      ],
      ...['-Wl,-Ttext=0xffffffff81245409', '-Wl,--entry=f0', path.join(folder, 'k.c'), '-o', vmlinux],
    ],
    { cwd: '/' },
  )
  const kernel = new Decoder({ module: () => undefined, vmlinux })
  const frames = [0, 1, 99, 199].map(n => ({ ...frame(`f${n}`, 0), module: undefined }))
  expect(await kernel.places([frames[0] as Frame])).toEqual(['k.c:3'])
  // All but the first are return addresses, for which the line is that of the instruction before.
  expect(await kernel.places(frames)).toEqual(['k.c:3', 'k.c:3', 'k.c:199', 'k.c:399'])
})

test('what there are no symbols for has no place, and does not keep others from theirs', async () => {
  const places = await decoder().places([
    frame('inner', 0),
    frame('vfs_write', 1, undefined),
    frame('inner', 0, 'other'),
    frame('nowhere', 0),
  ])
  expect(places).toEqual([first, undefined, undefined, undefined])
})

test('addresses in sections of a module that is gone are functions again', async () => {
  const text = (place: string) => `  backtrace:\n    ${place}\n    kmalloc+0x1/0x2`
  const offset = returnOffset('outer')
  expect(await decoder().named(text(`.init.text+0x${offset.toString(16)}/0x0 [m]`))).toMatch(
    new RegExp(`^    outer\\+0x${offset.toString(16)}/0x[\\da-f]+ \\[m\\]$`, 'm'),
  )
  const unknown = text('.text+0x12/0x0 [other]')
  expect(await decoder().named(unknown)).toBe(unknown)
})
