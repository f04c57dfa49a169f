// SPDX-License-Identifier: MIT
/** `--dump`: the memory of a kernel that has died, as crash and drgn read it. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'
import { ownFolder } from '../base/own-folder.ts'
import { runCli } from '../fixtures/cli.ts'

test('an ELF core of a kernel that panicked or froze, as far as there is room; none of a file that passes', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text)
  const faults = path.join(ownFolder, 'harness/fixtures/faults-module')
  write(
    'netlink-vmtest.config.ts',
    `export default { suites: ['*.fixture.ts'], modules: ${JSON.stringify(faults)}, testTimeout: 100_000, vm: { memory: 416 } }`,
  )
  const head =
    "import { writeFileSync } from 'node:fs'\nimport { test } from 'vitest'\nimport { loadModule } from 'netlink-vmtest/testing'\n"
  write('panics.fixture.ts', `${head}test('crashes', () => writeFileSync('/proc/sysrq-trigger', 'c'))`)
  write(
    'freezes.fixture.ts',
    `${head}test('spins', () => { loadModule('faults'); writeFileSync('/proc/faults', 'hard_lockup') })`,
  )
  write('passes.fixture.ts', `${head}test('passes', () => {})`)
  // Room for one image, and half of another.
  const evidence = path.join(folder, '.netlink-vmtest')
  mkdirSync(evidence)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=700m', 'tmpfs', evidence])
  onTestFinished(() => void execFileSync('umount', ['-l', evidence]))
  const args = ['--kernel', 'debian-6.1', '--dump', '--maxWorkers=1']
  const { status, stdout, stderr } = await runCli(args, { cwd: folder })
  expect(status).toBe(1)
  expect(stdout).toMatch(/kernel panic: sysrq triggered crash/)
  expect(stdout).toMatch(/GuestLost: the guest froze: nothing in it has answered for 10 s/)
  expect(stdout).toMatch(/fault_hard_lockup/)
  const [, file, size, place = ''] =
    /^ {2}memory of (\w+)\.fixture\.ts \(debian-6\.1\), (\d+) MB: (\S+)$/m.exec(stderr) ?? []
  expect(place).toBe(`.netlink-vmtest/debian-6.1/${file}.fixture.ts/memory.elf`)
  const identity: unknown = JSON.parse(
    readFileSync(path.join(folder, path.dirname(place), 'identity.json'), 'utf8'),
  )
  expect(identity).toMatchObject({ symbols: { faults: expect.stringMatching(/\/faults\.ko$/) } })
  expect(Math.round(statSync(path.join(folder, place)).size / 1e6)).toBe(Number(size))
  expect(Number(size)).toBeGreaterThan(430)
  const { stdout: notes } = await execa('readelf', ['-hn', path.join(folder, place)])
  expect(notes).toMatch(/Type: +CORE/)
  expect(notes).toMatch(/^ +QEMU /m)
  expect(notes).toMatch(/^ +VMCOREINFO /m)
  const [, other] =
    /^ {2}no image of the memory of (\w+)\.fixture\.ts \(debian-6\.1\) could be kept: .*No space left/m.exec(
      stderr,
    ) ?? []
  expect([file, other].sort()).toEqual(['freezes', 'panics'])
  const kept = readdirSync(path.join(evidence, `debian-6.1/${other}.fixture.ts`))
  expect(kept).toContain('console.log')
  expect(kept).not.toContain('memory.elf')
  expect(readdirSync(evidence).sort()).toEqual(['.gitignore', 'debian-6.1'])
})
