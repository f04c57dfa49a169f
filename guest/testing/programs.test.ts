// SPDX-License-Identifier: MIT
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { RunningProgram, runProgram } from './programs.ts'

const sh = (script: string) => ['sh', '-c', script]

test('how a program ended and what it said', async () => {
  expect(await runProgram(sh('echo out; echo err >&2; exit 3'))).toEqual({
    status: 3,
    stdout: 'out\n',
    stderr: 'err\n',
  })
  expect((await runProgram(sh('kill -TERM $$'))).status).toBe(143)
  // a real-time signal, which has no name
  expect((await runProgram(sh('kill -34 $$'))).status).toBe(162)
})

test('as another user, it has none of our users, groups and capabilities, and we have them still', async () => {
  const before = readFileSync('/proc/thread-self/status', 'utf8').match(ids)
  const { stdout } = await runProgram(['cat', '/proc/self/status'], { user: 65534 })
  const all = (id: string) => `${id}:\t65534\t65534\t65534\t65534`
  expect(stdout.match(ids)).toEqual([all('Uid'), all('Gid'), 'Groups:\t ', 'CapPrm:\t0000000000000000'])
  expect(readFileSync('/proc/thread-self/status', 'utf8').match(ids)).toEqual(before)
})
const ids = /^(Uid|Gid|Groups|CapPrm):.*$/gm

test('one in the background is waited for until it has said something', async () => {
  using program = RunningProgram.start(sh('echo ready >&2; echo go on; exec sleep 1000'))
  await program.said(/ready/)
  await program.said(/go on/)
})

test('several can wait for what it says, and a character that comes in two pieces is one', async () => {
  using program = RunningProgram.start(
    sh("echo one; sleep 0.1; printf '\\303'; sleep 0.1; printf '\\251\\n'; echo two >&2; exec sleep 1000"),
    { limit: 5_000 },
  )
  await Promise.all([program.said(/one/), program.said(/^é$/m), program.said(/two/)])
})

test('one that does not end, or never says it, is named', async () => {
  await expect(runProgram(sh('echo busy; exec sleep 1000'), { limit: 100 })).rejects.toThrow(
    'did not end within 0.1 s; until then it said "busy\\n"',
  )
  await expect(RunningProgram.start(sh('echo other >&2; exit 1')).said(/ready/)).rejects.toThrow(
    'it ended with status 1 without saying /ready/: other',
  )
  await expect(runProgram(['no-such-program'])).rejects.toThrow(
    'ENOENT: there is no program no-such-program on the PATH',
  )
  await expect(runProgram(['./no-such-program'])).rejects.toMatchObject({
    message: 'ENOENT: there is no program ./no-such-program',
    code: 'ENOENT',
  })
})

test('what cannot be started is told with the reason', async () => {
  const at = mkdtempSync(path.join(tmpdir(), 'programs-'))
  onTestFinished(() => rmSync(at, { recursive: true }))
  const script = (name: string, text: string, mode: number) =>
    writeFileSync(path.join(at, name), text, { mode })
  script('text', 'echo x\n', 0o755)
  script('lost', '#!/no/interpreter\n', 0o755)
  script('plain', '#!/bin/sh\n', 0o644)
  for (const [command, reason] of [
    [at, `EACCES: ${at} may not be run: it is no file, or not executable`],
    [`${at}/plain`, `EACCES: ${at}/plain may not be run`],
    [
      `${at}/text`,
      `ENOEXEC: ${at}/text is no program for this machine, and no script, which begins with #!/bin/sh`,
    ],
    [`${at}/lost`, `ENOENT: the interpreter that ${at}/lost names is not in the guest`],
    ['', "ENOENT: there is no program '' on the PATH"],
  ] as const)
    await expect(runProgram([command])).rejects.toThrow(reason)
})

test('what keeps its output open is not waited for longer than that', async () => {
  await expect(runProgram(sh('sleep 1000 & wait'), { limit: 100 })).rejects.toThrow(
    'did not end within 0.1 s; until then it said',
  )
  await expect(runProgram(sh('echo off; sleep 1000 &'), { limit: 2_000 })).rejects.toThrow(
    'ended, but what it had started did not, within 2 s; until then it said "off\\n"',
  )
})

test('disposing of one ends it with what it has started', async () => {
  const program = RunningProgram.start(sh('sleep 1000 & echo ready; wait'))
  await program.said(/ready/)
  program[Symbol.dispose]()
  // its output ends when no process has it open
  expect(await program.ended).toMatchObject({ status: 137 })
})

test.each([
  ['a name and its arguments', ['echo', ['x']], '"echo"'],
  ['a number among its arguments', [['echo', 1]], '["echo",1]'],
  ['a NUL', [['echo', 'a\0b']], '["echo","a\\u0000b"]'],
  ['nothing', [[]], '[]'],
])('called with %s: how it is called, and nothing is run', async (_what, args, shown) => {
  const run = runProgram as (...args: readonly unknown[]) => Promise<unknown>
  await expect(run(...args)).rejects.toThrow(
    `a program and its arguments are one list of texts, runProgram(['modprobe', 'dummy']), not ${shown}`,
  )
})

test('a limit longer than any timer is none', async () => {
  expect((await runProgram(sh('sleep 0.1; exit 3'), { limit: 3e9 })).status).toBe(3)
})
