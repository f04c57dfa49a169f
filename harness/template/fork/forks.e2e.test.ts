// SPDX-License-Identifier: MIT
/** Forked guests as users of the command line meet them. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { fixtureProject, runCli, startCli } from '../../fixtures/cli.ts'
import { qemusOf } from '../../fixtures/processes.ts'

function ownFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'forks-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

test('files pass, fail and crash in forks as in restored guests; a rerun restores', async () => {
  const json = path.join(ownFolder(), 'report.json')
  const files = ['passes', 'identity', 'fails', 'panics.fixture']
  const { status, stdout, stderr } = await runCli(['--fork', '--json', json, ...files])
  expect(status).toBe(1)
  const [one, other] = [...stdout.matchAll(/^IDENTITY (.*)$/gm)].map(([, text = '']) => JSON.parse(text))
  for (const name of Object.keys(one)) expect(one[name], name).not.toBe(other[name])
  expect(Object.keys(one).length).toBeGreaterThan(8)
  expect(stdout).toMatch(/GuestLost: kernel panic: sysrq triggered crash/)
  expect(stdout).toMatch(/; 5 guests forked$/m)
  const report = JSON.parse(readFileSync(json, 'utf8'))
  expect(report.kernels[0].guests).toEqual({ forked: 5, restored: 0, booted: 0 })
  const [, folder = ''] = /evidence of panics\.fixture\.ts \(.*\): (\S+)/.exec(stderr) ?? []
  const read = (name: string) => readFileSync(path.join(fixtureProject, folder, name), 'utf8')
  expect(JSON.parse(read('identity.json'))).toMatchObject({ guest: 'forked' })
  expect(read('rerun.sh')).toContain(' --no-fork panics.fixture.ts')
  expect(read('console.log')).toContain('sysrq triggered crash')
})

test('the guests of as many files as it pays for are forked, all but the first', async () => {
  const folder = ownFolder()
  writeFileSync(
    path.join(folder, 'netlink-vmtest.config.ts'),
    "export default { suites: ['*.fixture.ts'], modules: [] }",
  )
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f'])
    writeFileSync(
      path.join(folder, `${name}.fixture.ts`),
      "import { test } from 'vitest'\ntest('passes', () => {})\n",
    )
  const six = await runCli([], { cwd: folder })
  expect(six.stdout).toMatch(/: 6 files, .*; 5 guests forked, 1 restored$/m)
  rmSync(path.join(folder, 'f.fixture.ts'))
  expect((await runCli([], { cwd: folder })).stdout).toMatch(/: 5 files, (?!.*forked)/)
})

test('where the library does not compile, guests are restored, and the reason is said once', async () => {
  const folder = ownFolder()
  writeFileSync(path.join(folder, 'gcc'), '#!/bin/sh\necho no such header >&2\nexit 1\n', { mode: 0o755 })
  const env = { PATH: `${folder}:${process.env.PATH}` }
  const { status, stdout, stderr } = await runCli(['--fork', 'passes'], { env })
  expect(
    stderr.match(/a guest of \S+ cannot be forked \(gcc failed with status 1\): it is restored/g),
  ).toHaveLength(1)
  expect(stdout).not.toContain('forked')
  expect(status).toBe(0)
})

test('a run that is killed: neither its forks nor what they were made from stay', async () => {
  const run = startCli(['--fork', 'blocks'])
  // the one that is forked, and a fork
  while (qemusOf(run.pid as number).length < 2) await new Promise(resolve => setImmediate(resolve))
  const qemus = qemusOf(run.pid as number)
  run.kill('SIGKILL')
  await run
  while (qemus.some(pid => existsSync(`/proc/${pid}`))) await new Promise(resolve => setImmediate(resolve))
})
