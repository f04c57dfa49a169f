// SPDX-License-Identifier: MIT
/**
 * The programs' arguments, and their failures without modules, families or messages, which need no guest.
 * What they do with the modules is tested in guests (suites/programs).
 */
import path from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'

async function call(name: string, ...args: string[]) {
  const { exitCode, stdout, stderr } = await execa(
    process.execPath,
    [path.join(import.meta.dirname, `${name}.ts`), ...args],
    { reject: false, timeout: 20_000 },
  )
  return { status: exitCode, stdout, stderr }
}

test.each(['change', 'event', 'resolve', 'genl-change', 'genl-event', 'custom'])(
  '%s --help: its usage on stdout, status 0',
  async name => {
    const { status, stdout, stderr } = await call(name, '--help')
    expect(stdout).toMatch(new RegExp(`^usage: ${name} `))
    expect(stdout).toContain('--timeout SECONDS')
    expect([status, stderr]).toEqual([0, ''])
  },
)

test.each([
  [['change', 'many'], 'VALUE must be a number from 0 to 4294967295, not many'],
  [['change', '4294967296'], 'VALUE must be a number'],
  [['change', '1', '2'], 'unexpected argument 2'],
  [['event', '--no-such-option'], "Unknown option '--no-such-option'"],
  [['event', '--count', 'all'], '--count must be a number'],
  [['resolve'], 'an argument is missing'],
  [['genl-change', '30'], 'an argument is missing'],
  [['genl-change', '65536', '1'], 'FAMILY_ID must be a number from 0 to 65535'],
  [['genl-event', '--timeout', 'soon', '3'], '--timeout must be a number of seconds, not soon'],
])('wrongly called: %j: why and the usage on stderr, status 2', async ([name = '', ...args], why) => {
  const { status, stdout, stderr } = await call(name, ...args)
  expect(stderr).toContain(why)
  expect(stderr).toContain(`usage: ${name} `)
  expect([status, stdout]).toEqual([2, ''])
})

test.each([[['change', '1']], [['event']], [['custom']]])(
  'without its module: %j: status 1, EPROTONOSUPPORT',
  async ([name = '', ...args]) => {
    const { status, stdout, stderr } = await call(name, ...args)
    expect(stderr).toMatch(/EPROTONOSUPPORT \(protocol \d+\): the module is not loaded/)
    expect([status, stdout]).toEqual([1, ''])
  },
)

test.each([[['resolve', 'nosuch']], [['genl-change', '65535', '1']]])(
  'a family that is not there: %j: status 1, ENOENT',
  async ([name = '', ...args]) => {
    const { status, stdout, stderr } = await call(name, ...args)
    expect(stderr).toContain('ENOENT: there is no family')
    expect([status, stdout]).toEqual([1, ''])
  },
)

test('resolve knows the families of the kernel itself; a listener gives up at its deadline: status 1, and says so', async () => {
  const { stdout } = await call('resolve', 'nlctrl')
  const [, group] = /^family-id: 16\nmulticast -> id\n'notify' -> (\d+)$/.exec(stdout) ?? []
  const result = await call('genl-event', '--timeout', '0.1', String(group))
  expect(result).toMatchObject({ status: 1, stdout: '' })
  expect(result.stderr).toContain('nothing was heard within 0.1 s')
})
