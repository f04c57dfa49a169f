// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { parseSpecification } from '../../../guest/ynl/reader.ts'

const read = (name: string) => readFileSync(path.join(import.meta.dirname, name), 'utf8')

/** The words of the Kbuild's variables, by name. */
const variables = new Map(
  [
    ...read('Kbuild')
      .replaceAll('\\\n', '')
      .matchAll(/^([\w-]+) := (.+)$/gm),
  ].map(([, name = '', words = '']) => [name, words.trim().split(/\s+/)]),
)
const families = variables.get('families') ?? []

const rows = (pattern: RegExp, file: string) => [...read(file).matchAll(pattern)].map(([, name = '']) => name)

test('each bug is built, is in its source, and has a row of the table', () => {
  const all = families.flatMap(family =>
    (variables.get(`bugs-${family}`) ?? []).map(bug => `${family}_${bug}`),
  )
  expect(rows(/^\| ([a-z]+_\w+) \|/gm, 'README.md')).toEqual(all)
  const inSources = families.flatMap(family =>
    [...new Set(rows(/HAS_BUG\((\w+)\)/g, `${family}.c`))].map(bug => `${family}_${bug}`),
  )
  expect(inSources.sort()).toEqual(all.sort())
  expect(all.length).toBeGreaterThanOrEqual(24)
})

test('each family has a row', () => {
  expect(rows(/^\| ([a-z]+) \| .+ \|$/gm, 'README.md').filter(name => families.includes(name))).toEqual(
    families,
  )
  expect(families.length).toBeGreaterThanOrEqual(10)
})

/** The values of the enum whose members begin so, by what follows in their names, without the first and the end. */
function membersOf(source: string, prefix: string): [string, number][] {
  const [, members = ''] = new RegExp(`^enum \\{ (${prefix}UNSPEC,[^}]*) \\}`, 'm').exec(source) ?? []
  return members
    .split(/,\s*/)
    .map((name, value): [string, number] => [name.slice(prefix.length).toLowerCase(), value])
    .filter(([name]) => name !== 'unspec' && name !== 'end')
}

test.each(['store', 'netns'])(
  'the specification of %s has the numbers and privileges of its source',
  name => {
    const text = read(`../../../harness/fixtures/probed/${name}.yaml`)
    const { name: family, operations, attributeSets, groups } = parseSpecification(text)
    const source = read(`${name}.c`)
    const prefix = name.toUpperCase()
    expect(family).toBe(`probed_${name}`)
    const commands = membersOf(source, `${prefix}_CMD_`)
    expect(commands.length).toBeGreaterThan(1)
    const asked = operations.filter(({ request }) => request !== undefined)
    expect(asked.map(it => [it.name, it.request])).toEqual(commands)
    const attributes = attributeSets.flatMap(set => set.attributes.map(it => [it.name, it.value]))
    expect(attributes).toEqual(membersOf(source, `${prefix}_A_`))
    for (const { name: command, flags, dump } of asked) {
      const [, ops = ''] =
        new RegExp(`\\.cmd = ${prefix}_CMD_${command.toUpperCase()},(.*?) \\},$`, 'm').exec(source) ?? []
      const privilege = /GENL_(UNS_)?ADMIN_PERM/.exec(ops)?.[0].slice('GENL_'.length)
      expect(flags, command).toEqual(privilege ? [privilege.toLowerCase().replaceAll('_', '-')] : [])
      expect(dump !== undefined, command).toBe(ops.includes('.dumpit'))
    }
    expect(groups.map(group => group.name)).toEqual(rows(/\{ \.name = "(\w+)"/g, `${name}.c`))
  },
)
