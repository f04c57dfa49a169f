// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { formatOptions, parseOptions, unmet } from './options.ts'

const fragment = `# The processor.
CONFIG_64BIT=y
CONFIG_NR_CPUS=8
# CONFIG_IBT is not set

# Where it exists.
# from 6.1 on
CONFIG_NEW=y

# up to 5.10
CONFIG_OLD="a b"

CONFIG_LAST=m
`

test.each([
  ['5.10', ['CONFIG_OLD']],
  ['6.0', []],
  ['6.1', ['CONFIG_NEW']],
  ['6.12', ['CONFIG_NEW']],
  ['10.0', ['CONFIG_NEW']],
])('a fragment for Linux %s', (series, conditional) => {
  const names = parseOptions(fragment, series).map(it => it.name)
  expect(names).toEqual(['CONFIG_64BIT', 'CONFIG_NR_CPUS', 'CONFIG_IBT', ...conditional, 'CONFIG_LAST'])
})

test('is written for the configuration tools, the last word on an option counting', () => {
  const options = [...parseOptions(fragment, '6.0'), { name: 'CONFIG_LAST', value: 'y' }]
  expect(formatOptions(options)).toBe(
    'CONFIG_64BIT=y\n# CONFIG_IBT is not set\nCONFIG_LAST=y\nCONFIG_NR_CPUS=8\n',
  )
})

test('what did not stick is named with what is there: lost, other, or there though it was not wanted', () => {
  const config = 'CONFIG_64BIT=y\nCONFIG_NR_CPUS=64\n# CONFIG_LAST is not set\nCONFIG_IBT=y\n'
  expect(
    unmet(parseOptions(fragment, '6.0'), config).map(it => [it.wanted.name, it.wanted.value, it.found]),
  ).toEqual([
    ['CONFIG_NR_CPUS', '8', '64'],
    ['CONFIG_IBT', 'n', 'y'],
    ['CONFIG_LAST', 'm', 'n'],
  ])
  expect(unmet([{ name: 'CONFIG_GONE', value: 'n' }], config)).toEqual([])
})
