// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { createCLI } from 'vitest/node'
import { UsageError } from '../base/errors.ts'
import { parseVitestArguments, type VitestCall } from './vitest-command.ts'
import { decisionOn, decisions } from './vitest-options.ts'

/** The options that the installed Vitest lists. */
const installed = createCLI().globalCommand.options
type Installed = (typeof installed)[number]

const refused = installed.filter(({ name }) => 'refused' in (decisionOn(name) ?? {}))
const taken = installed.filter(({ name }) => 'value' in (decisionOn(name) ?? {}))

const kebab = (name: string) => name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)

/** All ways to write an option, with a value if it needs one. */
function spellings({ name, names, isBoolean }: Installed, value: string): string[][] {
  const long = [name, kebab(name)].flatMap(name =>
    isBoolean
      ? [[`--${name}`], [`--${name}=true`], [`--${name}=false`], [`--no-${name}`]]
      : [[`--${name}=${value}`], [`--${name}`, value]],
  )
  const short = names.filter(name => name.length === 1)
  return [...long, ...short.map(name => (isBoolean ? [`-${name}`] : [`-${name}`, value]))]
}

test("each option of Vitest's has been decided", () => {
  expect(installed.length).toBeGreaterThan(100)
  const undecided = installed.map(({ name }) => name).filter(name => decisionOn(name) === undefined)
  expect(undecided).toEqual([])
})

test('nothing is decided that Vitest does not have', () => {
  const names = new Set(installed.map(({ name }) => name))
  expect(Object.keys(decisions).filter(name => !names.has(name))).toEqual([])
})

test.each(refused)('--$name is refused by name, however it is written', option => {
  // Vitest may read a value of a whole group as one of the group's options, or refuse it.
  const [group] = option.name.split('.')
  const byName = new RegExp(`--${group}[\\w.]* has no place here: .|for --${group}`)
  for (const spelling of spellings(option, '1')) {
    const parse = () => parseVitestArguments(['echo', ...spelling])
    expect(parse, spelling.join(' ')).toThrow(UsageError)
    expect(parse, spelling.join(' ')).toThrow(byName)
  }
})

/** Values for options that do not take a number. */
const values: Readonly<Record<string, string>> = {
  diff: import.meta.filename,
  dir: import.meta.dirname,
  execArgv: 'x',
  'experimental.importDurations.print': 'on-warn',
  'sequence.hooks': 'list',
  shard: '1/2',
  silent: 'passed-only',
  update: 'new',
}

/** An option's value in the parsed call, in whichever part. */
function found({ run, project, execArgv, coverage }: VitestCall, name: string): unknown {
  let at: unknown = { execArgv, coverage, ...run, ...project }
  // Vitest's parser takes the one for the other.
  const place = name === 'coverage' ? 'coverage.enabled' : name
  for (const key of place.split('.')) at = (at as Record<string, unknown> | undefined)?.[key]
  return at
}

test.each(taken)('--$name arrives, however it is written, and leaves the filters alone', option => {
  const { name } = option
  const ways = spellings(option, values[name] ?? '1').filter(([way]) => !/^--(no-)?color/.test(way ?? ''))
  for (const spelling of ways) {
    const call = parseVitestArguments(['echo', ...spelling, ...(option.isBoolean ? ['errors'] : [])])
    expect(call.filters, spelling.join(' ')).toEqual(option.isBoolean ? ['echo', 'errors'] : ['echo'])
    const expected = option.isBoolean ? !/^--no-|=false$/.test(spelling[0] ?? '') : expect.anything()
    expect(found(call, name), spelling.join(' ')).toEqual(expected)
  }
})
