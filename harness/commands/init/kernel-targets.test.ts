// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { kernelTargets } from './kernel-targets.ts'

test.each([
  ['all:\n\t$(MAKE) -C $(KDIR) M=$(PWD) modules\nclean:\n\t$(MAKE) -C $(KDIR) M=$(PWD) clean\n', ['all']],
  [
    'FLAGS := \\\n  M=$(PWD) \\\n  A=m\nall: config\n\t$(MAKE) -C $(K) $(FLAGS) modules\nconfig:\n\t./gen\n',
    ['all'],
  ],
  [
    'KB = $(MAKE) -C /lib/modules/6.1/build M=$(CURDIR)\ndefault: gen mod\nmod: ; $(KB) modules\n',
    ['mod', 'default'],
  ],
  [
    'module:\n\t@make -C "$(KERNELDIR)" V=1\nmodule-install:\n\t$(MAKE) -C $(K) modules_install\n',
    ['module'],
  ],
  ['all:\n\t$(MAKE) -C src\ntests:\n\t$(MAKE) -C $(K)\n', []],
  ['obj-m := a.o\nKDIR := /a:b\n', []],
  ['', []],
])('of %j', (makefile, targets) => {
  expect(kernelTargets(makefile)).toEqual(targets)
})
