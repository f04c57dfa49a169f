// SPDX-License-Identifier: MIT
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { silentProgress } from '../../harness/base/progress.ts'
import { provideKernel } from '../provide.ts'
import { buildModules } from './build-modules.ts'
import type { ModuleFolder } from './module-sources.ts'

let root: string
let dir: string
let outside: string

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'build-modules-'))
  dir = path.join(root, 'module')
  outside = path.join(root, 'outside')
  for (const folder of [path.join(dir, 'include'), outside]) mkdirSync(folder, { recursive: true })
  writeFileSync(
    path.join(dir, 'Kbuild'),
    `include ${outside}/common.mk
obj-m := told.o
ccflags-y := -I${outside} -I$(PWD)/include -DFROM_MAKE=\\"$(FROM_MAKE)\\" -DFROM_ENVIRONMENT=\\"$(FROM_ENVIRONMENT)\\"
`,
  )
  writeFileSync(
    path.join(dir, 'told.c'),
    `#include <linux/module.h>
#include "outside.h"
#include "inside.h"
MODULE_LICENSE("GPL");
MODULE_INFO(told, OUTSIDE " " INSIDE " " FROM_MAKE " " FROM_ENVIRONMENT);
`,
  )
  writeFileSync(path.join(dir, 'include/inside.h'), '#define INSIDE "inside"\n')
  writeFileSync(path.join(outside, 'outside.h'), '#define OUTSIDE "outside"\n')
  writeFileSync(path.join(outside, 'common.mk'), 'FROM_MAKE := made\n')
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(root, { recursive: true, force: true })
})

// From 6.13 on make runs in the module's folder instead of the kernel's, and paths in .cmd files are relative
// to it.
describe.each(['debian-6.1', 'debian-7.3'])('%s', label => {
  /** What the built module says it was built with. */
  const told = async (more: Partial<ModuleFolder> = {}) => {
    const kernel = await provideKernel(label, { progress: silentProgress })
    const modules = await buildModules(kernel, [{ dir, ...more }], { progress: silentProgress })
    const module = readFileSync(modules.get('told')?.file as string, 'latin1')
    return /\btold=([^\0]*)/.exec(module)?.[1]
  }

  test('a module is what its files, its variables and those alone make of it', async () => {
    vi.stubEnv('FROM_ENVIRONMENT', "the caller's")
    vi.stubEnv('PWD', outside)
    expect(await told()).toBe('outside inside made ')

    writeFileSync(path.join(outside, 'outside.h'), '#define OUTSIDE "changed"\n')
    expect(await told()).toBe('changed inside made ')
    writeFileSync(path.join(outside, 'common.mk'), 'FROM_MAKE := remade\n')
    const given = { env: { FROM_ENVIRONMENT: 'given' } }
    expect(await told(given)).toBe('changed inside remade given')
  })

  test('folders that use each other, as repositories have them: shared headers, configure, a Makefile of their own', async () => {
    const kernel = await provideKernel(label, { progress: silentProgress })
    const project = path.join(root, 'project')
    for (const [name, content] of Object.entries(repository)) {
      mkdirSync(path.dirname(path.join(project, name)), { recursive: true })
      writeFileSync(path.join(project, name), content, { mode: name.endsWith('configure') ? 0o755 : 0o644 })
    }
    symlinkSync('../shared', path.join(project, 'core/linked'))
    const notes: string[] = []
    const built = await buildModules(
      kernel,
      [
        { dir: path.join(project, 'core'), sources: [path.join(project, 'include')] },
        {
          dir: path.join(project, 'user'),
          prepare: './configure',
          target: 'all',
          make: { CONFIG_USER: 'm', ANSWER: '$(KVER)' },
        },
      ],
      { progress: { ...silentProgress, note: line => notes.push(line) } },
    )
    expect(notes).toEqual([])
    expect([...built.keys()]).toEqual(['core', 'user'])
    const user = readFileSync(built.get('user')?.file ?? '', 'latin1')
    expect(user).toContain(`vermagic=${kernel.release} `)
    expect(user).toContain('depends=core\0')
    expect(user).toContain(`told=configured for ${kernel.release}, ${kernel.release}\0`)
    expect(existsSync(path.join(project, 'user/generated.h'))).toBe(false)
  })
})

/** Two modules laid out as in public repositories. */
const repository = {
  'include/answer.h': 'int core_answer(void);\n',
  'shared/value.h': '#define VALUE 42\n',
  'core/Kbuild': 'obj-m := core.o\n',
  'core/core.c': `#include <linux/module.h>
#include "../include/answer.h"
#include "linked/value.h"
int core_answer(void)
{
	return VALUE;
}
EXPORT_SYMBOL_GPL(core_answer);
MODULE_DESCRIPTION("Core");
MODULE_LICENSE("GPL");
`,
  'user/configure': `#!/bin/sh
test -e "$KERNELDIR/include/linux/netlink.h" && test -e "$KERNELDIR/include/generated/autoconf.h" &&
	echo "#define CONFIGURED \\"configured for $KVER\\"" >generated.h
`,
  'user/Makefile': `ifneq ($(KERNELRELEASE),)
include $(src)/sources.mk
else
KDIR := /lib/modules/$(shell uname -r)/build
all:
	$(MAKE) -C $(KDIR) M=$(PWD) EXTRA='"$(ANSWER)"' modules
clean:
	$(MAKE) -C $(KDIR) M=$(PWD) clean
endif
`,
  'user/sources.mk': "obj-$(CONFIG_USER) := user.o\nccflags-y := -DEXTRA='$(EXTRA)' -I$(src)\n",
  'user/user.c': `#include <linux/module.h>
#include "generated.h"
int core_answer(void);
static int __init start(void)
{
	return core_answer() == 42 ? 0 : -EINVAL;
}
static void __exit stop(void)
{
}
module_init(start);
module_exit(stop);
MODULE_DESCRIPTION("User");
MODULE_LICENSE("GPL");
MODULE_INFO(told, CONFIGURED ", " EXTRA);
`,
}
