// SPDX-License-Identifier: MIT
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'
import { ownFolder } from './base/own-folder.ts'

const kept = path.join(ownFolder, 'docs/api')

test('docs/api has what the sources say (npm run reference writes it)', { timeout: 400_000 }, async () => {
  const fresh = mkdtempSync(path.join(os.tmpdir(), 'reference-'))
  onTestFinished(() => rmSync(fresh, { recursive: true }))
  await execa('npm', ['run', '--silent', 'reference', '--', '--out', fresh], {
    cwd: ownFolder,
    timeout: 380_000,
    cancelSignal: AbortSignal.timeout(390_000),
  })
  const pages = readdirSync(fresh).sort()
  expect(pages).toContain('netlink-vmtest.testing.md')
  expect(readdirSync(kept).sort()).toEqual(pages)
  for (const page of pages)
    expect(readFileSync(path.join(kept, page), 'utf8'), page).toBe(
      readFileSync(path.join(fresh, page), 'utf8'),
    )
})
