// SPDX-License-Identifier: MIT
/** Texts from any bytes. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { attr, parseAttributes, rtnetlink } from '../index.ts'
import { bytesOfText, readText } from './text.ts'

const bytesWithoutNul = fc.uint8Array({ min: 1, maxLength: 20 }).map(bytes => Buffer.from(bytes))

it('whatever bytes a name has, reading and writing gives the same', () => {
  fc.assert(
    fc.property(bytesWithoutNul, bytes => {
      expect(bytesOfText(readText(bytes, 0, bytes.length))).toEqual(bytes)
    }),
    { numRuns: 2000 },
  )
})

it('whatever text there is, writing and reading gives the same', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }).filter(text => !text.includes('\0')),
      text => {
        const bytes = bytesOfText(text)
        expect(readText(bytes, 0, bytes.length)).toBe(text)
        expect(bytes).toEqual(Buffer.from(text))
      },
    ),
  )
})

it.each([
  ['c3a9', 'é'],
  ['e9', '\udce9'],
  ['61e97a', 'a\udce9z'],
  ['c3a9e9', 'é\udce9'],
  // a surrogate in UTF-8, one that is cut short, one that is too long
  ['edb2a9', '\udced\udcb2\udca9'],
  ['e282', '\udce2\udc82'],
  ['c0af', '\udcc0\udcaf'],
  ['f09f9880ff', '😀\udcff'],
])('%s', (hex, text) => {
  const bytes = Buffer.from(hex, 'hex')
  expect(readText(bytes, 0, bytes.length)).toBe(text)
  expect(bytesOfText(text)).toEqual(bytes)
  expect(parseAttributes(attr.string(1, text))[0]?.string()).toBe(text)
  const { unknown: _, ...read } = rtnetlink.link.attributes.decode(
    rtnetlink.link.attributes.encode({ ifname: text }),
  )
  expect(read).toEqual({ ifname: text })
})

it('a lone surrogate that stands for no byte is no text', () => {
  for (const text of ['\ud800', '\udc7f', '\udd00', 'a\udbff'])
    expect(() => attr.string(1, text)).toThrow('lone surrogate')
})
