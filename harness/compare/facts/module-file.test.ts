// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import { objectFile } from '../../fixtures/object-file.ts'
import { moduleIdentity } from './identity.ts'
import { moduleFile } from './module-file.ts'

const source = `
  INFO(a, "license=GPL") INFO(b, "parm=depth:How deep") INFO(c, "parm=width:How wide") INFO(d, "vermagic=6.1 SMP")
  extern int printk(const char *, ...); extern void other(void); extern void more(void);
  static int count = 7; static char room[4096]; static const int table[256] = { 1 };
  static int helper(int x) { return x + count++ + room[x & 4095]++ + table[x & 255]; }
  int init_module(void) { other(); return printk("hello") + helper(count); }
  void cleanup_module(void) { more(); }`

test('what a file says: modinfo, imports, sizes, init and exit', () => {
  const file = moduleFile(objectFile(source, ['-fno-pic', '-mcmodel=kernel']))
  expect(file).toMatchObject({
    info: { license: ['GPL'], parm: ['depth:How deep', 'width:How wide'] },
    imports: ['more', 'other', 'printk'],
    init: true,
    exit: true,
  })
  expect(Object.keys(file.info)).toEqual(['license', 'parm'])
  expect(file.sizes).toEqual({ text: expect.any(Number), rodata: expect.any(Number), data: 4, bss: 4096 })
  expect(file.sizes.text).toBeGreaterThan(20)
  expect(file.sizes.rodata).toBeGreaterThanOrEqual(1024)
  const small = moduleFile(objectFile('void init_module(void) {}'))
  expect(small).toMatchObject({ init: true, exit: false, imports: [], sizes: { bss: 0 } })
})

describe('identity', () => {
  const identity = (text: string, ...flags: string[]) =>
    moduleIdentity(objectFile(text, ['-fno-pic', '-mcmodel=kernel', ...flags]))
  const base = identity(source)

  test.each([
    ['debug information', source, ['-g']],
    ['another compiler in .comment', source, ['-fno-ident']],
    ['a comment', source.replace('extern', '/* says why */ extern'), []],
    ['names of what is static', source.replaceAll('helper', 'assist').replaceAll('room', 'space'), []],
    ['what the build says of itself', source.replace('6.1 SMP', '6.1 SMP x'), []],
    [
      'a note',
      `${source}\nconst int id __attribute__((section(".note.build"), used)) = 1;`.replace(
        'const int id',
        'static const int id',
      ),
      [],
    ],
  ])('%s makes no other', (_what, text, flags) => {
    expect(identity(text, ...flags)).toBe(base)
  })

  test.each([
    ['a constant', source.replace('x + count', 'x + 2 + count')],
    ['a text', source.replace('hello', 'hullo')],
    ['an initial value', source.replace('count = 7', 'count = 8')],
    ['more room', source.replace('4096', '4097')],
    ['another function that is called', source.replaceAll('other(', 'another(')],
    [
      'functions called the other way round',
      source.replace('{ other();', '{ more();').replace('{ more(); }', '{ other(); }'),
    ],
    ['modinfo', source.replace('How deep', 'How low')],
    ['what is visible', source.replace('static int helper', 'int helper')],
  ])('%s makes another', (_what, text) => {
    expect(identity(text)).not.toBe(base)
  })

  test('no module has none', () => {
    expect(() => moduleIdentity(Buffer.from('no module'))).toThrow(RangeError)
    const whole = objectFile(source)
    expect(() => moduleIdentity(whole.subarray(0, whole.length - 100))).toThrow(RangeError)
    expect(() => moduleFile(Buffer.from('\x7fELF\x02\x01'))).toThrow(RangeError)
  })
})
