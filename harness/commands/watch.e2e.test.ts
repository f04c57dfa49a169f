// SPDX-License-Identifier: MIT
/** Watch mode from the outside: files are saved, and the report shows the result. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { idle, startWatching } from '../fixtures/watching.ts'

const suite = (word: string) => `import { expect, test } from 'vitest'
import { KernelLog, loadModule, unloadModule } from 'netlink-vmtest/testing'
test('says ${word}', () => {
  const log = KernelLog.fromNow()
  loadModule('watched')
  unloadModule('watched')
  expect(log.read().map(record => record.text ?? record)).toContain('watched: ${word}')
})
`
const source = (word: string) => `#include <linux/module.h>
static int __init watched_init(void)
{
	pr_info("watched: ${word}\\n");
	return 0;
}
static void __exit watched_exit(void)
{
}
module_init(watched_init);
module_exit(watched_exit);
MODULE_DESCRIPTION("a module whose source changes");
MODULE_LICENSE("GPL");
`

test.each([
  ['in a machine for each file', []],
  ['in machines that files share', ['--no-isolate']],
])(
  'a saved suite runs again, %s; a saved module is rebuilt and what uses it runs again; a broken one is said to be',
  async (_, flags) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'watch-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    mkdirSync(path.join(folder, 'm'))
    const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text)
    write('netlink-vmtest.config.ts', "export default { suites: ['*.test.ts'], modules: 'm' }")
    write('m/Kbuild', 'obj-m := watched.o\n')
    write('m/watched.c', source('one'))
    write('uses.test.ts', suite('one'))
    write(
      'other.test.ts',
      "import { loadModule } from 'netlink-vmtest/testing'\nimport { test } from 'vitest'\ntest('other', () => void loadModule)\n",
    )

    const { until, stop } = startWatching(
      ['--reporter=verbose', '--html', 'page', '--ktap', 'ktap', ...flags],
      folder,
    )
    onTestFinished(stop)

    expect(await until(idle)).toMatch(/✓ .*uses.test.ts > says one/)
    const reports = () => ['page', 'ktap'].map(name => readFileSync(path.join(folder, name), 'utf8'))
    expect(reports()).toEqual([
      expect.stringContaining('says one'),
      expect.stringMatching(/^ +ok 1 says one$/m),
    ])

    write('uses.test.ts', suite('two'))
    expect(await until(idle)).toMatch(/× .*uses.test.ts > says two/)
    expect(reports()).toEqual([
      expect.stringContaining('says two'),
      expect.stringMatching(/^ +not ok 1 says two$/m),
    ])

    write('m/watched.c', source('two'))
    const rebuilt = await until(idle)
    expect(rebuilt).toMatch(/✓ .*uses.test.ts > says two/)
    expect(rebuilt).not.toContain('other.test.ts')

    write('m/watched.c', 'not C')
    expect(await until(/error: .*\n/)).toMatch(/watched\.c:1/)

    write('m/watched.c', source('two'))
    expect(await until(idle)).toMatch(/✓ .*uses.test.ts > says two/)
  },
)
