// SPDX-License-Identifier: MIT
/** `init` on real modules: what it writes passes, is typed, and fits what the modules do. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterAll, expect, test } from 'vitest'
import { ownFolder } from '../base/own-folder.ts'
import { runCli } from '../fixtures/cli.ts'

const top = mkdtempSync(path.join(tmpdir(), 'init-e2e-'))
afterAll(() => rmSync(top, { recursive: true }))

const tsc = path.join(ownFolder, 'node_modules/.bin/tsc')

test('at a terminal: two folders of modules, their suites pass', async () => {
  const project = path.join(top, 'terminal')
  for (const module of ['genlexample', 'nlexample'])
    cpSync(path.join(ownFolder, 'kernel/modules', module), path.join(project, module), { recursive: true })
  const cli = `${process.execPath} ${path.join(ownFolder, 'harness/cli.ts')} init`
  const run = execa('script', ['-qefc', cli, '/dev/null'], {
    cwd: project,
    reject: false,
    timeout: 150_000,
    all: true,
    env: { NO_COLOR: '1', CI: undefined },
  })
  run.stdin.write('3\r1,2\rgithub please\rnone\ryes\r')
  const { all, exitCode } = await run
  expect(all).toContain('  2  nlexample')
  expect(all.replaceAll('\r', '')).toMatch(/next: \S+run-vm\.sh$/)
  expect(exitCode).toBe(0)

  const made = readdirSync(project, { recursive: true }).filter(name => !/\.[ch]$|Kbuild/.test(String(name)))
  expect(made.sort()).toEqual([
    '.gitignore',
    'genlexample',
    'netlink-vmtest.config.ts',
    'netlink-vmtest.lock.json',
    'nlexample',
    'package.json',
    'suites',
    'suites/genlexample.test.ts',
    'suites/nlexample.test.ts',
    'tsconfig.json',
  ])
  const suite = readFileSync(path.join(project, 'suites/genlexample.test.ts'), 'utf8')
  expect(suite).toContain(`operations: [{ id: 0 }, { id: 1 }],
    groups: { example: expect.any(Number) },`)
  expect(suite).toContain(`[refusal(request, socket, 'EOPNOTSUPP')]`)
  expect(await execa(tsc, ['-p', '.'], { cwd: project, reject: false })).toMatchObject({
    stdout: '',
    exitCode: 0,
  })
  const given = await runCli([], { cwd: project })
  expect(given.stdout).toMatch(/2 files, tests \d+ passed, 0 failed/)
  // What was built for init is what runs: its files beside the sources change no module.
  expect(given.stderr).not.toContain('build ')
  expect(given.status).toBe(0)
})

const module = (body: string) => `#include <linux/fs.h>
#include <linux/etherdevice.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <net/rtnetlink.h>
${body}
MODULE_LICENSE("GPL");
`
const simple = (body: string) =>
  module(`static int __init start(void)
{
${body}
}
module_init(start);
static void __exit stop(void)
{
}
module_exit(stop);`)

/** A kind of links, made over another one only: it is refused without IFLA_LINK, or without more. */
const links = (kind: string, newlink: string) =>
  module(`static netdev_tx_t up_xmit(struct sk_buff *skb, struct net_device *dev)
{
\tdev_kfree_skb(skb);
\treturn NETDEV_TX_OK;
}
static const struct net_device_ops ops = { .ndo_start_xmit = up_xmit };
static void setup(struct net_device *dev)
{
\tether_setup(dev);
\tdev->netdev_ops = &ops;
\tdev->needs_free_netdev = true;
\teth_hw_addr_random(dev);
}
static int validate(struct nlattr *tb[], struct nlattr *data[], struct netlink_ext_ack *extack)
{
\t${newlink}
}
static struct rtnl_link_ops links = { .kind = "${kind}", .setup = setup, .validate = validate };
static int __init start(void)
{
\treturn rtnl_link_register(&links);
}
module_init(start);
static void __exit stop(void)
{
\trtnl_link_unregister(&links);
}
module_exit(stop);
MODULE_ALIAS_RTNL_LINK("${kind}");`)

const sources = {
  aliased: module(`#include <net/genetlink.h>
static int ping(struct sk_buff *skb, struct genl_info *info)
{
\treturn 0;
}
static const struct genl_ops operations[] = { { .cmd = 1, .doit = ping } };
static struct genl_family family = {
\t.name = "aliased",
\t.version = 1,
\t.module = THIS_MODULE,
\t.ops = operations,
\t.n_ops = ARRAY_SIZE(operations),
};
static struct sock *protocol;
static void input(struct sk_buff *skb)
{
}
static int __init start(void)
{
\tstruct netlink_kernel_cfg configuration = { .input = input };

\tprotocol = netlink_kernel_create(&init_net, 30, &configuration);
\treturn protocol ? genl_register_family(&family) : -ENOMEM;
}
module_init(start);
static void __exit stop(void)
{
\tgenl_unregister_family(&family);
\tnetlink_kernel_release(protocol);
}
module_exit(stop);
MODULE_ALIAS_GENL_FAMILY("aliased");
MODULE_ALIAS_NET_PF_PROTO(PF_NETLINK, 30);`),
  core: module('int core_value(void)\n{\n\treturn 1;\n}\nEXPORT_SYMBOL_GPL(core_value);'),
  device: module(`static int size = 16;
module_param(size, int, 0444);
static const struct file_operations ops = { .owner = THIS_MODULE };
static struct miscdevice device = { .minor = MISC_DYNAMIC_MINOR, .name = "mine", .fops = &ops };
module_misc_device(device);`),
  fussy: links('fussy', 'return -ERANGE;'),
  link: links('mine', 'return 0;'),
  needy: simple('\tint core_value(void);\n\n\treturn core_value() == 1 ? 0 : -EIO;'),
  permanent: module('static int __init start(void)\n{\n\treturn 0;\n}\nmodule_init(start);'),
  holds: simple('\t__module_get(THIS_MODULE);\n\treturn 0;'),
  upper: links('upper', 'return tb[IFLA_LINK] ? 0 : -EINVAL;'),
  refuses: `${simple('\tpr_info("refuses: there is no device\\n");\n\treturn -ENODEV;')}
int refuses_value(void)
{
\treturn 1;
}
EXPORT_SYMBOL_GPL(refuses_value);
`,
  wants: simple('\tint refuses_value(void);\n\n\treturn refuses_value() == 1 ? 0 : -EIO;'),
  warns: simple('\tWARN(1, "warns is here\\n");\n\treturn 0;'),
  zz_dies: simple('\tpanic("zz_dies is here");\n\treturn 0;'),
}

test('modules that do not compile, refuse, warn, crash, stay, need another: the suites and words fit', async () => {
  const project = path.join(top, 'several')
  const folder = path.join(project, 'src')
  mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries(sources)) writeFileSync(path.join(folder, `${name}.c`), text)
  writeFileSync(path.join(folder, 'Makefile'), 'include $(src)/modules.mk\n')
  writeFileSync(
    path.join(folder, 'modules.mk'),
    `obj-m := ${Object.keys(sources)
      .map(name => `${name}.o`)
      .join(' ')}\n`,
  )
  writeFileSync(path.join(folder, 'core.c'), '#error "not yet"\n')
  const broken = await runCli(['init', '--yes', 'several'], { cwd: top, env: { CI: undefined } })
  expect(broken.stdout).toContain('wrote netlink-vmtest.config.ts')
  expect(broken.stdout).toContain('next: set what the build needs in netlink-vmtest.config.ts, and run ')
  expect(broken.stderr).toContain('core.c:1:2: error: #error "not yet"')
  expect(broken.stderr).toMatch(/^error: several\/src does not build for /m)
  expect(broken.status).toBe(1)
  expect(readdirSync(project)).not.toContain('suites')
  expect(readFileSync(path.join(project, 'netlink-vmtest.config.ts'), 'utf8')).toContain(
    "make: { CONFIG_MINE: 'm' }",
  )

  writeFileSync(path.join(folder, 'core.c'), sources.core)
  const { status, stdout, stderr } = await runCli(['init', '--yes'], { cwd: project })
  expect(stdout).toContain('kept netlink-vmtest.config.ts')
  expect(stdout).toContain('wrote suites/core.test.ts: it registers nothing that can be seen from outside')
  expect(stdout).toContain('wrote suites/device.test.ts: device mine, parameter size')
  expect(stdout).toContain(
    'wrote suites/aliased.test.ts: generic netlink family aliased (operations 1, groups 0), netlink protocol 30',
  )
  expect(stdout).toContain(
    'wrote suites/fussy.test.ts: links of the kind fussy (with no more than a name: ERANGE)',
  )
  expect(stdout).toContain('wrote suites/link.test.ts: links of the kind mine\n')
  expect(stdout).toContain('wrote suites/upper.test.ts: links of the kind upper, over another')
  expect(stdout).toContain('wrote suites/needy.test.ts: needs core\n')
  expect(stdout).toContain('wrote suites/refuses.test.ts: it refuses to be loaded: ENODEV')
  expect(stdout).toContain(
    'wrote suites/wants.test.ts: refuses, which it needs, refuses to be loaded: ENODEV',
  )
  expect(stdout).toContain(
    'wrote suites/zz-dies.test.ts: nothing is known of it: its init or exit function did not return',
  )
  expect(stderr).toContain('refuses: there is no device')
  expect(stderr).toMatch(/^error: zz_dies: the guest \S+ was lost: kernel panic: zz_dies is here/m)
  expect(stderr).toContain('warns is here')
  expect(stderr).toContain('holds keeps references to itself (1), which its suite leaves behind: a leak')
  expect(status).toBe(1)

  const run = await runCli([], { cwd: project })
  expect(run.stdout).toMatch(/✓ .*suites\/core\.test\.ts \(2 tests\)/)
  expect(run.stdout).toMatch(/✓ .*suites\/device\.test\.ts \(4 tests\)/)
  expect(run.stdout).toMatch(/✓ .*suites\/aliased\.test\.ts \(5 tests\)/)
  expect(run.stdout).toMatch(/✓ .*suites\/fussy\.test\.ts \(3 tests\)/)
  expect(run.stdout).toMatch(/✓ .*suites\/link\.test\.ts \(3 tests\)/)
  expect(run.stdout).toMatch(/✓ .*suites\/upper\.test\.ts \(3 tests\)/)
  expect(run.stdout).toMatch(/✓ .*suites\/needy\.test\.ts \(2 tests\)/)
  expect(run.stdout).toMatch(/✓ .*suites\/permanent\.test\.ts \(1 test\)/)
  expect(run.stdout).toMatch(/✓ .*suites\/refuses\.test\.ts \(1 test\)/)
  expect(run.stdout).toMatch(/✓ .*suites\/wants\.test\.ts \(1 test\)/)
  expect(run.stdout).toContain('13 files (3 failed)')
  expect(run.stdout).toContain('1 reference to the module holds')
  expect(run.stdout).toContain('KernelSplat: WARN: warns is here')
})
