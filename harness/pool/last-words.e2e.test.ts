// SPDX-License-Identifier: MIT
/** What was printed before the test worker, a program or the guest ends, and how that end is reported. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { hostLabel } from '../../kernel/provide.ts'
import { runCli } from '../fixtures/cli.ts'
import { defaultKernel } from '../fixtures/kernel.ts'
import { GuestProgram } from '../guest/guest-program.ts'
import type { PreparedKernel } from '../prepare/prepare.ts'

/** Files that end their worker or guest, by name: the test file's body, and the report on it. */
const files: Readonly<Record<string, { readonly body: string; readonly told: string | RegExp }>> = {
  'exit-top': { body: 'process.exit(0)', told: 'the test worker exited with status 0' },
  'exit-describe': {
    body: "describe('group', () => { process.exit(7); test('one', () => {}) })",
    told: 'the test worker exited with status 7',
  },
  'exit-hook': {
    body: "beforeAll(() => process.exit(0)); test('one', () => {})",
    told: 'the test worker exited with status 0',
  },
  'exit-later': {
    body: `
      test('one', () => { setTimeout(() => process.exit(0), 20) })
      test('two', () => new Promise(() => {}))`,
    told: 'the test worker exited with status 0',
  },
  'exit-of-libc': {
    body: "test('one', () => koffi.load('libc.so.6').func('void exit(int)')(5))",
    told: 'the test worker exited with status 5',
  },
  uncaught: {
    body: `
      test('one', async () => {
        process.removeAllListeners()
        setTimeout(() => { throw new Error('nobody catches this') })
        await new Promise(() => {})
      })`,
    told: 'the test worker exited with status 1',
  },
  execve: {
    body: "test('one', () => process.execve('/bin/sleep', ['sleep', '100'], {}))",
    told: 'the test worker closed its connection to the harness, or became another program',
  },
  'agent-killed': {
    body: "test('one', () => process.kill(process.ppid, 'SIGKILL'))",
    told: "the guest's agent ended with status 137",
  },
  panic: {
    body: `
      import { encodeMessage, Socket } from 'netlink-vmtest/netlink'
      test('one', () => {
        using socket = Socket.open(2)
        socket.send(encodeMessage({ type: 16, sequence: 77 }), { portId: socket.portId })
        socket.receiveNow()
        expect(() => socket.send(encodeMessage({ type: 17, sequence: 78 }), { portId: 4242 })).toThrow()
        socket.send(encodeMessage({ type: 18, sequence: 79 }), { portId: socket.portId })
        console.log('said by the console')
        process.stdout.write('written to stdout\\n')
        fs.writeSync(2, 'written to stderr\\n')
        fs.writeFileSync('/dev/kmsg', '<3>the last words\\n')
        fs.writeFileSync('/proc/sysrq-trigger', 'c')
      })`,
    told: 'kernel panic: sysrq triggered crash',
  },
  throws: {
    body: `
      test('an object', () => Promise.reject({ code: 'EIO' }))
      test('null', () => Promise.reject(null))
      test('a list', () => Promise.reject(['a', 1]))
      test('no text', () => { throw Object.assign(new Error('a'), { message: { a: 1 } }) })
      test('a getter', () => { throw { get message() { throw new Error('never') } } })`,
    told: "{ code: 'EIO' }",
  },
  kill: {
    body: `
      test('one', () => {
        console.log('said before SIGKILL')
        process.kill(process.pid, 'SIGKILL')
      })`,
    told: 'the test worker was killed by SIGKILL',
  },
}

test('an end of the worker or of the guest is told at once and by its name, behind all that was said', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(path.join(folder, 'netlink-vmtest.config.ts'), "export default { suites: ['*.fixture.ts'] }")
  for (const [name, { body }] of Object.entries(files))
    writeFileSync(
      path.join(folder, `${name}.fixture.ts`),
      `import fs from 'node:fs'
      import koffi from 'koffi'
      import { beforeAll, describe, expect, test } from 'vitest'
      ${body}`,
    )
  const report = path.join(folder, 'report.json')
  const junit = path.join(folder, 'junit.xml')
  const options = ['--json', report, '--junit', junit, '--html', path.join(folder, 'page.html')]
  const { stdout, stderr, status } = await runCli(options, { cwd: folder })
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: { name: string; message: string; assertionResults: { failureMessages?: string[] }[] }[]
  }
  const told = Object.fromEntries(
    testResults.map(({ name, message, assertionResults }) => [
      path.basename(name, '.fixture.ts'),
      [message, ...assertionResults.flatMap(({ failureMessages }) => failureMessages ?? [])].join('\n'),
    ]),
  )
  for (const [name, { told: expected }] of Object.entries(files)) expect(told[name], name).toMatch(expected)
  expect(Object.keys(told)).toHaveLength(Object.keys(files).length)

  expect(stdout).toMatch(
    /said by the console[\s\S]*said before SIGKILL|said before SIGKILL[\s\S]*said by the console/,
  )
  expect(stdout).toContain('written to stdout')
  expect(stdout + stderr).toContain('written to stderr')
  expect(stdout + stderr).toContain('nobody catches this')
  expect(stdout).not.toContain('Unhandled')
  expect(status).toBe(1)
  // What has no message has words in all reports.
  for (const text of [stdout, told.throws, readFileSync(junit, 'utf8')])
    expect(text).toContain("{ code: 'EIO' }")
  // Vitest's JSON has the stack where there is one.
  for (const text of [stdout, readFileSync(junit, 'utf8')]) expect(text).toContain('{ a: 1 }')
  expect(stderr).not.toContain('cannot make')
  // From the test's beginning, and each line once.
  expect(told.panic).toMatch(/the last words\n(.*\n)*?.*Kernel panic - not syncing/)
  expect(told.panic?.match(/\] the last words/g)).toHaveLength(1)
  // The recording has ended with the guest.
  expect(told.panic).toMatch(
    /the conversation:\n\n.*\n.*↺.*type 16: 16 bytes, .*seq 77(.*\n)+.*✗.*sendto: ECONNREFUSED \(to port 4242\): type 17(.*\n)+.*type 18: .*seq 79/,
  )
  expect(told.panic?.match(/type 17/g)).toHaveLength(1)
  const evidence = path.join(folder, '.netlink-vmtest', hostLabel(), 'panic.fixture.ts')
  expect(readFileSync(path.join(evidence, 'conversation.pcapng'), 'latin1')).toMatch(
    /to port \d+: type 16: .*seq 77/,
  )
  const kept = readFileSync(path.join(evidence, 'output.log'), 'utf8')
  expect(kept.split('\n').sort()).toEqual([
    '',
    'said by the console',
    'written to stderr',
    'written to stdout',
  ])
})

let prepared: PreparedKernel
beforeAll(async () => {
  prepared = await defaultKernel()
})

const numbers = Array.from({ length: 1000 }, (_, index) => `${index}\n`).join('')

test.each([
  ['echo before; echo c > /proc/sysrq-trigger', 'before\n', 'kernel panic: sysrq triggered crash'],
  [`for n in ${numbers.replaceAll('\n', ' ')}; do echo $n; done; reboot -f`, numbers, 'the guest rebooted'],
  ["node -e 'console.log(1); console.error(2); process.kill(process.ppid, 9)'", '1\n2\n', ''],
  ['echo before; kill -9 $PPID', 'before\n', "the guest's agent ended with status 137"],
])('what a program has written has arrived when its guest ends: %s', async (script, expected, end) => {
  for (let run = 0; run < 5; run++) {
    const guest = await prepared.guests.acquire()
    onTestFinished(() => prepared.guests.release(guest))
    let output = ''
    const request = { command: ['sh', '-c', script], folder: '/', environment: {} }
    const ended = GuestProgram.start(guest, request, program =>
      program.on('output', (_stream, data, taken) => {
        output += String(data)
        taken()
      }),
    ).then(program => program.exited)
    if (end) await expect(ended).rejects.toThrow(end)
    else await ended
    expect(output).toBe(expected)
    await prepared.guests.release(guest)
  }
})

test('of a flood the beginning is shown, how much is missing, and the end', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(path.join(folder, 'netlink-vmtest.config.ts'), "export default { suites: ['*.fixture.ts'] }")
  writeFileSync(
    path.join(folder, 'flood.fixture.ts'),
    `import { test } from 'vitest'
    test('floods', () => {
      for (let line = 0; line < 1000; line++) console.log('x'.repeat(99_999))
      console.log('the end of it')
    })
    test('says more', () => console.log('of the next test'))`,
  )
  const { stdout, status } = await runCli([], { cwd: folder })
  expect(stdout).toMatch(
    /x{99999}\nx{99999}\n[\s\S]*\.\.\. 98\.\d MB of output are not shown \.\.\.[\s\S]*the end of it\n/,
  )
  expect(stdout).toContain('of the next test')
  expect(stdout.length).toBeLessThan(2_000_000)
  expect(status).toBe(0)
})
