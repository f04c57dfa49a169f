// SPDX-License-Identifier: MIT
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { cacheRoot } from '../../base/cache-root.ts'
import { writeBaseline } from '../../compare/baseline.ts'
import { checkSettings } from '../../prepare/settings.ts'
import { type CompareOptions, compare } from './compare.ts'

function root(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
// The cache of who runs these tests is none of theirs.
beforeEach(() => {
  vi.stubEnv('XDG_CACHE_HOME', path.join(root(), 'cache'))
  onTestFinished(() => void vi.unstubAllEnvs())
})
const refused = (rest: readonly string[], options: CompareOptions, text: string | RegExp) =>
  expect(compare(options, rest, checkSettings({}), root())).rejects.toThrow(text)

test('what cannot be compared is refused before anything is built', async () => {
  await refused([], {}, 'compare needs BASE: a revision, or a folder of modules; or --baseline FILE')
  await refused(['main', ''], {}, 'an empty word names neither a side nor a test file')
  await refused([''], {}, 'an empty word names')
  await refused(['main', '--watch'], {}, "compare takes no --watch: of Vitest's options only those of tests")
  await refused(
    ['main', '--coverage'],
    {},
    "compare takes no --coverage: of Vitest's options only those of tests",
  )
  await refused(['main', '--reporter=dot'], {}, 'compare takes no --reporter')
  await refused(['main'], {}, /is in no git repository/)
  const both = { baseline: '/nowhere', saveBaseline: path.join(root(), 'b') }
  await refused([], both, '--baseline and --save-baseline: one reads a baseline')
  await refused([], { baseline: '/nowhere' }, '--baseline: cannot read /nowhere')
  await refused(['main'], { accept: '/nowhere' }, '--accept: cannot read /nowhere')
  await refused(['main'], { json: '/proc/x' }, 'cannot write the report /proc/x')
})

test('a revision that does not exist is refused before anything is built, beside other filters too', async () => {
  const project = root()
  mkdirSync(path.join(project, 'm'))
  const files = {
    'netlink-vmtest.config.ts': "export default { modules: 'm', suites: ['*.test.ts'] }\n",
    'm/Kbuild': 'obj-m += m.o\n',
    'm/m.c': '#error is not built; the family "my_family"\n',
    'Echo.test.ts': '',
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(path.join(project, name), content)
  const git = (...args: string[]) =>
    execa('git', ['-c', 'user.name=x', '-c', 'user.email=x@x', ...args], { cwd: project })
  await git('init', '--quiet')
  await git('add', '--all')
  await git('commit', '--quiet', '--message', 'first')
  const settings = checkSettings({ modules: 'm', suites: ['*.test.ts'] })
  const compared = (...words: string[]) => compare({ kernel: 'nosuch' }, words, settings, project)
  const refusal = / is neither a revision nor a folder of modules, and no test file matches it$/
  await expect(compared('HEAD', 'v9.9')).rejects.toThrow(refusal)
  await expect(compared('HEAD', 'v9.9', 'echo')).rejects.toThrow(refusal)
  await expect(compared('HEAD', path.join(project, 'other.test.ts'))).rejects.toThrow(refusal)
  const words = ['echo', './Echo.test.ts', path.join(project, 'Echo.test.ts'), 'my_family', 'command-0']
  for (const word of words) await expect(compared('HEAD', word)).rejects.toThrow(/nosuch/)
  // A baseline is of one side.
  const ofBaseline = (option: 'saveBaseline' | 'baseline', ...words: string[]) =>
    compare({ kernel: 'nosuch', [option]: file }, words, settings, project)
  const file = path.join(project, 'main.baseline')
  writeBaseline(file, { harness: '0.1.0', made: 'main', suites: {}, kernels: [] })
  for (const option of ['saveBaseline', 'baseline'] as const) {
    const name = option === 'baseline' ? '--baseline' : '--save-baseline'
    await expect(ofBaseline(option, 'HEAD', 'HEAD~0')).rejects.toThrow(
      `${name} takes one side alone: HEAD and HEAD~0 are two`,
    )
    const folder = path.join(project, 'm')
    await expect(ofBaseline(option, 'HEAD', folder)).rejects.toThrow(`: HEAD and ${folder} are two`)
    await expect(ofBaseline(option, 'HEAD', 'v9.9')).rejects.toThrow(refusal)
    for (const words of [['HEAD', 'echo'], ['echo', 'command-0'], ['HEAD'], []])
      await expect(ofBaseline(option, ...words)).rejects.toThrow(/nosuch/)
  }
})

test('what a killed build has left in the cache is removed at the end of a comparison', async () => {
  const project = root()
  const draft = path.join(cacheRoot(), 'drafts/modules-0123456789abcdef0123')
  for (const folder of [draft, path.join(project, 'm')]) mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(project, 'm/Kbuild'), '')
  const settings = checkSettings({ modules: 'm' })
  const compared = compare({ kernel: 'nosuch' }, [path.join(project, 'm')], settings, project)
  await expect(compared).rejects.toThrow(/nosuch/)
  expect(existsSync(draft)).toBe(false)
})

test('one report alone can be on stdout', async () => {
  const settings = checkSettings({ modules: 'm', suites: ['*.test.ts'] })
  await expect(compare({ json: '-', markdown: '-' }, ['HEAD'], settings, root())).rejects.toThrow(
    'one report alone can be on stdout (-): give the others files',
  )
})
