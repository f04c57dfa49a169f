// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'

test('the agent answers while the kernel looks for lost memory', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'leaks-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  // Writing to a FIFO that nobody reads takes as long as a scan that does not end.
  const kmemleak = path.join(folder, 'kmemleak')
  execFileSync('mkfifo', [kmemleak])
  const script = `
    import { lostMemory } from ${JSON.stringify(path.join(import.meta.dirname, 'leaks.ts'))}
    void lostMemory(${JSON.stringify(kmemleak)}, 0)
    setTimeout(() => process.stdout.write('answers', () => process.kill(process.pid, 'SIGKILL')), 1)
  `
  const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', script], {
    reject: false,
    timeout: 20_000,
    killSignal: 'SIGKILL',
  })
  expect(stdout).toBe('answers')
})

test('the first look for lost memory does not wait until objects are old enough for the second', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'leaks-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const kmemleak = path.join(folder, 'kmemleak')
  execFileSync('mkfifo', [kmemleak])
  const script = `
    import { readFile } from 'node:fs/promises'
    import { lostMemory } from ${JSON.stringify(path.join(import.meta.dirname, 'leaks.ts'))}
    void lostMemory(${JSON.stringify(kmemleak)}, 1_000_000)
    process.stdout.write(await readFile(${JSON.stringify(kmemleak)}), () => process.exit())
  `
  const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', script], {
    reject: false,
    timeout: 20_000,
    killSignal: 'SIGKILL',
  })
  expect(stdout).toBe('scan')
})
