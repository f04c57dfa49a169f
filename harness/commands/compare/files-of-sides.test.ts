// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { probeFiles } from '../probe/probe-files.ts'
import { filesOfSides } from './files-of-sides.ts'

const filesFor = (module: string) =>
  probeFiles({ name: 'nlex', modules: [module], commands: [0] }, '.netlink-vmtest/probe')

test('sides in one folder share the files that are alike', () => {
  const files = filesFor('nlex')
  expect(filesOfSides(new Map([['base', files]]))).toEqual(files)
  expect(
    filesOfSides(
      new Map([
        ['base', files],
        ['head', [...files, { path: 'new', content: '' }]],
      ]),
    ),
  ).toEqual([...files, { path: 'new', content: '' }])
})

test('of a family whose module has another name each side loads its own', () => {
  const [base, head] = [filesFor('nlex'), filesFor('other')]
  const all = filesOfSides(
    new Map([
      ['base', base],
      ['head', head],
    ]),
  )
  const contentOf = (name: string) =>
    all.find(({ path }) => path === `.netlink-vmtest/probe/nlex/${name}`)?.content
  expect(contentOf('command-0.base.ts')).toContain('"module":["nlex"]')
  expect(contentOf('command-0.head.ts')).toContain('"module":["other"]')
  expect(contentOf('command-0.test.ts')).toBe(`if (process.env.NETLINK_VMTEST_SIDE === 'head')
  await import('./command-0.head.ts')
else await import('./command-0.base.ts')
`)
  expect(all).toHaveLength(9)
})
