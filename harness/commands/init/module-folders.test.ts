// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { UsageError } from '../../base/errors.ts'
import { moduleFolders } from './module-folders.ts'

let project: string
beforeEach(() => {
  project = mkdtempSync(path.join(tmpdir(), 'module-folders-'))
})
afterEach(() => rmSync(project, { recursive: true }))

function write(name: string, content = ''): void {
  const file = path.join(project, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, content)
}

test.each([
  'obj-m := a.o\n',
  'obj-m+=a.o',
  'ifneq ($(KERNELRELEASE),)\n  obj-m := a.o\nelse\nendif\n',
  'obj-$(CONFIG_A) += a.o\n',
  'obj-y += core/\n',
  'obj-$(if $(KBUILD_EXTMOD),m,$(CONFIG_A)) := a.o\n',
])('a makefile lists modules by %j', content => {
  write('Makefile', content)
  expect(moduleFolders(project)).toEqual(['.'])
})

test.each(['# obj-m := a.o\n', 'all:\n\t$(MAKE) -C $(KDIR) M=$(PWD)/src\n', 'obj-main.o: a.c\n'])(
  'a makefile does not by %j',
  content => {
    write('Makefile', content)
    expect(() => moduleFolders(project)).toThrow(UsageError)
  },
)

test('a makefile lists modules by one that it includes', () => {
  write('src/Kbuild', 'include $(src)/more/sources.mk\n')
  write('src/more/sources.mk', 'include $(src)/last.mk\n')
  write('src/last.mk', 'obj-m := a.o\n')
  write('tools/Makefile', 'include ../none.mk\n')
  expect(moduleFolders(project)).toEqual(['src'])
})

test.each([
  ['Kbuild', 'include $(shell echo $(src)/sources.mk)\n'],
  ['Makefile', 'all: Kbuild\n\t$(MAKE) -C $(KDIR) M=$(CURDIR) modules\nKbuild: ; ./generate\n'],
])('a folder is tried if its %s is unclear, and a module is in it', (name, content) => {
  write('top.mk')
  write('Makefile', 'all:\n\tmake -C src\n')
  write(`src/${name}`, content)
  write('tools/Makefile', 'include $(shell ls *.mk)\n')
  write('tools/a.c', 'int main(void) {}')
  expect(() => moduleFolders(project)).toThrow(/has no module/)
  write('src/core/one.c', 'MODULE_LICENSE("GPL");\nmodule_platform_driver(driver);\n')
  expect(moduleFolders(project)).toEqual(['src'])
  write('other/Kbuild', 'obj-m := b.o\n')
  expect(moduleFolders(project)).toEqual(['other'])
})

test('a folder below is found; Kbuild comes before Makefile; what is hidden or installed is not looked at', () => {
  write('Makefile', 'all:\n\tmake -C src\n')
  write('src/Kbuild', 'obj-m += a.o\n')
  write('src/Makefile', 'all:\n')
  write('src/sub/Kbuild', 'obj-m += b.o\n')
  write('tools/Kbuild', '# nothing\n')
  write('tools/Makefile', 'obj-m += tool.o\n')
  write('node_modules/x/Kbuild', 'obj-m += x.o\n')
  write('.cache/Kbuild', 'obj-m += y.o\n')
  expect(moduleFolders(project)).toEqual(['src'])
})

test('of several, all are found', () => {
  write('drivers/net/b/Kbuild', 'obj-m += b.o\n')
  write('core/Makefile', 'obj-m += a.o\n')
  expect(moduleFolders(project)).toEqual(['core', 'drivers/net/b'])
})

test('without one, what is missing is told', () => {
  expect(() => moduleFolders(project)).toThrow(
    /has no module: neither it nor a folder in it has a Kbuild or Makefile with a line like obj-m/,
  )
  write('src/one.c', '#include <linux/module.h>\nmodule_init(start);\n')
  expect(() => moduleFolders(project)).toThrow(
    /has a module's source, src\/one\.c, but no Kbuild or Makefile that builds it: write one with obj-m \+= one\.o$/,
  )
})

test('a home folder is not searched to its end', () => {
  for (let index = 0; index < 2_001; index++) mkdirSync(path.join(project, `folder-${index}`))
  expect(() => moduleFolders(project)).toThrow(
    /has more than 2000 folders: name the one of the module by --modules$/,
  )
})
