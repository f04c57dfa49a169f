// SPDX-License-Identifier: MIT
/** `probe` on a module of two commands, of which one breaks the kernel, and on one without a family. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ownFolder } from '../../base/own-folder.ts'
import { runCli } from '../../fixtures/cli.ts'

/** A source of the modules with bugs that `probe` is tried on. */
const probed = (name: string) => readFileSync(path.join(ownFolder, 'kernel/modules/probed', name), 'utf8')

let project: string
const files = {
  'netlink-vmtest.config.ts': `export default { modules: 'src' }\n`,
  'src/Kbuild': 'obj-m := pair.o silent.o leaves.o lossy.o\nCFLAGS_lossy.o := -DBUG_lossy\n',
  'src/lossy.c': probed('buses.c'),
  'src/probed.h': probed('probed.h'),
  'src/silent.c': `#include <linux/module.h>
MODULE_DESCRIPTION("Registers nothing");
MODULE_LICENSE("GPL");
`,
  'src/leaves.c': `#include <linux/module.h>
#include <linux/slab.h>
#include <net/genetlink.h>
static void *kept;
static struct genl_family leaves_family;
static int leaves_works(struct sk_buff *skb, struct genl_info *info)
{
	return kept ? 0 : -EINVAL;
}
static const struct genl_ops leaves_ops[] = { { .cmd = 1, .doit = leaves_works } };
static struct genl_family leaves_family = {
	.name = "leaves",
	.version = 1,
	.module = THIS_MODULE,
	.ops = leaves_ops,
	.n_ops = ARRAY_SIZE(leaves_ops),
};
static int __init leaves_init(void)
{
	kept = kmalloc(200, GFP_KERNEL);
	return kept ? genl_register_family(&leaves_family) : -ENOMEM;
}
static void __exit leaves_exit(void)
{
	genl_unregister_family(&leaves_family);
}
module_init(leaves_init);
module_exit(leaves_exit);
MODULE_DESCRIPTION("Leaves an object behind when it goes");
MODULE_LICENSE("GPL");
`,
  'pair.yaml': `name: pair
protocol: genetlink-legacy
doc: A command that breaks the kernel, and one that does not.
kernel-policy: global
attribute-sets: [ { name: main, attributes: [ { name: number, type: u32 } ] } ]
operations:
  list:
    - { name: breaks, doc: It breaks., attribute-set: main, do: { request: { attributes: [ number ] } } }
    - { name: works, doc: It works., attribute-set: main, do: { request: { attributes: [ number ] } } }
`,
  'src/pair.c': `#include <linux/module.h>
#include <net/genetlink.h>
static struct genl_family pair_family;
static const struct nla_policy pair_policy[2] = { [1] = { .type = NLA_U32 } };
static int pair_breaks(struct sk_buff *skb, struct genl_info *info)
{
	return nla_get_u32(info->attrs[1]) ? 0 : -EINVAL;
}
static int pair_works(struct sk_buff *skb, struct genl_info *info)
{
	return info->attrs[1] ? 0 : -EINVAL;
}
static const struct genl_ops pair_ops[] = {
	{ .cmd = 1, .doit = pair_breaks },
	{ .cmd = 2, .doit = pair_works },
};
static struct genl_family pair_family = {
	.name = "pair",
	.version = 1,
	.maxattr = 1,
	.policy = pair_policy,
	.module = THIS_MODULE,
	.ops = pair_ops,
	.n_ops = ARRAY_SIZE(pair_ops),
};
static int __init pair_init(void)
{
	return genl_register_family(&pair_family);
}
static void __exit pair_exit(void)
{
	genl_unregister_family(&pair_family);
}
module_init(pair_init);
module_exit(pair_exit);
MODULE_DESCRIPTION("A command that breaks the kernel, and one that does not");
MODULE_LICENSE("GPL");
`,
}

beforeAll(() => {
  project = mkdtempSync(path.join(tmpdir(), 'probe-'))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(project, name)), { recursive: true })
    writeFileSync(path.join(project, name), content)
  }
})
afterAll(() => rmSync(project, { recursive: true }))

test('a command that breaks the kernel costs no other its verdict', async () => {
  const asked = ['--module', 'pair', '--spec', 'pair.yaml', 'command-', '--reporter=verbose']
  const { status, stdout } = await runCli(['probe', ...asked], { cwd: project })
  expect(stdout).toMatch(/× .*command-1\.test\.ts > pair > command 1 \(breaks\)/)
  expect(stdout).toMatch(
    /✓ .*command-2\.test\.ts > pair > command 2 \(works\) > attribute 1 \(number, U32\): lengths/,
  )
  expect(stdout).toContain('pair_breaks')
  expect(stdout).not.toMatch(/× .*command-2/)
  expect(status).toBe(1)
  expect(existsSync(path.join(project, '.netlink-vmtest/probe'))).toBe(false)
})

test('a module that leaves one object behind when it goes', async () => {
  const asked = ['--module', 'leaves', 'lifetime', '-t', 'loading and unloading', '--reporter=verbose']
  const { status, stdout } = await runCli(['probe', ...asked], { cwd: project })
  expect(stdout).toMatch(
    /× .*lifetime\.test\.ts > leaves > .*: loading and unloading, with nothing asked between/,
  )
  expect(stdout).toMatch(/"kmalloc-256": 4\d/)
  expect(status).toBe(1)
})

test('what is added to others is found, though the command that removes these comes first', async () => {
  const asked = [
    '--module',
    'lossy',
    'family',
    '-t',
    'operations one after|a dump tells',
    '--reporter=verbose',
  ]
  const { status, stdout } = await runCli(['probe', ...asked], { cwd: project })
  expect(stdout).toMatch(/× .*family\.test\.ts > probed_buses > the family > a dump tells each entry once/)
  expect(stdout).toMatch(/command 6 \(dump\): datagrams of other sizes tell other entries/)
  expect(status).toBe(1)
})

test('modules after one that breaks the kernel as it is loaded are probed, and that one is told, and fails', async () => {
  const folder = path.join(project, 'others')
  mkdirSync(folder)
  writeFileSync(path.join(folder, 'Kbuild'), 'obj-m := breaks.o pair.o\n')
  writeFileSync(path.join(folder, 'pair.c'), files['src/pair.c'])
  writeFileSync(
    path.join(folder, 'breaks.c'),
    `#include <linux/module.h>
static int __init breaks_init(void)
{
	return *(volatile int *)8;
}
module_init(breaks_init);
MODULE_DESCRIPTION("Breaks the kernel as it is loaded");
MODULE_LICENSE("GPL");
`,
  )
  const asked = ['--modules', 'others', 'command-2', '--reporter=verbose']
  const { status, stdout, stderr } = await runCli(['probe', ...asked], { cwd: project })
  expect(stdout).toContain('✓')
  expect(stdout).not.toContain('×')
  expect(stderr).toContain('breaks is not probed: its init or exit function did not return')
  expect(status).toBe(1)
})

test('a module without a family: there is nothing to probe', async () => {
  const { status, stderr } = await runCli(['probe', '--module', 'silent'], { cwd: project })
  expect(stderr).toContain('error: there is nothing to probe: silent registers no family of generic netlink')
  expect(status).toBe(2)
})
