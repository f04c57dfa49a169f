// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { parseSpecification } from '../../guest/ynl/reader.ts'
import type { Finding } from './finding.ts'
import { SpecifiedNames } from './specified-names.ts'

const names = new SpecifiedNames([
  parseSpecification(`
name: shop
protocol: genetlink
doc: d
attribute-sets:
  - name: item
    attributes:
      - { name: id, type: u32 }
      - { name: place, type: nest, nested-attributes: shelf }
  - name: shelf
    attributes:
      - { name: row, type: u32 }
operations:
  list:
    - name: get
      doc: d
      attribute-set: item
      do: { request: { attributes: [id] }, reply: { attributes: [id, place] } }
`),
])
const finding = (more: Partial<Finding>): Finding => ({
  ...{
    kind: 'behaviour',
    kernel: undefined,
    where: 'shop command 1',
    was: undefined,
    is: undefined,
    matters: true,
  },
  ...more,
})

test('commands and attributes have the names of the specification', () => {
  const named = names.finding(
    finding({
      where: 'shop command 1 dump',
      text: 'shop command 1 dump: attribute 2.attribute 1#2 of shop command 1 is new: 7',
      request:
        'shop command 1: 28 bytes, flags REQUEST\n  1: 00000007\n  2: (nest)\n    1: 00000001\n    9: 01',
      show: 'BASE: EINVAL; missing attribute: 1\nHEAD: shop command 1; attribute 2: (nest); attribute 9: 01',
    }),
  )
  expect(named).toMatchObject({
    where: 'shop get dump',
    text: 'shop get dump: place.row#2 of shop get is new: 7',
    request:
      'shop get: 28 bytes, flags REQUEST\n  id: 00000007\n  place: (nest)\n    row: 00000001\n    9: 01',
    show: 'BASE: EINVAL; missing attribute: id\nHEAD: shop get; place: (nest); attribute 9: 01',
  })
})

test('a missing attribute that is new is named', () => {
  const text = 'shop command 1: the missing attribute in the extended ack of EINVAL is new: 1'
  expect(names.finding(finding({ text })).text).toBe(
    'shop get: the missing attribute in the extended ack of EINVAL is new: id',
  )
})

test('what no specification has keeps its numbers', () => {
  for (const each of [
    finding({ where: 'other command 1', text: 'other command 1: attribute 1 of it is new: 7' }),
    finding({ kind: 'test', where: 'a.test.ts > shop command 1' }),
    finding({ where: 'shop command 9', text: 'shop command 9: attribute 1 of shop command 9 is new: 7' }),
  ])
    expect(names.finding(each)).toEqual(each)
})
