// SPDX-License-Identifier: MIT
/** `probe --describe` in a real guest. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { hostLabel } from '../../../kernel/provide.ts'
import { ownFolder } from '../../base/own-folder.ts'
import { runCli } from '../../fixtures/cli.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
afterAll(() => rmSync(folder, { recursive: true }))

const describe = async (...args: string[]) =>
  await runCli(['probe', '--describe', '--kernel', hostLabel(), ...args], { cwd: ownFolder })

test('families of the kernel, and of modules under test', async () => {
  const { status, stdout } = await describe('--family', 'nlctrl', '--family', 'nlex')
  expect(stdout).toMatch(/^nlctrl: a family of generic netlink, version 2\n.*^ {2}groups: notify\n/ms)
  expect(stdout).toContain(`nlex: a family of generic netlink, version 1
  operations
    0  anybody  do (policy 0)
    1  anybody  do (policy 0)
  policy 0
    1  u32
  groups: example`)
  expect(status).toBe(0)
})

test('in files, too, and as a specification', async () => {
  const files = ['yaml', 'json', 'markdown'].flatMap(kind => [`--${kind}`, path.join(folder, `nlex.${kind}`)])
  const { status } = await describe('--family', 'nlex', ...files)
  expect(status).toBe(0)
  const read = (kind: string) => readFileSync(path.join(folder, `nlex.${kind}`), 'utf8')
  expect(read('yaml')).toMatch(/^name: nlex$/m)
  expect(read('json')).toContain('"nlex"')
  expect(read('markdown')).toContain('nlex')
})

test('what is not there', async () => {
  const wrong = await describe('--module', 'genlexampel')
  expect(wrong.stderr).toMatch(
    /^error: --module: no module genlexampel is under test: did you mean genlexample\?$/m,
  )
  expect(wrong.status).toBe(2)
})
