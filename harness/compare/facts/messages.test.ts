// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { checkerMessages, isLost, messagesIn } from './messages.ts'

test('warnings of gcc, modpost, objtool, sparse and smatch, by place and text', () => {
  const lines = `In file included from sub/x.c:2:
x.h:3:2: warning: #warning spoken [-Wcpp]
sub/x.c: In function 'f':
sub/x.c:12:6: warning: unused variable 'a' [-Wunused-variable]
   12 |  int a;
      |      ^
sub/x.c:9:1: note: declared here
sub/x.c: At top level:
sub/x.c:40:12: warning: 'g' defined but not used [-Wunused-function]
y.c:3:1: warning: no previous prototype for 'h'
WARNING: modpost: /cache/build/sub/x.o(.text+0x1b): Section mismatch in reference from the function f() to the function .init.text:g()
The function f() references
WARNING: modpost: missing MODULE_DESCRIPTION() in /cache/build/x.o
x.o: warning: objtool: f+0x8: return with modified stack frame
x.c:7:20: warning: incorrect type in assignment (different base types)
x.c:7:20:    expected unsigned int [usertype] a
x.c:7:20:    got restricted __be32
x.c:21:5: error: undefined identifier 'q'
x.c:33 set_doit() warn: variable dereferenced before check 'p' (see line 30)
x.c:34 set_doit() error: uninitialized symbol 'err'.
gcc is not what built the kernel`
  expect(messagesIn(lines.split('\n')).map(({ place, text }) => `${place} | ${text}`)).toEqual([
    'x.h | #warning spoken [-Wcpp]',
    "sub/x.c: f() | unused variable 'a' [-Wunused-variable]",
    "sub/x.c | 'g' defined but not used [-Wunused-function]",
    "y.c | no previous prototype for 'h'",
    'x.o | x.o(.text): Section mismatch in reference from the function f() to the function .init.text:g()',
    'x.o | missing MODULE_DESCRIPTION() in x.o',
    'x.o | objtool: f: return with modified stack frame',
    'x.c | incorrect type in assignment (different base types); expected unsigned int [usertype] a; got restricted __be32',
    "x.c | undefined identifier 'q'",
    "x.c: set_doit() | variable dereferenced before check 'p'",
    "x.c: set_doit() | uninitialized symbol 'err'.",
  ])
})

test('a line that is added before it changes nothing', () => {
  const at = (line: number) =>
    messagesIn([`x.c:${line}:5: warning: unused variable 'a'`, `x.c:${line} f() warn: a`])
  expect(at(3)).toEqual(at(4))
})

test('what is of a checker alone, whether or not the compiler has named a function before it', () => {
  const sparse = "x.c:3:5: warning: symbol 'a' was not declared. Should it be static?"
  const gcc = ["x.c: In function 'f':", 'x.c:9:1: warning: unused [-Wunused-variable]']
  const others = ['WARNING: modpost: x.ko: odd', 'x.o: warning: objtool: f+0x8: odd']
  const expected = [{ place: 'x.c', text: "symbol 'a' was not declared. Should it be static?" }]
  expect(checkerMessages([...gcc, ...others, sparse])).toEqual(expected)
  expect(checkerMessages([sparse])).toEqual(expected)
})

test('a checker that is older than the headers', () => {
  const header = '/kernels/include/linux/list.h:9:1'
  const own = 'x.c:3:5: warning: odd'
  expect(checkerMessages([`${header}: warning: odd`, own])).toEqual([{ place: 'x.c', text: 'odd' }])
  expect(isLost([`${header}: warning: odd`, own, 'x.c:4:1: error: odd'])).toBe(false)
  expect(isLost([own, `${header}: error: Expected ) at end of cast operator`])).toBe(true)
  expect(isLost(['./include/linux/list.h:9:1: error: got __typeof_unqual__'])).toBe(true)
})
