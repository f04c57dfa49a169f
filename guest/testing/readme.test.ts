// SPDX-License-Identifier: MIT
/** Examples of the documentation are, line for line, in tests that run in guests. */
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const project = path.resolve(import.meta.dirname, '../..')
const linesOf = (source: string) => source.split('\n').map(line => line.trim())

test('the example of the README is in the multicast suite', () => {
  const readme = readFileSync(path.join(project, 'README.md'), 'utf8')
  const [, example = ''] = /^## Helpers for your own suites$.*?^```ts\n(.*?)^```$/ms.exec(readme) ?? []
  const suite = readFileSync(path.join(project, 'suites/multicast/multicast.test.ts'), 'utf8')
  expect(example).toContain('acknowledgement(')
  expect(linesOf(suite).join('\n')).toContain(linesOf(example).join('\n').trim())
})

test('all code of the guide is in the suites of the examples', () => {
  const guide = readFileSync(path.join(project, 'docs/first-suite.md'), 'utf8')
  const blocks = [...guide.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) =>
    linesOf(code).join('\n').trim(),
  )
  const suites = globSync('examples/*/suites/*.ts', { cwd: project }).map(file =>
    linesOf(readFileSync(path.join(project, file), 'utf8')).join('\n'),
  )
  expect(blocks.filter(code => !suites.some(suite => suite.includes(code)))).toEqual([])
  expect(blocks.length).toBeGreaterThan(10)
})
