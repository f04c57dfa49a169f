// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { compilerLines, objectsWithMessages } from './compiler-lines.ts'

test("keeps the compiler's lines, with the user's paths, and leaves out make's", () => {
  const output = `make[1]: Entering directory '/usr/src/linux-headers'
  CC [M]  sub/other.o
In file included from bad.c:2:
                 from sub/other.c:7:
bad.h: In function 'f':
bad.h:1:36: error: 'undeclared' undeclared
    1 | static inline int f(void) { return undeclared; }
      |                                    ^~~~~~~~~~
./include/linux/module.h:3:1: note: declared here
warning: pahole version differs from the one used to build the kernel
  The kernel was built with: 130
  You are using:             0
make[3]: *** [scripts/Makefile.build:287: bad.o] Error 1
make[3]: *** Waiting for unfinished jobs....
ERROR: modpost: "nosuch" [sub/other.ko] undefined!

make: Target 'modules' not remade because of errors.`
  expect(compilerLines(output, ['bad.c', 'bad.h', 'sub/other.c'], '../mine')).toEqual([
    'In file included from ../mine/bad.c:2:',
    '                 from ../mine/sub/other.c:7:',
    "../mine/bad.h: In function 'f':",
    "../mine/bad.h:1:36: error: 'undeclared' undeclared",
    '    1 | static inline int f(void) { return undeclared; }',
    '      |                                    ^~~~~~~~~~',
    './include/linux/module.h:3:1: note: declared here',
    'ERROR: modpost: "nosuch" [sub/other.ko] undefined!',
  ])
})

test("keeps make's own errors, for a Kbuild file that is wrong", () => {
  const output = "make[2]: *** No rule to make target 'gone.o', needed by 'gone.mod'.  Stop."
  expect(compilerLines(output, ['Kbuild'], 'mine')).toEqual([output])
})

test('which objects something was said about, if it is about objects', () => {
  const output = `make[1]: Entering directory '/usr/src/linux-headers'
  CC [M]  quiet.o
  CC [M]  sub/warns.o
sub/warns.c:2:2: warning: #warning spoken
  AS [M]  code.o
code.S:1: Warning: spoken
  MODPOST Module.symvers
WARNING: modpost: missing MODULE_DESCRIPTION() in x.o
  LD [M]  x.ko`
  expect(objectsWithMessages(output)).toEqual(['sub/warns.o', 'code.o'])
  expect(objectsWithMessages(`generating x.h\n${output}`)).toBeUndefined()
  expect(objectsWithMessages('  CC [M]  quiet.o\n')).toEqual([])
})
