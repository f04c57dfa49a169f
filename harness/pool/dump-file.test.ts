// SPDX-License-Identifier: MIT
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'
import { topOfEvidence } from '../verdict/evidence-folder.ts'

test('a half-written image of the memory goes with the process', async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'dump-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  const script = `
    import { writeFileSync } from 'node:fs'
    import { newDumpFile } from ${JSON.stringify(path.join(import.meta.dirname, 'file-evidence.ts'))}
    writeFileSync(newDumpFile(process.argv[1], 'a'), 'half')
    process.exit(143)
  `
  const { exitCode } = await execa('node', ['--input-type=module', '-e', script, root], { reject: false })
  expect(exitCode).toBe(143)
  expect(readdirSync(path.join(root, topOfEvidence))).toEqual([])
})
