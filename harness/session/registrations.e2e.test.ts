// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { checkSettings } from '../prepare/settings.ts'
import { findRegistrations } from './registrations.ts'
import { withSession } from './session.ts'

const root = mkdtempSync(path.join(tmpdir(), 'registrations-'))
afterAll(() => rmSync(root, { recursive: true }))

/** Milliseconds. */
const PATIENCE = 2_000

function moduleOf(name: string, body: string): string {
  const folder = path.join(root, name)
  mkdirSync(folder)
  writeFileSync(path.join(folder, 'Kbuild'), `obj-m := ${name}.o\n`)
  writeFileSync(
    path.join(folder, `${name}.c`),
    `#include <linux/delay.h>
#include <linux/module.h>
static int __init start(void)
{
\t${body}
\treturn 0;
}
module_init(start);
MODULE_LICENSE("GPL");
`,
  )
  return folder
}

test('an oops and an init that never returns end it soon, with text and place; those after them go into other guests', async () => {
  const fine = moduleOf('fine', 'barrier();')
  const oopses = moduleOf('oopses', '*(volatile int *)8 = 1;')
  const hangs = moduleOf('hangs', 'for (;;)\n\t\tmsleep(1000);')
  const look = (...modules: string[]) =>
    findRegistrations({}, checkSettings({ modules }), root, { patience: PATIENCE })

  const neverReturned = 'its init or exit function did not return'
  const oops = await look(oopses, hangs, fine)
  expect(oops.registrations.map(({ module, unknown }) => [module, unknown])).toEqual([
    ['oopses', neverReturned],
    ['hangs', neverReturned],
    ['fine', undefined],
  ])
  expect(oops.faults).toEqual([
    expect.stringMatching(/^the kernel reports oops: .*NULL pointer dereference, address: 0+8/),
    'hangs does not come back from its init or exit while its guest has had nothing to do for 2 s',
  ])
  expect(oops.details).toMatch(/^ {2}at (init_module|start) \[oopses\] oopses\.c:5$/m)
  expect(oops.details).toMatch(/^RIP: /m)

  const loading = withSession(
    { module: ['oopses'], copy: [] },
    checkSettings({ modules: oopses }),
    root,
    () => Promise.reject(new Error('it was loaded')),
  )
  await expect(loading).rejects.toMatchObject({
    message: 'oopses does not load',
    details: expect.stringMatching(/^oops: .*NULL pointer.*\n {2}at \w+ \[oopses\] oopses\.c:5\n/m),
  })

  const hang = await look(hangs)
  expect(hang.registrations).toMatchObject([{ module: 'hangs', unknown: expect.any(String) }])
  expect(hang.faults).toEqual([
    'hangs does not come back from its init or exit while its guest has had nothing to do for 2 s',
  ])
  expect(hang.details).toMatch(/^the loading of hangs waits in the kernel:\n {2}at msleep/)
  expect(hang.details).toMatch(/^ {2}at (init_module|start) \[hangs\] hangs\.c:6$/m)
})
