// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { kernelParameter, requireLength } from './parameters.ts'

test.each([
  ['quiet', 'quiet'],
  ['slub_debug=FZP', 'slub_debug=FZP'],
  ['dyndbg="file x +p"', 'dyndbg="file x +p"'],
  ['dyndbg=file x +p', 'dyndbg="file x +p"'],
  ['"dyndbg=file x +p"', 'dyndbg="file x +p"'],
  ['nlexample.dyndbg==p', 'nlexample.dyndbg==p'],
  ['x="plain"', 'x=plain'],
  ['x=\u00e0', 'x="\u00e0"'],
  ['x=', 'x='],
])('%s is passed on as %s', (given, text) => {
  expect(kernelParameter(given)).toEqual({ text })
})

test.each([
  ['', 'no name'],
  ['=x', 'no name'],
  ['quiet splash', 'give each parameter by itself'],
  ['a=b c="d"', 'a quote in it'],
  ['x="a" b"', 'a quote in it'],
  ['x=a\nb', 'line break'],
  ['x=a\0', 'control character'],
])('%j is refused: %s', (given, why) => {
  expect(kernelParameter(given)).toEqual({ refused: expect.stringContaining(why) })
})

/** next_arg() of lib/cmdline.c (6.12), on bytes as the kernel has them. */
function nextArg(line: Buffer): { name: string; value: string | undefined; rest: Buffer } {
  const isSpace = (byte: number | undefined) =>
    byte === 0x20 || byte === 0xa0 || (byte !== undefined && byte >= 9 && byte <= 13)
  let start = 0
  let equals = 0
  let inQuote = false
  let isQuoted = false
  if (line[0] === 0x22) {
    start = 1
    inQuote = true
    isQuoted = true
  }
  let at = start
  for (; at < line.length; at++) {
    if (isSpace(line[at]) && !inQuote) break
    if (equals === 0 && line[at] === 0x3d) equals = at
    if (line[at] === 0x22) inQuote = !inQuote
  }
  let end = at
  if (isQuoted && at > 0 && line[at - 1] === 0x22) end = at - 1
  let value: Buffer | undefined
  if (equals) {
    value = line.subarray(equals + 1, end)
    if (value[0] === 0x22) {
      value = value.subarray(1)
      if (line[at - 1] === 0x22) value = value.subarray(0, -1)
    }
  }
  return {
    name: line.subarray(start, equals || end).toString(),
    value: value?.toString(),
    rest: line.subarray(at + 1),
  }
}

test('whatever is not refused reaches the kernel as it was meant, and leaves what follows alone', () => {
  const value = fc.string({
    unit: fc.constantFrom('a', '=', ' ', '\t', ',', "'", '\\', '\u00e0', '\u20ac', '"'),
  })
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z_.]{1,5}$/), value, (name, value) => {
      const parameter = kernelParameter(`${name}=${value}`)
      if ('refused' in parameter) {
        expect(value).toContain('"')
        return
      }
      const meant = /^"([^"]*)"$/.exec(value)?.[1] ?? value
      const parsed = nextArg(Buffer.from(`${parameter.text} next=1`))
      expect([parsed.name, parsed.value, parsed.rest.toString()]).toEqual([name, meant, 'next=1'])
    }),
  )
})

test('what the kernel would cut off is refused', () => {
  expect(requireLength('x'.repeat(2047))).toHaveLength(2047)
  expect(() => requireLength('\u00e0'.repeat(1024))).toThrow('2048 bytes long, and it takes 2047')
})
