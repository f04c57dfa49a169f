// SPDX-License-Identifier: MIT
/**
 * What a guest has, and what its tests say, depends on its own run alone, not on earlier contents of the
 * cache.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hostLabel } from '../kernel/provide.ts'
import { cacheRoot } from './base/cache-root.ts'
import { ownFolder } from './base/own-folder.ts'
import { runCli } from './fixtures/cli.ts'

const kernel = ['--kernel', hostLabel()]
let root: string
let env: { XDG_CACHE_HOME: string }

beforeAll(async () => {
  // On the cache's own file system, so that kernels can be hard links.
  root = mkdtempSync(`${cacheRoot()}-caches-`)
  env = { XDG_CACHE_HOME: path.join(root, 'cache') }
  // A cache with the kernel alone.
  expect(await runCli(['build', ...kernel], { cwd: ownFolder })).toMatchObject({ status: 0 })
  const ours = path.join(env.XDG_CACHE_HOME, 'netlink-vmtest')
  mkdirSync(ours, { recursive: true })
  for (const kind of ['kernels', 'apt', 'verdicts'])
    await execa('cp', ['-al', path.join(cacheRoot(), kind), ours], { reject: false })
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** A project with one module, which logs this when it is loaded. */
function project(name: string, module: string, greeting: string): string {
  const folder = path.join(root, name)
  mkdirSync(path.join(folder, 'src'), { recursive: true })
  const write = (file: string, content: string) => writeFileSync(path.join(folder, file), content)
  cpSync(path.join(ownFolder, 'netlink-vmtest.lock.json'), path.join(folder, 'netlink-vmtest.lock.json'))
  write('netlink-vmtest.config.ts', "export default { modules: 'src', suites: ['*.test.ts'] }")
  write('src/Kbuild', `obj-m := ${module}.o\n`)
  write(
    `src/${module}.c`,
    `#include <linux/module.h>
static int __init greet(void)
{
	pr_info("says ${greeting}\\n");
	return 0;
}
static void __exit leave(void)
{
}
module_init(greet);
module_exit(leave);
MODULE_LICENSE("GPL");
`,
  )
  write(
    'modules.test.ts',
    `import { KernelLog, loadModule, unloadModule } from 'netlink-vmtest/testing'
import { expect, test } from 'vitest'

test.each(['first', 'second', 'nlexample'])('%s', name => {
  using log = KernelLog.fromNow()
  loadModule(name)
  unloadModule(name)
  expect(log.read().map(({ text }) => text)).toContainEqual(expect.stringContaining('says hello'))
})
`,
  )
  return folder
}

/** Which modules could be loaded and what they logged, and all files of the guest. */
async function look(cwd: string): Promise<{ tests: string[]; files: string }> {
  const { stdout: report } = await runCli([...kernel, '--reporter=verbose'], { cwd, env })
  const everything = `{ find / /run /tmp /dev/shm -xdev -exec stat -c '%A %s %N' {} +
    find / /run /tmp /dev/shm -xdev -type f -size -1000k -exec sha256sum {} +; } | sort`
  const { stdout: files } = await runCli(['exec', ...kernel, '--', 'sh', '-c', everything], { cwd, env })
  const tests = [...report.matchAll(/^ +([✓×]) .*> (\w+)/gm)].map(([, mark, name]) => `${mark} ${name}`)
  return { tests, files }
}

test('the same verdicts and the same files with an empty cache and after other modules, projects and names', async () => {
  const mine = project('mine', 'first', 'hello')
  const fresh = await look(mine)
  expect(fresh.tests).toEqual(['✓ first', '× second', '× nlexample'])
  expect(fresh.files).toMatch(/modules\/first\.ko$/m)

  // The same names with other content, and modules of other names.
  const other = project('other', 'first', 'goodbye')
  expect((await look(other)).tests).toEqual(['× first', '× second', '× nlexample'])
  const examples = await runCli(['run', ...kernel, 'suites/hello'], { cwd: ownFolder, env })
  expect(examples.status).toBe(0)
  expect(await look(mine)).toEqual(fresh)

  // A renamed module.
  for (const file of ['first.c', 'Kbuild']) rmSync(path.join(mine, 'src', file))
  project('mine', 'second', 'hello')
  const renamed = await look(mine)
  expect(renamed.tests).toEqual(['× first', '✓ second', '× nlexample'])
  expect(renamed.files).not.toMatch(/first\.ko/)
  expect(renamed.files).toMatch(/modules\/second\.ko$/m)
})
