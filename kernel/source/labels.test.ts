// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { sourceLabel, sourceLabels } from './labels.ts'

test('labels say what a kernel is for, and its series', () => {
  expect(sourceLabel('minimal-6.1')).toMatchObject({ flavour: 'minimal', series: '6.1' })
  expect(sourceLabel('debug-6.12')).toMatchObject({ flavour: 'debug', series: '6.12' })
  for (const label of sourceLabels) expect(sourceLabel(label)?.groups.length).toBeGreaterThan(0)
})

test('a series newer than this code is looked for where Debian puts new kernels', () => {
  expect(sourceLabel('minimal-8.0')?.groups).toEqual([['trixie-backports', 'sid']])
})

test.each(['minimal', 'minimal-6', 'minimal-6.12.1', 'minimal-4.19', 'debian-6.1', 'Debug-6.12', ''])(
  '%j is no such label',
  label => expect(sourceLabel(label)).toBeUndefined(),
)
