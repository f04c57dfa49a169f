// SPDX-License-Identifier: MIT
/** `--dump`: the memory of a kernel that has died, as crash and drgn read it. */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'
import { runCli } from '../fixtures/cli.ts'

test('an ELF core with the notes of all processors and the VMCOREINFO; none of a file that passes', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text)
  write('netlink-vmtest.config.ts', "export default { suites: ['*.fixture.ts'], vm: { memory: 416 } }")
  const head = "import { writeFileSync } from 'node:fs'\nimport { test } from 'vitest'\n"
  write('panics.fixture.ts', `${head}test('crashes', () => writeFileSync('/proc/sysrq-trigger', 'c'))`)
  write('passes.fixture.ts', `${head}test('passes', () => {})`)
  const { status, stdout, stderr } = await runCli(['--kernel', 'debian-6.1', '--dump'], { cwd: folder })
  expect(status).toBe(1)
  expect(stdout).toMatch(/kernel panic: sysrq triggered crash/)
  const [, size, place = ''] =
    /^ {2}memory of panics\.fixture\.ts \(debian-6\.1\), (\d+) MB: (\S+)$/m.exec(stderr) ?? []
  expect(place).toBe('.netlink-vmtest/debian-6.1/panics.fixture.ts/memory.elf')
  expect(Math.round(statSync(path.join(folder, place)).size / 1e6)).toBe(Number(size))
  expect(Number(size)).toBeGreaterThan(430)
  const { stdout: notes } = await execa('readelf', ['-hn', path.join(folder, place)])
  expect(notes).toMatch(/Type: +CORE/)
  expect(notes).toMatch(/^ +QEMU /m)
  expect(notes).toMatch(/^ +VMCOREINFO /m)
  expect(readdirSync(path.join(folder, '.netlink-vmtest')).sort()).toEqual(['.gitignore', 'debian-6.1'])
})
