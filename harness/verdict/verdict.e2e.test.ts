// SPDX-License-Identifier: MIT
/** Vitest shows kernel reports as failures. Which report gets which verdict: fault-table.e2e.test.ts. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { hostLabel } from '../../kernel/provide.ts'
import { runCli, startCli } from '../fixtures/cli.ts'
import { qemusOf } from '../fixtures/processes.ts'

const cwd = path.resolve(import.meta.dirname, '../fixtures/verdicts')

test('JUnit and JSON reports have them; --bail ends with the first', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const junit = path.join(folder, 'junit.xml')
  const { status, stdout } = await runCli(['splats', '--junit', junit, '--bail', '1'], { cwd })
  expect(status).toBe(1)
  const xml = readFileSync(junit, 'utf8')
  expect(xml).toMatch(/<failure message="WARN: faults: a warning with the number 2[^"]*" type="KernelSplat">/)
  expect(xml).toMatch(/<testsuites .*failures="1"/)
  expect(stdout).toMatch(/✓ before/)
  expect(stdout).not.toMatch(/[✓×] between/)
})

test('a report in a flood of log lines belongs to its test, also where nobody may write to the log', async () => {
  const { status, stdout } = await runCli(['in-floods'], { cwd })
  expect(stdout).toMatch(/× warns in a flood \d+ms/)
  expect(stdout).toMatch(/✓ between/)
  expect(stdout).toMatch(/× warns in a flood, and nobody may write to the log after it/)
  expect(stdout).toMatch(/✓ after/)
  expect(stdout.match(/^KernelSplat: WARN: faults: a warning/gm)).toHaveLength(2)
  expect([status, /EPERM/.test(stdout)]).toEqual([1, false])
})

test("a report after a file's end is its failure, also where nobody may write to the log", async () => {
  const { status, stdout, stderr } = await runCli(['late-unmarked'], { cwd })
  expect(stdout).toMatch(/^KernelSplat: WARN: faults: a warning/m)
  expect([status, /EPERM/.test(stdout + stderr)]).toEqual([1, false])
})

test("what a failed file's guest said is kept, in a folder that is named, and can be run again", async () => {
  const { status, stderr } = await runCli(['lost-panic'], { cwd })
  expect(status).toBe(1)
  const [, folder = ''] = /evidence of lost-panic\.fixture\.ts \(.*\): (\S+)/.exec(stderr) ?? []
  const read = (name: string) => readFileSync(path.join(cwd, folder, name), 'utf8')
  expect(read('console.log')).toContain('Kernel panic - not syncing: faults: a panic')
  expect(read('kernel.log')).toContain('===== panic: begins')
  expect(JSON.parse(read('identity.json'))).toMatchObject({
    label: hostLabel(),
    failed: ['panic'],
    modules: { '/run/netlink-vmtest/modules/faults.ko': expect.stringMatching(/^[\da-f]{64}$/) },
  })
  expect(read('qemu.txt')).toMatch(/^qemu-system-x86_64 .*-kernel /)
  expect(statSync(path.join(cwd, folder, 'rerun.sh')).mode & 0o100).toBe(0o100)
  expect(read('rerun.sh')).toContain(`run-vm.sh --kernel ${hostLabel()} lost-panic.fixture.ts`)
  expect(existsSync(path.join(cwd, '.netlink-vmtest/.gitignore'))).toBe(true)
})

test("a QEMU that is stopped is the machinery's failure, not a freeze: exit status 3", async () => {
  const run = startCli(['long'], { cwd })
  await new Promise<void>(resolve =>
    run.stdout.on('data', data => String(data).includes('FAULT is busy') && resolve()),
  )
  for (const qemu of qemusOf(run.pid as number)) process.kill(qemu, 'SIGSTOP')
  const { exitCode, stdout } = await run
  expect(stdout).toContain('GuestLost: QEMU answers neither for the guest nor for itself')
  expect(exitCode).toBe(3)
})

test('a kernel that reports something before any test runs none, and runs all where that is wanted: exit status 1, 0', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const configure = (vm: string) =>
    writeFileSync(
      path.join(folder, 'netlink-vmtest.config.ts'),
      // kernel/rcu/tree.c: WARN_ON(1) for an impossible fan-out.
      `export default { suites: ['*.fixture.ts'], vm: { parameters: ['rcutree.rcu_fanout_leaf=1'], ${vm} } }`,
    )
  writeFileSync(
    path.join(folder, 'a.fixture.ts'),
    "import { expect, test } from 'vitest'\ntest('one', () => expect(1).toBe(1))\n",
  )
  configure('')
  const refused = await runCli([], { cwd: folder })
  expect(refused.stderr).toMatch(
    /is broken before any test begins, .* booted: WARN: kernel\/rcu\/tree\.c:\d+ rcu_init_geometry/,
  )
  expect(refused.stderr).toContain('Call Trace:')
  expect(refused.status).toBe(1)
  configure("bootSplats: 'ignore'")
  const ignored = await runCli([], { cwd: folder })
  expect(ignored.stdout).toContain('tests 1 passed')
  expect(ignored.status).toBe(0)
})

test('slab caches are counted that come and go with a module: exit status 0', async () => {
  const { status, stdout } = await runCli(['slab-caches'], { cwd })
  expect(stdout).toContain('tests 1 passed')
  expect(status).toBe(0)
})

test('known reports fail nothing; they are counted, and told if nobody needs them', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const modules = path.join(cwd, '../faults-module')
  writeFileSync(
    path.join(folder, 'netlink-vmtest.config.ts'),
    `export default {
      suites: ['*.test.ts'],
      modules: ${JSON.stringify(modules)},
      knownReports: [
        { kind: 'WARN', text: /a warning with the number \\d/, reason: 'issue 1' },
        { text: 'never said', reason: 'issue 2' },
      ],
    }`,
  )
  const suite = (body: string) => `
    import { writeFileSync } from 'node:fs'
    import { loadModule } from 'netlink-vmtest/testing'
    import { beforeAll, test } from 'vitest'
    beforeAll(() => loadModule('faults'))
    ${body}
  `
  const fault = (name: string) => `test('${name}', () => writeFileSync('/proc/faults', '${name}'))`
  writeFileSync(path.join(folder, 'known.test.ts'), suite(`${fault('warn')}\n${fault('warn')}`))
  const passed = await runCli([], { cwd: folder })
  expect(passed.stdout).toContain(
    `${hostLabel()}: known report WARN /a warning with the number \\d/, 2 times (issue 1)\nknown report "never said" did not come: remove it from knownReports (issue 2)\n`,
  )
  expect(passed.status).toBe(0)
  writeFileSync(path.join(folder, 'other.test.ts'), suite(fault('refcount_underflow')))
  const failed = await runCli(['--no-isolate', 'other', '-t', 'refcount'], { cwd: folder })
  expect(failed.stdout).toMatch(/^KernelSplat: refcount: /m)
  expect(failed.stdout).not.toContain('did not come')
  expect(failed.status).toBe(1)
})
