// SPDX-License-Identifier: MIT
/**
 * Files that break what the harness itself runs on: each passes or fails under its own name, alone and with
 * others.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runCli } from '../fixtures/cli.ts'

/** A test's body, and the failure that its file must show; none if it passes. */
const files: Readonly<Record<string, readonly [body: string, told?: RegExp]>> = {
  'fake-timers': [
    'vi.useFakeTimers({ toFake: ["nextTick", "queueMicrotask", "setTimeout", "setImmediate", "Date"] })',
  ],
  timers: ['globalThis.setTimeout = globalThis.setImmediate = globalThis.queueMicrotask = () => {}'],
  'process-functions': [
    'for (const name of ["nextTick", "hrtime", "memoryUsage", "cwd", "exit", "emit", "on"]) process[name] = () => { throw new Error(name) }',
  ],
  'process-frozen': ['Object.freeze(process)', /the test worker exited with status 1/],
  'process-gone': ['globalThis.process = undefined'],
  'environment-empty': ['for (const name of Object.keys(process.env)) delete process.env[name]'],
  'console-gone': ['globalThis.console = undefined'],
  'vitest-gone': ['delete globalThis.__vitest_worker__'],
  'vitest-replaced': [
    'globalThis.__vitest_worker__ = { rpc: {} }',
    /WorkerBroken: globalThis\.__vitest_worker__: replaced/,
  ],
  json: [
    'JSON.stringify = () => "no"; JSON.parse = () => { throw new Error("no") }',
    /WorkerBroken: JSON\.parse, JSON\.stringify: replaced/,
  ],
  map: ['Map.prototype.get = () => undefined', /WorkerBroken: Map\.prototype\.get: replaced/],
  array: [
    'Array.prototype.push = Array.prototype.map = () => { throw new Error("no") }',
    /WorkerBroken: Array\.prototype\.push, Array\.prototype\.map/,
  ],
  object: [
    'Object.assign = Object.keys = Object.entries = () => { throw new Error("no") }',
    /WorkerBroken: Object\.assign, Object\.keys/,
  ],
  buffer: [
    'Buffer.from = Buffer.concat = Buffer.allocUnsafe = () => { throw new Error("no") }',
    /WorkerBroken: Buffer\.from/,
  ],
  'unmounts-proc': ['execFileSync("umount", ["-l", "/proc"])'],
  'mounts-over': [
    'for (const place of ["/dev", "/sys", "/tmp", "/run"]) execFileSync("mount", ["-t", "tmpfs", "none", place])',
  ],
  chroot: ['libc.func("int chroot(const char *)")("/proc")'],
  'no-descriptors': ['libc.func("int setrlimit(int, void *)")(7, Buffer.alloc(16))'],
  'clock-of-1970': ['libc.func("int clock_settime(int, void *)")(0, Buffer.alloc(16))'],
  nobody: ['process.setgroups([]); process.setgid(65534); process.setuid(65534)'],
  'folder-gone': [
    'fs.mkdirSync("/tmp/here"); process.chdir("/tmp/here"); fs.rmdirSync("/tmp/here"); process.umask(0o777)',
  ],
  'signals-blocked': ['libc.func("int sigprocmask(int, void *, void *)")(0, Buffer.alloc(128, 255), null)'],
  unshares: ['for (const flag of [0x40000000, 0x20000, 0x4000000]) libc.func("int unshare(int)")(flag)'],
  'log-closed': [
    'for (const fd of fs.readdirSync("/proc/self/fd")) { let to = ""; try { to = fs.readlinkSync("/proc/self/fd/" + fd) } catch {}; if (to === "/dev/kmsg") fs.closeSync(Number(fd)) }',
  ],
  'port-closed': [
    'for (const fd of fs.readdirSync("/proc/self/fd")) { let to = ""; try { to = fs.readlinkSync("/proc/self/fd/" + fd) } catch {}; if (to.startsWith("/dev/vport")) fs.closeSync(Number(fd)) }',
    /GuestLost: the test worker closed its connection/,
  ],
}

test.each([
  ['each in a guest of its own', []],
  ['in guests that they share', ['--no-isolate', '--maxWorkers=1']],
])('%s', async (_, options) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(
    path.join(folder, 'netlink-vmtest.config.ts'),
    "export default { suites: ['*.fixture.ts'], testTimeout: 10_000, fileTimeout: 60_000 }",
  )
  for (const [name, [body]] of Object.entries(files))
    writeFileSync(
      path.join(folder, `${name}.fixture.ts`),
      `import { execFileSync } from 'node:child_process'
      import fs from 'node:fs'
      import koffi from 'koffi'
      import { expect, test, vi } from 'vitest'
      const libc = koffi.load('libc.so.6')
      test('breaks it', () => { ${body} })`,
    )
  // The last by name and size needs what the others may have broken.
  writeFileSync(
    path.join(folder, 'z.fixture.ts'),
    `import fs from 'node:fs'
    import { expect, test } from 'vitest'
    test('finds all as ever', async () => {
      await new Promise(done => setTimeout(done, 1))
      expect(fs.existsSync('/proc/self') && process.getuid() === 0 && Date.now() > 1.7e12 && !!process.env.PATH).toBe(true)
    })`,
  )
  const report = path.join(folder, 'report.json')
  const { stdout, stderr, status } = await runCli(['--json', report, ...options], { cwd: folder })
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: {
      name: string
      status: string
      message: string
      assertionResults: { failureMessages?: string[] }[]
    }[]
  }
  const verdicts = Object.fromEntries(
    testResults.map(({ name, status, message, assertionResults }) => [
      path.basename(name, '.fixture.ts'),
      [status, message, ...assertionResults.flatMap(({ failureMessages }) => failureMessages ?? [])]
        .join('\n')
        .trim(),
    ]),
  )
  const expected = Object.entries(files).map(([name, [, told]]) => [
    name,
    told ? expect.stringMatching(told) : 'passed',
  ])
  expect(verdicts).toEqual({ ...Object.fromEntries(expected), z: 'passed' })
  expect(stdout + stderr).not.toContain('Unhandled')
  expect(stdout + stderr).not.toContain('/guest/node_modules/vitest')
  expect(status).toBe(1)
})

test('errors that nobody catches are told, whoever listens, and also just after the end of a file', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(path.join(folder, 'netlink-vmtest.config.ts'), "export default { suites: ['*.fixture.ts'] }")
  writeFileSync(
    path.join(folder, 'a.fixture.ts'),
    `import { test } from 'vitest'
    test('hides them', async () => {
      process.on('uncaughtException', () => {})
      process.on('unhandledRejection', () => {})
      setTimeout(() => { throw new Error('by a timer') })
      Promise.reject(new Error('by a promise'))
      Promise.reject(undefined)
      await new Promise(done => setTimeout(done, 10))
    })
    test('captures and replaces', async () => {
      process.setUncaughtExceptionCaptureCallback(() => {})
      process.emit = () => true
      setTimeout(() => { throw new Error('in a callback') })
      Promise.reject(new Error('while emit is replaced'))
      await new Promise(done => setTimeout(done, 10))
    })
    test('ends before its timer', () => void setTimeout(() => { throw new Error('after the end') }, 30))`,
  )
  const { stdout, status } = await runCli(['--reporter=verbose'], { cwd: folder })
  for (const error of [
    'Error: by a timer',
    'Error: by a promise',
    'Error: a promise was rejected with undefined',
    'Error: in a callback',
    'Error: while emit is replaced',
    'Error: after the end',
  ])
    expect(stdout).toContain(error)
  expect(stdout).toContain('6 unhandled errors')
  expect(status).toBe(1)
})
