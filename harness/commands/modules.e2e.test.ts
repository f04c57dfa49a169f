// SPDX-License-Identifier: MIT
/**
 * Modules with dependencies, under test and in-tree, loaded by --module, loadModule, modprobe and the kernel
 * itself.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hostLabel } from '../../kernel/provide.ts'
import { runCli } from '../fixtures/cli.ts'

let project: string
const files = {
  'netlink-vmtest.config.ts': `import { defineConfig } from 'netlink-vmtest/config'
export default defineConfig({ modules: [{ dir: 'base', parameters: { base: 'step=3' } }, 'upper'], suites: ['*.test.ts'] })
`,
  'base/Kbuild': 'obj-m := base.o\n',
  'base/base.c': `#include <linux/module.h>
static int step;
module_param(step, int, 0444);
int base_answer(void)
{
	return 42;
}
EXPORT_SYMBOL_GPL(base_answer);
MODULE_DESCRIPTION("Base");
MODULE_LICENSE("GPL");
`,
  'upper/Kbuild': 'obj-m := upper.o\n',
  'upper/upper.c': `#include <linux/module.h>
#include <net/rtnetlink.h>
#include <net/udp_tunnel.h>
int base_answer(void);
static int wanted = 42;
module_param(wanted, int, 0444);
static int __init start(void)
{
	pr_debug("%p\\n", udp_tunnel_sock_release);
	return base_answer() == wanted ? 0 : -EDOM;
}
static void __exit stop(void)
{
}
module_init(start);
module_exit(stop);
MODULE_ALIAS_RTNL_LINK("upper");
MODULE_DESCRIPTION("Upper");
MODULE_LICENSE("GPL");
`,
  'upper.test.ts': `import { loadModule, moduleReferences, unloadModule } from 'netlink-vmtest/testing'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const step = () => Number(readFileSync('/sys/module/base/parameters/step', 'utf8'))

test("with the configuration's parameters, before those that are given", () => {
  loadModule('base')
  expect(step()).toBe(3)
  unloadModule('base')
  loadModule('base', 'step=4')
  expect(step()).toBe(4)
  unloadModule('base')
})

test('with what it needs', () => {
  loadModule('upper')
  expect(moduleReferences('base')).toBe(1)
  expect(step()).toBe(3)
  expect(moduleReferences('udp_tunnel')).toBe(1)
  unloadModule('upper')
  expect(moduleReferences('base')).toBe(0)
  expect(() => loadModule('upper', 'wanted=1')).toThrow(expect.objectContaining({ code: 'EDOM' }))
  unloadModule('base')
})

test('by its alias, and one of the kernel', () => {
  loadModule('rtnl-link-upper')
  expect(moduleReferences('upper')).toBe(0)
  unloadModule('upper')
  unloadModule('base')
  loadModule('rtnl-link-dummy', 'numdummies=0')
  unloadModule('dummy')
  expect(() => loadModule('typo')).toThrow(/^typo: there is no such module under test, but base, upper; nor /)
})

test('not with a parameter that it does not have', () => {
  expect(() => loadModule('upper', 'wnated=1')).toThrow('upper: it has no parameter wnated, but wanted')
  expect(moduleReferences('upper')).toBeUndefined()
  unloadModule('base')
})
`,
}

beforeAll(() => {
  project = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-modules-'))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(project, name)), { recursive: true })
    writeFileSync(path.join(project, name), content)
  }
})
afterAll(() => rmSync(project, { recursive: true }))

const exec = (modules: string[], script: string) =>
  runCli(
    [
      'exec',
      '--kernel',
      hostLabel(),
      ...modules.flatMap(name => ['--module', name]),
      '--',
      'sh',
      '-c',
      script,
    ],
    { cwd: project },
  )

test('--module loads what a module needs before it, one of the kernel’s own as well, with parameters', async () => {
  const loaded =
    'lsmod | cut -d" " -f1 | sort | tr "\\n" " "; cat /sys/module/upper/parameters/wanted; cat /sys/module/base/parameters/step'
  const { status, stdout } = await exec(['rtnl-link-upper wanted=42', 'x_tables'], loaded)
  expect(stdout).toMatch(/\bbase .*\budp_tunnel upper .*\bx_tables .*42\n3$/)
  expect(status).toBe(0)
})

test("--module's own parameters come after the configuration's; those of no module are refused", async () => {
  const { stdout } = await exec(['base step=5'], 'cat /sys/module/base/parameters/step')
  expect(stdout).toBe('5')
  const file = path.join(project, 'netlink-vmtest.config.ts')
  const config = files['netlink-vmtest.config.ts']
  writeFileSync(file, config.replace('{ base:', '{ bsae:'))
  const { status, stderr } = await exec([], 'true')
  writeFileSync(file, config)
  expect(stderr).toMatch(/modules\.parameters: there is no module bsae: choose one of base, upper$/m)
  expect(status).toBe(2)
})

test('a module that does not load by its parameters, and one that there is not, are named', async () => {
  expect(await exec(['upper wanted=1'], 'true')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/error: upper does not load$/),
  })
  expect(await exec(['upper wnated=1'], 'true')).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/--module: upper has no parameter wnated$/),
  })
  expect(await exec(['uper'], 'true')).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/there is no module uper: choose one of base, upper(;|$)/),
  })
})

test('modprobe and the kernel itself find modules under test, by their names and aliases', async () => {
  const { stdout } = await exec(
    [],
    `modprobe upper && lsmod | grep -c -E '^(upper|base|udp_tunnel) '
     cat /sys/module/base/parameters/step
     rmmod upper base
     ip link add x type upper 2>/dev/null; lsmod | grep -c -E '^(upper|base) '`,
  )
  expect(stdout).toBe('3\n3\n2')
})

test('loadModule does as modprobe does', async () => {
  const { status, stdout } = await runCli(['--kernel', hostLabel()], { cwd: project })
  expect(stdout).toMatch(/tests 4 passed, 0 failed/)
  expect(status).toBe(0)
})

test('a command that asks for no module runs where they do not compile, and says that they are not there', async () => {
  const source = path.join(project, 'upper/upper.c')
  writeFileSync(source, 'nonsense\n')
  try {
    const look = await exec([], 'ls -d /run/netlink-vmtest/modules/* || echo none')
    expect(look).toMatchObject({ status: 0, stdout: 'none' })
    expect(look.stderr).toMatch(/the guest has no modules under test: upper does not build for /)
    const asked = await exec(['base'], 'true')
    expect(asked).toMatchObject({ status: 1, stdout: '' })
    expect(asked.stderr).toMatch(/^upper\/upper\.c:1:1: error: .*/m)
  } finally {
    writeFileSync(source, files['upper/upper.c'])
  }
})
