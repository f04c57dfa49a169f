// SPDX-License-Identifier: MIT
/** Files that share guests (--no-isolate), as users run them: which files share, and what they see. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { hostLabel } from '../../kernel/provide.ts'
import { runCli } from '../fixtures/cli.ts'

const label = hostLabel()
const faults = path.resolve(import.meta.dirname, '../fixtures/faults-module')

/** A test file that prints its guest, padded to a size by its number: Vitest runs larger files first. */
function fixture(number: number, body: string): string {
  return `
    import { readFileSync, writeFileSync } from 'node:fs'
    import { expect, test } from 'vitest'
    const log = text => writeFileSync('/dev/kmsg', '<12>' + text + '\\n')
    test('says where it is', () => {
      console.log('BOOT ${number} ' + readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
      log('hello from ${number}')
    })
    ${body}
    //${'.'.repeat(100_000 - 1_000 * number)}`
}

async function runFixtures(bodies: readonly string[], options: readonly string[] = ['--maxWorkers=1']) {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(
    path.join(folder, 'netlink-vmtest.config.ts'),
    `export default { suites: ['*.fixture.ts'], modules: '${faults}' }`,
  )
  for (const [index, body] of bodies.entries())
    writeFileSync(path.join(folder, `${index + 1}.fixture.ts`), fixture(index + 1, body))
  const result = await runCli(['--no-isolate', ...options, '--reporter=verbose'], { cwd: folder })
  const guests = new Map(
    [...result.stdout.matchAll(/BOOT (\d+) (\S+)/g)].map(([, number, boot]) => [Number(number), boot]),
  )
  const log = (file: number) =>
    readFileSync(path.join(folder, `.netlink-vmtest/${label}/${file}.fixture.ts/kernel.log`), 'utf8')
  return { ...result, guests, log }
}

test('a guest serves one file after the other, until one fails; a panic ends its own file only', async () => {
  const { stdout, status, guests, log } = await runFixtures([
    '',
    "test('fails', () => expect(1).toBe(2))",
    "test('panics', () => writeFileSync('/proc/sysrq-trigger', 'c'))",
    '',
    '',
  ])
  expect([...guests.keys()]).toEqual([1, 2, 3, 4, 5])
  expect(guests.get(2)).toBe(guests.get(1))
  expect(guests.get(5)).toBe(guests.get(4))
  expect(new Set(guests.values()).size).toBe(3)
  expect(stdout).toContain('GuestLost: kernel panic')
  expect(stdout).not.toContain('not run')
  expect(stdout).toContain('5 files (2 failed), tests 5 passed, 2 failed')
  expect(status).toBe(1)

  // a file's kept log has its own part only
  expect(log(2)).toContain('hello from 2')
  expect(log(2)).not.toContain('hello from 1')
})

test('a guest whose kernel has reported something, was left with a module, or in which something was left, serves no other file', async () => {
  const { stdout, status, guests } = await runFixtures([
    `import { expectSplat, loadModule, unloadModule } from 'netlink-vmtest/testing'
    test('expects a report', () => {
      expectSplat(/faults: a warning/)
      loadModule('faults')
      writeFileSync('/proc/faults', 'warn')
      unloadModule('faults')
    })`,
    "import { loadModule } from 'netlink-vmtest/testing'\ntest('loads', () => loadModule('faults'))",
    `import { Socket } from 'netlink-vmtest/netlink'
    import { NetworkNamespace } from 'netlink-vmtest/testing'
    test('leaves a file and a socket', () => {
      writeFileSync('/tmp/left', '')
      Socket.open(0, { namespace: new NetworkNamespace().fd })
    })`,
    "test('removes a program', async () => (await import('node:fs')).rmSync('/usr/local/bin/custom'))",
    "test('is good at last', { retry: 1 }, ({ task }) => expect(task.result.retryCount).toBe(1))",
    '',
  ])
  expect([...guests.keys()]).toEqual([1, 2, 3, 4, 5, 6])
  expect(new Set(guests.values()).size).toBe(6)
  expect(stdout).toMatch(
    /Leak: the file leaves behind:\n {2}a file: \/tmp\/left\n {2}a netlink socket: protocol 0, port id \d+, in the network namespace fd \d+\n/,
  )
  expect(stdout).toContain('6 files (1 failed), tests 11 passed, 0 failed')
  expect(status).toBe(1)
})

test('a guest in whose test worker a file has changed what others use serves no other file', async () => {
  const changes = [
    'expect.extend({ toBe: () => ({ pass: true, message: () => "" }) })',
    'expect.addEqualityTesters([() => true])',
    'expect.addSnapshotSerializer({ test: () => true, serialize: () => "same" })',
    '(await import("vitest")).chai.Assertion.prototype.assert = () => {}',
    '(await import("vitest")).vi.stubGlobal("left", 1)',
    '(await import("node:assert")).default.equal = () => {}',
    'Object.prototype.left = 1',
    'Date.prototype.getTime = () => 0',
    'const { vi } = await import("vitest"); vi.spyOn(JSON, "parse"); vi.spyOn(console, "debug")',
    '',
  ]
  const { stdout, status, guests } = await runFixtures([
    ...changes.map(change => `test('changes it', async () => { ${change} })`),
    "test('is judged', () => expect(() => expect({ a: 1 }).toEqual({ a: 2 })).toThrow('deeply equal'))",
  ])
  const [ofSpies, afterSpies, last] = [...guests.values()].slice(-3)
  expect([afterSpies, last]).toEqual([ofSpies, ofSpies])
  expect(new Set(guests.values()).size).toBe(changes.length - 1)
  expect(stdout).toContain('11 files, tests 22 passed, 0 failed')
  expect(status).toBe(0)
})

test('files take turns on as many lanes as there may be guests, and see which one they are in', async () => {
  const body = "test('has a lane', () => console.log('LANE ' + process.env.VITEST_POOL_ID))"
  const { stdout, status, guests } = await runFixtures(Array(6).fill(body), [])
  const lanes = [...stdout.matchAll(/LANE (\d+)/g)].map(([, lane]) => Number(lane))
  expect(lanes).toHaveLength(6)
  expect(Math.min(...lanes)).toBe(1)
  expect(Math.max(...lanes)).toBeLessThanOrEqual(availableParallelism())
  expect(new Set(guests.values()).size).toBeLessThanOrEqual(availableParallelism())
  expect(stdout).toContain('6 files, tests 12 passed, 0 failed')
  expect(status).toBe(0)
})

test('--bail: files whose turn has not come do not run, and the run ends', async () => {
  const waits = "test('waits', { timeout: 60_000 }, () => new Promise(done => setTimeout(done, 2_000)))"
  const more = Array(2 * availableParallelism()).fill(waits)
  const { stdout, status, guests } = await runFixtures(
    ["test('fails', () => expect(1).toBe(2))", ...more],
    ['--bail=1'],
  )
  expect(stdout).toContain('AssertionError: expected 1 to be 2')
  expect(guests.size).toBeLessThan(more.length)
  expect(stdout).toMatch(new RegExp(`Test Files .*\\(${more.length + 1}\\)`))
  expect(status).toBe(1)
})
