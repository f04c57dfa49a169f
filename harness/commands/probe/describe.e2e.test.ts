// SPDX-License-Identifier: MIT
/** `probe --describe` in a real guest. */
import { expect, test, vi } from 'vitest'
import { hostLabel } from '../../../kernel/provide.ts'
import { ownFolder } from '../../base/own-folder.ts'
import { loadSettings } from '../../prepare/load-settings.ts'
import { type DescribeOptions, describe } from './describe.ts'

const asked = { kernel: hostLabel(), module: [], family: [], spec: [] } satisfies DescribeOptions

test('families of the kernel, and of modules under test', async () => {
  const settings = await loadSettings(ownFolder)
  const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  try {
    expect(await describe({ ...asked, family: ['nlctrl', 'nlex'] }, settings, ownFolder)).toBe(0)
    const text = written.mock.calls.map(([text]) => String(text)).join('')
    expect(text).toMatch(/^nlctrl: a family of generic netlink, version 2\n.*^ {2}groups: notify\n/ms)
    expect(text).toContain(`nlex: a family of generic netlink, version 1
  operations
    0  anybody  do (policy 0)
    1  anybody  do (policy 0)
  policy 0
    1  u32
  groups: example
`)
  } finally {
    written.mockRestore()
  }
  await expect(describe({ ...asked, module: ['genlexampel'] }, settings, ownFolder)).rejects.toThrow(
    '--module: no module genlexampel is under test: did you mean genlexample?',
  )
})
