// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runCli } from '../../harness/fixtures/cli.ts'

// The newest kernel, whose kbuild tools bring their own C library.
const label = 'debian-7.3'

test(`${label}, packed, runs on a machine with an empty cache that reaches no archive`, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'pack-e2e-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const pack = path.join(folder, 'k.pack')
  const packed = await runCli(['build', '--kernel', label, '--pack', pack])
  expect(packed.stderr).toContain(`into ${pack}`)
  expect(packed).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/k\.pack: 7\.3\.\S+, Debian linux 7\.3/),
  })

  const sources = path.join(folder, 'apt.conf')
  writeFileSync(sources, 'Dir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "/dev/null";\n')
  const elsewhere = { XDG_CACHE_HOME: path.join(folder, 'cache'), APT_CONFIG: sources }
  const run = await runCli(['--kernel', `pack:${pack}`, 'passes'], { env: elsewhere })
  // Its row is that of the kernel in it.
  expect(run.stdout).toContain(`|${label}|`)
  expect(run.stdout).toMatch(/^debian-7\.3 \(7\.3\.\S+\): 1 file, tests \d+ passed, 0 failed/m)
  expect(run.status).toBe(0)

  const other = await runCli(['--kernel', label, 'passes'], { env: elsewhere })
  expect(other.stderr).toContain("this machine's apt configuration names no Debian archive")
  expect(other.status).toBe(3)
}, 600_000)
