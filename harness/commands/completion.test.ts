// SPDX-License-Identifier: MIT
import { execa } from 'execa'
import { beforeAll, expect, test } from 'vitest'
import { runCli } from '../fixtures/cli.ts'

let script: string
beforeAll(async () => {
  const { stdout, status } = await runCli(['completion'])
  expect(status).toBe(0)
  script = stdout
})

/** What bash offers for the last word. */
async function completions(...words: readonly string[]): Promise<string[]> {
  const list = words.map(word => `'${word}'`).join(' ')
  const { stdout, stderr } = await execa('bash', [
    '--norc',
    '-c',
    `${script}\nCOMP_WORDS=(${list}) COMP_CWORD=${words.length - 1}\n_netlink_vmtest\nprintf '%s\\n' "\${COMPREPLY[@]}"`,
  ])
  expect(stderr).toBe('')
  return stdout.split('\n').filter(Boolean)
}

test('commands, their options, and those of run', async () => {
  expect(await completions('run-vm.sh', 'ex')).toEqual(['exec'])
  expect(await completions('run-vm.sh', 'exec', '--m')).toEqual(['--module', '--modules'])
  expect(await completions('run-vm.sh', '--no-i')).toEqual(['--no-isolate'])
  expect(await completions('run-vm.sh', 'echo', '--kta')).toEqual(['--ktap'])
  expect(await completions('run-vm.sh', '')).toEqual(expect.arrayContaining(['run', 'kernels', 'completion']))
})

test('kernels, one after the other', async () => {
  expect(await completions('run-vm.sh', '--kernel', 'debian-6')).toEqual(['debian-6.1', 'debian-6.12'])
  expect(await completions('run-vm.sh', 'build', '--kernel', 'debian-6.1,mini')).toEqual(
    expect.arrayContaining(['debian-6.1,minimal-6.12']),
  )
})

test('a path where nothing else fits', async () => {
  expect(await completions('run-vm.sh', 'exec', 'src')).toEqual([])
  expect(script).toMatch(/complete -F _netlink_vmtest run-vm\.sh\n/)
})
