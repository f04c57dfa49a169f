// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { checkSettings } from '../../prepare/settings.ts'
import { type CompareOptions, compare } from './compare.ts'

function root(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
const refused = (rest: readonly string[], options: CompareOptions, text: string | RegExp) =>
  expect(compare(options, rest, checkSettings({}), root())).rejects.toThrow(text)

test('what cannot be compared is refused before anything is built', async () => {
  await refused([], {}, 'compare needs BASE: a revision, or a folder of modules; or --baseline FILE')
  await refused(['main', '--watch'], {}, "compare takes no --watch: of Vitest's options only those of tests")
  await refused(['main', '--reporter=dot'], {}, 'compare takes no --reporter')
  await refused(['main'], {}, /is in no git repository/)
  const both = { baseline: '/nowhere', saveBaseline: path.join(root(), 'b') }
  await refused([], both, '--baseline and --save-baseline: one reads a baseline')
  await refused([], { baseline: '/nowhere' }, '--baseline: cannot read /nowhere')
  await refused(['main'], { accept: '/nowhere' }, '--accept: cannot read /nowhere')
  await refused(['main'], { json: '/proc/x' }, 'cannot write the report /proc/x')
})
