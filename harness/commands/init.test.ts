// SPDX-License-Identifier: MIT
/** What `init` refuses, before it needs a kernel. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ownFolder } from '../base/own-folder.ts'
import { runCli } from '../fixtures/cli.ts'

let project: string
beforeEach(() => {
  project = mkdtempSync(path.join(tmpdir(), 'init-'))
})
afterEach(() => rmSync(project, { recursive: true }))

function write(name: string, content = ''): void {
  const file = path.join(project, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, content)
}

/** Runs `init` in the project; it must leave it as it was. */
async function refused(...args: string[]): Promise<string> {
  const before = readdirSync(project, { recursive: true }).sort()
  const { status, stdout, stderr } = await runCli(['init', ...args], { cwd: project })
  expect(readdirSync(project, { recursive: true }).sort()).toEqual(before)
  expect([status, stdout]).toEqual([2, ''])
  return stderr
}

test('without a terminal it wants --yes', async () => {
  write('Kbuild', 'obj-m += a.o\n')
  expect(await refused()).toBe('error: init asks before it writes, and there is no terminal: give --yes')
})

test('a folder that is not there, or has no module, or several', async () => {
  expect(await refused('--yes', 'nosuch')).toMatch(
    /error: there is no folder \S*nosuch to make a project of$/,
  )
  expect(await refused('--yes')).toContain('has no module: neither it nor a folder in it')
  write('a/Kbuild', 'obj-m += a.o\n')
  write('b/Makefile', 'obj-m += b.o\n')
  expect(await refused('--yes')).toBe(
    'error: several folders have modules, a, b: say which by --modules, once for each',
  )
  expect(await refused('--yes', '--modules', '.')).toMatch(
    /^error: --modules: \S+ has no Kbuild or Makefile with a line like obj-m \+= name\.o$/,
  )
})

test('a configuration of another name, around it, without modules, or that says itself which modules', async () => {
  write('Kbuild', 'obj-m += a.o\n')
  write('netlink-vmtest.config.mts')
  expect(await refused('--yes')).toBe(
    'error: netlink-vmtest.config.mts is not read: rename it to netlink-vmtest.config.ts, or remove it',
  )
  rmSync(path.join(project, 'netlink-vmtest.config.mts'))
  write('netlink-vmtest.config.ts', 'export default {}\n')
  expect(await refused('--yes')).toBe("error: netlink-vmtest.config.ts names no modules: add modules: '.'")
  expect(await refused('--yes', '--modules', '.')).toBe(
    'error: --modules: netlink-vmtest.config.ts is there, and says which modules: change it there',
  )
  write('sub/Kbuild', 'obj-m += a.o\n')
  expect(await refused('--yes', 'sub')).toMatch(
    /belongs to the project \S+, which has a netlink-vmtest\.config\.ts: run init there$/,
  )
})

test('a folder that cannot be written to', async () => {
  write('Kbuild', 'obj-m += a.o\n')
  const readOnly = `mount --bind ${project} ${project} && mount -o remount,bind,ro ${project}`
  const cli = `cd ${project} && ${process.execPath} ${path.join(ownFolder, 'harness/cli.ts')} init --yes`
  const { exitCode, stderr } = await execa('unshare', ['-m', 'sh', '-c', `${readOnly} && ${cli}`], {
    reject: false,
    timeout: 60_000,
  })
  expect(stderr).toMatch(/^error: \S+ cannot be written to: copy it to where you may write$/)
  expect(exitCode).toBe(2)
})

test.each([
  ['Ctrl-C', '\x03', 130, ''],
  ['Ctrl-D', '\x04', 2, 'error: init got no answer, and the folder is as it was: give --yes'],
  ['no', 'none\rno\r', 2, 'error: init was told no: the folder is as it was'],
])('at a terminal, %s ends it before anything is written', async (_name, typed, status, said) => {
  write('Kbuild', 'obj-m += a.o\n')
  const cli = `${process.execPath} ${path.join(ownFolder, 'harness/cli.ts')} init`
  const run = execa('script', ['-qefc', cli, '/dev/null'], {
    cwd: project,
    reject: false,
    timeout: 60_000,
    all: true,
    env: { NO_COLOR: '1' },
  })
  const asked = Promise.withResolvers<void>()
  let output = ''
  run.all.on('data', data => {
    output += String(data)
    if (output.includes('[none] ')) asked.resolve()
  })
  await Promise.race([asked.promise, run])
  run.stdin.write(typed)
  expect((await run).exitCode).toBe(status)
  expect(output).toContain(said)
  expect(readdirSync(project)).toEqual(['Kbuild'])
})
