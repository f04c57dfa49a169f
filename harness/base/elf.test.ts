// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { objectFile } from '../fixtures/object-file.ts'
import { ElfFile, SHN_UNDEF } from './elf.ts'

const bytes = objectFile(
  'extern void other(void); static char room[64]; void own(void) { other(); room[1]++; }',
  ['-fno-pic'],
)

test('sections, symbols and relocations of what gcc makes', () => {
  const file = new ElfFile(bytes)
  const symbols = file.symbols()
  const [own, other] = ['own', 'other'].map(name => symbols.find(symbol => symbol.name === name))
  expect(file.sections[own?.section ?? 0]).toMatchObject({ name: '.text', size: own?.size })
  expect(other).toMatchObject({ section: SHN_UNDEF })
  const bss = file.sections.find(({ name }) => name === '.bss')
  expect(bss).toMatchObject({ size: 64, bytes: Buffer.alloc(0) })
  const [text] = file.sections.filter(({ name }) => name === '.text')
  const called = text && file.relocationsFor(text).map(({ symbol }) => symbols[symbol]?.name)
  expect(called).toContain('other')
  expect(file.bytesOf('.text')?.length).toBe(own?.size)
  expect(file.bytesOf('.none')).toBeUndefined()
})

test('what is no object file, or a part of one', () => {
  expect(() => new ElfFile(Buffer.from('#!/bin/sh'))).toThrow('no 64-bit ELF file')
  expect(() => new ElfFile(Buffer.from('\x7fELF\x02\x01'))).toThrow(RangeError)
  for (let length = 64; length < bytes.length; length += 61)
    expect(() => new ElfFile(bytes.subarray(0, length)), `${length} bytes`).toThrow(RangeError)
  // The section headers come first in other linkers' files.
  const [first] = new ElfFile(bytes).sections.filter(({ size }) => size > 0)
  const spoilt = Buffer.from(bytes)
  spoilt.writeBigUInt64LE(
    BigInt(bytes.length),
    Number(spoilt.readBigUInt64LE(40)) + 64 * (first?.index ?? 0) + 32,
  )
  expect(() => new ElfFile(spoilt)).toThrow('a truncated ELF file')
})
