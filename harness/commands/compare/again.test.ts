// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { frontDoorFromHere } from '../../base/own-folder.ts'
import { commandAgain } from './again.ts'

const again = (
  rest: readonly string[],
  words: readonly string[],
  filters: number,
  options: Parameters<typeof commandAgain>[0]['options'] = {},
) => commandAgain({ rest, words, filters, options }).replace(`${frontDoorFromHere()} `, '')

test('a command that shows a finding again has all options that change what is run, and no filters', () => {
  expect(again(['v0', 'echo'], ['v0', 'echo'], 1)).toBe('compare v0')
  expect(again(['v0', 'v1'], ['v0', 'v1'], 0, { spec: ['a.yaml', 'my b.yaml'], probe: true })).toBe(
    "compare v0 v1 --spec a.yaml --spec 'my b.yaml'",
  )
  expect(again([], [], 0, { baseline: 'main.baseline', probe: false })).toBe(
    'compare --baseline main.baseline --no-probe',
  )
})

test("Vitest's options are there as they were written", () => {
  const rest = ['v0', '-t', 'an echo', 'echo', '--testTimeout=9', '--env', 'A=1']
  expect(again(rest, ['v0', 'echo'], 1)).toBe("compare v0 -t 'an echo' --testTimeout=9 --env A=1")
  expect(again(['-t', 'echo', 'v0', '--globals', '--', 'echo'], ['v0', 'echo'], 1)).toBe(
    'compare v0 -t echo --globals',
  )
  expect(again(['v0', '-t', 'v0'], ['v0'], 0)).toBe('compare v0 -t v0')
})
