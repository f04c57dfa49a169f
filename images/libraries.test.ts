// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { nodeBinary } from './dependencies.ts'
import { librariesOf } from './libraries.ts'

const loader = '/lib64/ld-linux-x86-64.so.2'

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

/** As ldd tells them. */
function byLdd(program: string): string[] {
  const out = execFileSync('ldd', [program], { encoding: 'utf8' })
  return [...out.matchAll(/(\/\S+) \(0x/g)].map(([, file]) => file as string).sort()
}

test('the libraries of a program, and its loader', async () => {
  for (const program of [nodeBinary(), '/bin/sh']) {
    const libraries = await librariesOf(program)
    expect(libraries).toEqual(byLdd(program))
    expect(libraries).toContain(loader)
  }
})

test('a library has some, too; a static program and what is no program have none', async () => {
  const libc = (await librariesOf('/bin/sh')).find(file => file.includes('libc.so')) as string
  const dir = folder()
  const source = path.join(dir, 'a.c')
  writeFileSync(source, 'int puts(const char *); int a(void) { return puts("a"); }\n')
  const library = path.join(dir, 'liba.so')
  execFileSync('gcc', ['-shared', '-fPIC', '-o', library, source])
  expect(await librariesOf(library)).toEqual([libc, loader].sort())
  expect(await librariesOf('/bin/busybox')).toEqual([])
  expect(await librariesOf(source)).toEqual([])
  truncateSync(library, 20)
  expect(await librariesOf(library)).toEqual([])
})

test('a missing library is named', async () => {
  const dir = folder()
  const [library, main, program] = ['liba.so', 'main.c', 'main'].map(name => path.join(dir, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(path.join(dir, 'a.c'), 'int a(void) { return 0; }\n')
  writeFileSync(main, 'int a(void); int main(void) { return a(); }\n')
  execFileSync('gcc', ['-shared', '-fPIC', '-Wl,-soname,liba.so', '-o', library, path.join(dir, 'a.c')])
  execFileSync('gcc', ['-o', program, main, library])
  rmSync(library)
  await expect(librariesOf(program)).rejects.toThrow(
    `${program} needs liba.so, which this machine does not have`,
  )
})

test('a loader that fails is named', async () => {
  const dir = folder()
  const program = path.join(dir, 'main')
  writeFileSync(`${program}.c`, 'int main(void) { return 0; }\n')
  execFileSync('gcc', ['-Wl,--dynamic-linker=/bin/false', '-o', program, `${program}.c`])
  await expect(librariesOf(program)).rejects.toThrow(`/bin/false cannot list the libraries of ${program}: `)
})
