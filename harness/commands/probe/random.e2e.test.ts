// SPDX-License-Identifier: MIT
/** Random sequences on a module with a bug: found, made short, and written as a test that fails for the same reason. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ownFolder } from '../../base/own-folder.ts'
import { runCli } from '../../fixtures/cli.ts'

test('a request that breaks the kernel is left of the sequence, and fails the run', async () => {
  const project = mkdtempSync(path.join(tmpdir(), 'probe-e2e-'))
  onTestFinished(() => rmSync(project, { recursive: true }))
  const probed = path.join(ownFolder, 'kernel/modules/probed')
  mkdirSync(path.join(project, 'src'))
  cpSync(path.join(probed, 'probed.h'), path.join(project, 'src/probed.h'))
  cpSync(path.join(probed, 'store.c'), path.join(project, 'src/broken.c'))
  writeFileSync(path.join(project, 'src/Kbuild'), 'obj-m := broken.o\nccflags-y := -DBUG_missing_check\n')

  writeFileSync(path.join(project, 'netlink-vmtest.config.ts'), "export default { modules: 'src' }\n")

  const random = ['probe', '--seed', '1', '--time', '30']
  // Of the run's files only the one that is found.
  const { status, stdout, stderr } = await runCli([...random, 'probe-found'], { cwd: project })
  expect(stderr).toMatch(
    /^ {2}probed_store, seed 1: oops: BUG: kernel NULL pointer dereference, .*; making it shorter$/m,
  )
  expect(stderr).toMatch(/^ {2}tried 40 random sequences from seed 1 on; 1 found$/m)
  expect(stderr).toContain('probe-found/probed_store-seed-1.test.ts: one step breaks it')
  const [name = '', ...more] = readdirSync(path.join(project, 'probe-found'))
  expect([name, more]).toEqual(['probed_store-seed-1.test.ts', []])
  const file = readFileSync(path.join(project, 'probe-found', name), 'utf8')
  expect(file).toMatch(
    /^ {2}await playSequence\('probed_store', \{ module: \['broken'\] \}, \[\n {4}\{ do: [234], attributes: \[.*\] \},\n {2}\]\)$/m,
  )
  expect(stdout).toMatch(/oops: BUG: kernel NULL pointer dereference/)
  expect(status).toBe(1)
})
