// SPDX-License-Identifier: MIT
/** Two versions of a module: what it is, as a real build and a real guest tell it, and what differs. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ownFolder } from '../../base/own-folder.ts'
import { silentProgress } from '../../base/progress.ts'
import { type PreparedKernel, prepareKernel } from '../../prepare/prepare.ts'
import { checkSettings } from '../../prepare/settings.ts'
import { type KernelFacts, moduleFacts } from './facts.ts'
import { factFindings } from './findings.ts'

const root = mkdtempSync(path.join(tmpdir(), 'facts-'))
afterAll(() => rmSync(root, { recursive: true }))

/** Its symbols have versions (CONFIG_MODVERSIONS). */
const label = 'debian-6.1'

const example = (name: string) => readFileSync(path.join(ownFolder, 'kernel/modules', name), 'utf8')

/**
 * An example with a bus of its own, and one with a family, to which are added a parameter, a file,
 * an exported symbol and a line in the log.
 */
const source = example('genlexample/genlexample.c')
  .replace('#include <linux/kernel.h>', '#include <linux/kernel.h>\n#include <linux/proc_fs.h>')
  .replace(
    'static int __init genlexample_init(void)\n{',
    `static int depth = 4;
module_param(depth, int, 0644);
static struct { int depth; } shape;
static struct proc_dir_entry *entry;
int genl_ex_shape(int unused);
int genl_ex_shape(int unused) { return shape.depth; }
EXPORT_SYMBOL_GPL(genl_ex_shape);
static int genl_ex_show(struct seq_file *file, void *data) { return 0; }

static int __init genlexample_init(void)
{
	pr_info("genlexample: table at %px for %d\\n", kmalloc(8, GFP_KERNEL), depth);
	entry = proc_create_single("genl_ex", 0444, NULL, genl_ex_show);`,
  )
  .replace('static void __exit genlexample_exit(void)\n{', '$&\n\tproc_remove(entry);')

/** What another version does otherwise, from what to what. */
const edits: readonly (readonly [string, string])[] = [
  ['[NLE_MYVAR] = { .type = NLA_U32 }', '[NLE_MYVAR] = NLA_POLICY_RANGE(NLA_U32, 0, 100)'],
  ['.cmd = NLEX_CMD_UPD,', '.cmd = NLEX_CMD_UPD,\n\t\t.flags = GENL_ADMIN_PERM,'],
  ['depth = 4', 'depth = 8'],
  ['int, 0644', 'int, 0444'],
  ['int genl_ex_shape(int unused);', 'int genl_ex_shape(long unused);'],
  ['int genl_ex_shape(int unused) {', 'int genl_ex_shape(long unused) { int nothing;'],
  ['"genl_ex", 0444', '"genl_ex", 0400'],
  ['pr_info("genlexample: table', 'pr_notice("genlexample: table'],
  ['\tproc_remove(entry);', '\tproc_remove(entry);\n\tpr_info("genlexample: bye\\n");'],
  ['MODULE_DESCRIPTION("A variable', 'MODULE_ALIAS("mine");\nMODULE_DESCRIPTION("The variable'],
]

async function prepared(name: string, family: string, bus: string): Promise<PreparedKernel> {
  const dir = path.join(root, name, 'examples')
  mkdirSync(dir, { recursive: true })
  // What a build of another content must not be taken from the cache of.
  for (const [file, content] of [
    ['Kbuild', 'obj-m := genlexample.o nlexample.o\n'],
    ['genlexample.c', family],
    ['genlexample.h', example('genlexample/genlexample.h')],
    ['nlexample.c', bus],
    ['nlexample.h', example('nlexample/nlexample.h')],
    ['README', dir],
  ] as const)
    writeFileSync(path.join(dir, file), content)
  const settings = checkSettings({ modules: dir })
  return await prepareKernel(label, { settings, root, progress: silentProgress })
}

const bus = example('nlexample/nlexample.c')
let base: KernelFacts
beforeAll(async () => {
  base = await moduleFacts(await prepared('base', source, bus))
})

test('a version against itself, built in another folder and loaded in another guest, says nothing', async () => {
  const elsewhere = await prepared('elsewhere/deeper', source, bus)
  const again = await moduleFacts(elsewhere)
  expect(factFindings(base, again)).toEqual([])
  expect(again.modules.genlexample?.identity).toBe(base.modules.genlexample?.identity)
  // What is the same to the kernel is not loaded again.
  const acquire = vi.spyOn(elsewhere.guests, 'acquire')
  expect(await moduleFacts(elsewhere, base)).toEqual(again)
  expect(acquire).not.toHaveBeenCalled()
  // Without these nothing was compared.
  expect(base.modules.genlexample).toMatchObject({
    info: { license: ['GPL'] },
    exports: [{ name: 'genl_ex_shape' }],
    registration: {
      appearance: {
        families: [{ name: 'nlex', operations: [{ number: 0 }, { number: 1 }], groups: ['example'] }],
        parameters: [{ name: 'depth', mode: '644', value: '4' }],
        files: [{ name: '/proc/genl_ex', mode: '444' }],
        buses: [],
        loading: [{ level: 6, text: 'genlexample: table at … for 4' }],
        unloading: [],
      },
    },
  })
})

test('each difference is named', async () => {
  const head = edits.reduce((text, [from, to]) => {
    expect(text).toContain(from)
    return text.replace(from, to)
  }, source)
  const otherBus = bus.replace('.groups = NLEX_GRP_MYVAR', '.groups = 64, .flags = NL_CFG_F_NONROOT_RECV')
  const findings = factFindings(base, await moduleFacts(await prepared('head', head, otherBus), base))
  const told = findings.map(({ text, where, was, is, matters }) =>
    [matters ? '' : '(', text ?? `${where}: ${was ?? 'nothing'} became ${is ?? 'nothing'}`].join(''),
  )
  expect(told.filter(line => !/^.genlexample (now|no longer) uses |genlexample: text: /.test(line))).toEqual([
    'nlex: operation 0 now needs CAP_NET_ADMIN',
    'nlex: attribute 1: u32 became u32, to 100',
    'genlexample: parameter depth, default: 4 became 8',
    'genlexample: parameter depth, mode: 0644 became 0444',
    'genlexample: /proc/genl_ex, mode: 0444 became 0400',
    "genlexample: log on load: 'genlexample: table at … for 4', level info became 'genlexample: table at … for 8', level notice",
    "genlexample: log on unload: 'genlexample: bye': nothing became level info",
    'genlexample: alias: nothing became mine',
    expect.stringMatching(/^\(genlexample: description: A variable .* became The variable /),
    'genlexample: exported symbol genl_ex_shape: its CRC changed, modules built for the other version do not load',
    'nlexample: netlink protocol 21, highest group: 32 became 64',
    'nlexample: netlink protocol 21: anybody may now join its groups',
    "genlexample.c: genl_ex_shape(): compiler: nothing became unused variable 'nothing' [-Wunused-variable]",
  ])
  expect(new Set(findings.map(({ kernel }) => kernel))).toEqual(new Set([label]))
})
