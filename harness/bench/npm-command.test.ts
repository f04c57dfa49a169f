// SPDX-License-Identifier: MIT
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { execa } from 'execa'
import { describe, expect, test } from 'vitest'
import { ownFolder } from '../base/own-folder.ts'

const { scripts } = JSON.parse(readFileSync(path.join(ownFolder, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
}

async function call(name: string, ...args: string[]) {
  const [, ...command] = (scripts[name] ?? '').split(' ')
  const { exitCode, stdout, stderr } = await execa(process.execPath, [...command, ...args], {
    cwd: ownFolder,
    reject: false,
    timeout: 60_000,
  })
  return { status: exitCode, stdout, stderr }
}

describe.each(['bench', 'bench:netlink', 'faults', 'soak', 'mutants'])('npm run %s', name => {
  test('--help: what it takes, on stdout, status 0', async () => {
    const { status, stdout } = await call(name, '--help')
    expect(stdout).toContain(`Usage: npm run ${name} -- [options]`)
    expect(status).toBe(0)
  })

  test('wrongly called: why, in words, status 2', async () => {
    expect(await call(name, '--nonesuch')).toEqual({
      status: 2,
      stdout: '',
      stderr: "error: unknown option '--nonesuch'\n(--help shows what there is)",
    })
  })
})

test.each([
  ['bench', '--only', 'nonesuch', '--only: nothing is called nonesuch'],
  ['bench', '--runs', '0', 'It must be a whole number, 1 at least.'],
  ['bench:netlink', '--runs', 'many', 'It must be a whole number, 1 at least.'],
  ['bench:netlink', '--only', 'nonesuch', 'There are: '],
  ['soak', '--runs', '1.5', 'It must be a whole number, 1 at least.'],
  ['soak', '--kernel', 'nonesuch', 'unknown kernel nonesuch: choose one of'],
  ['mutants', '--kernel', 'nonesuch', 'unknown kernel nonesuch: choose one of'],
  ['faults', '--write', '/dev/null', 'nonesuch', 'unknown kernel nonesuch: choose one of'],
  ['mutants', 'nonesuch', 'too', 'no mutant has a name with nonesuch or too in it'],
])('npm run %s -- %s %s: what is wrong with it', async (name, ...args) => {
  const why = args.pop()
  const { status, stdout, stderr } = await call(name, ...args)
  expect(stderr).toContain(why)
  expect([status, stdout]).toEqual([2, ''])
})

test('ended by a signal: its folder goes with it', async () => {
  const code = `const { npmCommand, temporaryFolder } = await import('./harness/bench/npm-command.ts')
    npmCommand('test', '')
    console.log(temporaryFolder('test'))
    setInterval(() => {}, 1000)`
  const child = execa(process.execPath, ['--input-type=module', '-e', code], {
    cwd: ownFolder,
    reject: false,
  })
  const folder = await new Promise<string>(resolve =>
    child.stdout.once('data', data => resolve(String(data).trim())),
  )
  expect(existsSync(folder)).toBe(true)
  child.kill('SIGTERM')
  expect((await child).exitCode).toBe(143)
  expect(existsSync(folder)).toBe(false)
})
