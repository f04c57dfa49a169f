// SPDX-License-Identifier: MIT
/** The README's example of the helpers is, line for line, in a test that runs in guests. */
import { readFileSync } from 'node:fs'
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
