// SPDX-License-Identifier: MIT
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'
import { topOfEvidence } from '../verdict/evidence-folder.ts'
import { newDumpFile } from './file-evidence.ts'

/** Begins an image in this project, in a process that then ends so. */
async function begin(root: string, end: string) {
  const script = `
    import { writeFileSync } from 'node:fs'
    import { newDumpFile } from ${JSON.stringify(path.join(import.meta.dirname, 'file-evidence.ts'))}
    writeFileSync(newDumpFile(process.argv[1], 'a'), 'half')
    ${end}
  `
  return await execa('node', ['--input-type=module', '-e', script, root], { reject: false })
}

function project() {
  const root = mkdtempSync(path.join(tmpdir(), 'dump-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  return { root, evidence: () => readdirSync(path.join(root, topOfEvidence)) }
}

test('a half-written image of the memory goes with the process', async () => {
  const { root, evidence } = project()
  const { exitCode } = await begin(root, 'process.exit(143)')
  expect(exitCode).toBe(143)
  expect(evidence()).toEqual([])
})

test('one that a killed process has left goes when the next begins; that of a living one stays', async () => {
  const { root, evidence } = project()
  await begin(root, "process.kill(process.pid, 'SIGKILL')")
  expect(evidence()).toEqual([expect.stringMatching(/^\d+-a\.memory\.elf$/)])
  writeFileSync(newDumpFile(root, 'b'), 'half')
  expect(evidence()).toEqual([`${process.pid}-b.memory.elf`])
  newDumpFile(root, 'c')
  expect(evidence()).toEqual([`${process.pid}-b.memory.elf`])
})
