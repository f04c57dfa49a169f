// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { ownFolder } from '../base/own-folder.ts'
import { runCli } from '../fixtures/cli.ts'
import { examples } from './help-examples.ts'
import { parseVitestArguments } from './vitest-command.ts'

test('each command has examples in its help, whose options it has', async () => {
  const { stdout: overview } = await runCli(['--help'])
  const names = [...overview.matchAll(/^ {2}([a-z]+) (?:\[|<|-| {2})/gm)].map(([, name]) => name as string)
  expect(names.sort()).toEqual(['help', ...Object.keys(examples)].sort())
  await Promise.all(
    Object.entries(examples).map(async ([name, lines]) => {
      const { stdout } = await runCli([name, '--help'])
      const help = stdout.slice(0, stdout.indexOf('\nExamples:'))
      for (const [args] of lines) {
        expect(stdout).toContain(` ${args}`.trimEnd())
        expect(args.startsWith(name) || name === 'run').toBe(true)
        const [ours = ''] = args.split(' -- ')
        const unknown = (ours.match(/(?<= )--?[a-z]+|^--?[a-z]+/g) ?? []).filter(
          option => !new RegExp(`^ .*${option}\\b`, 'm').test(help),
        )
        // Those of Vitest.
        expect(() => parseVitestArguments(unknown.map(each => (each === '-t' ? '-t=x' : each)))).not.toThrow()
      }
    }),
  )
})

test('--version is ours', async () => {
  const { version } = JSON.parse(readFileSync(path.join(ownFolder, 'package.json'), 'utf8'))
  expect(await runCli(['--version'])).toMatchObject({ stdout: version, status: 0 })
})
