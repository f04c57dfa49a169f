// SPDX-License-Identifier: MIT
import { chmodSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { ExitStatus } from './errors.ts'
import { ownFolder } from './own-folder.ts'
import { runTool, runToolOrFail } from './process.ts'
import { findTool, packageOf, requireTool, ToolMissing } from './tools.ts'

afterEach(() => void vi.unstubAllEnvs())

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'tools-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

test('a tool that is not there is named, with the package that has it', async () => {
  vi.stubEnv('PATH', folder())
  const words = 'strip is not on the PATH: apt-get install binutils'
  await expect(runTool('strip', [], { timeout: 1_000 })).rejects.toThrow(words)
  expect(() => requireTool('gcc-12')).toThrow('gcc-12 is not on the PATH: apt-get install gcc-12')
  expect(() => requireTool('nosuch')).toThrow('nosuch is not on the PATH: install it, or correct the PATH')
  expect(new ToolMissing('/usr/lib/x/y').message).toMatch(/^\/usr\/lib\/x\/y is not there, or not executable/)
  expect(new ToolMissing('strip').status).toBe(ExitStatus.machinery)
})

test('what every tool is started by may be missing as well', async () => {
  const bin = folder()
  writeFileSync(path.join(bin, 'gcc'), '#!/bin/sh\n', { mode: 0o755 })
  vi.stubEnv('PATH', bin)
  await expect(runTool('gcc', [], { timeout: 1_000 })).rejects.toThrow(
    'setpriv is not on the PATH: apt-get install util-linux',
  )
})

test('a file that is not executable is no tool, nor is a folder', () => {
  const bin = folder()
  vi.stubEnv('PATH', `${bin}:relative`)
  expect(findTool('tool')).toBeUndefined()
  writeFileSync(path.join(bin, 'tool'), '', { mode: 0o644 })
  expect(findTool('tool')).toBeUndefined()
  chmodSync(path.join(bin, 'tool'), 0o755)
  expect(findTool('tool')).toBe(path.join(bin, 'tool'))
  expect(findTool(bin)).toBeUndefined()
})

test('a status of 127 is the own of a tool that is there', async () => {
  expect((await runTool('sh', ['-c', 'exit 127'], { timeout: 10_000 })).exitCode).toBe(127)
})

test('a tool that cannot be started says why', async () => {
  const args = ['x'.repeat(200_000)]
  await expect(runTool('sh', args, { timeout: 10_000 })).rejects.toThrow(/^cannot start sh \(.*E2BIG\)/)
})

test('a tool that a signal ends, and one that fails where it must not, are told with what they said', async () => {
  await expect(
    runTool('sh', ['-c', 'echo last words; kill -9 $$'], { timeout: 10_000 }),
  ).rejects.toMatchObject({
    message: 'sh was ended by SIGKILL',
    details: 'last words',
  })
  await expect(runToolOrFail('sh', ['-c', 'echo no >&2; exit 3'], { timeout: 10_000 })).rejects.toMatchObject(
    {
      message: 'sh failed with status 3',
      details: 'no',
    },
  )
})

test('of output without an end the last lines are told; what is not kept has no limit', async () => {
  const script =
    'i=0; while [ $i -lt 1100 ]; do head -c 100000 /dev/zero | tr "\\0" x; echo; i=$((i+1)); done; echo end'
  await expect(runTool('sh', ['-c', 'exec yes'], { timeout: 60_000 })).rejects.toMatchObject({
    message: 'sh printed more than 100 MB',
    details: expect.stringMatching(/^(y\n){18}/),
  })
  let count = 0
  let last = ''
  const onLine = (line: string) => {
    count++
    last = line
  }
  const options = { timeout: 60_000, onLine, keepsOutput: false }
  expect(await runTool('sh', ['-c', script], options)).toEqual({
    exitCode: 0,
    stdout: '',
    stderr: '',
    all: '',
  })
  expect([count, last]).toEqual([1101, 'end'])
}, 120_000)

test('of every tool that is run here the package is known', () => {
  const sources = globSync('{harness,kernel,images}/**/*.ts', { cwd: ownFolder })
    .filter(file => !file.endsWith('.test.ts'))
    .map(file => readFileSync(path.join(ownFolder, file), 'utf8'))
    .join('\n')
  const named = [...sources.matchAll(/(?:runTool(?:OrFail)?|requireTool)\(\s*'([\w.-]+)'/g)].map(
    match => match[1] ?? '',
  )
  expect(named.length).toBeGreaterThan(15)
  expect([...new Set(named)].filter(tool => packageOf(tool) === undefined)).toEqual([])
})

test('what set-up installs for a tool is the package that messages name', () => {
  const script = readFileSync(path.join(ownFolder, 'bin/system-packages.sh'), 'utf8')
  const pairs = [...script.matchAll(/command -v ([\w-]+) >\/dev\/null \|\| echo ([\w-]+)$/gm)]
  expect(pairs.length).toBeGreaterThan(5)
  for (const [, tool = '', debian] of pairs) expect(packageOf(tool), tool).toBe(debian)
  const [, fromSource = ''] = /for tool in (.*); do\n\s*command -v \$tool/.exec(script) ?? []
  for (const tool of fromSource.split(' ')) expect(packageOf(tool)).toBe(tool)
})
