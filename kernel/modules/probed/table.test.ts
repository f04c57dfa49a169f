// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

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
