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

test('both sides have the names, too, events and requests of tests; titles of tests stay', () => {
  const exchange = (operation: string, what: string) => ({
    ...{ key: 'k', operation, request: '', datagrams: 1 },
    answers: [{ what, parts: [['attribute 2.attribute 1', '7'] as const] }],
    told: [{ whom: 'socket 2 in group shop/all', messages: [{ what: 'shop command 1', parts: [] }] }],
  })
  const title = 'in a.test.ts > attribute 1 (key, U32): lengths'
  const sides = {
    test: title,
    base: [exchange('shop command 1', 'shop command 1')],
    head: [exchange('crate command 1', 'EPERM')],
  }
  const named = names.finding(
    finding({ show: `${title}\nBASE: attribute 1: 7\nHEAD: attribute 1: 8`, sides }),
  )
  expect(named.show).toBe(`${title}\nBASE: id: 7\nHEAD: id: 8`)
  expect(named.sides).toMatchObject({
    test: title,
    base: [
      {
        key: 'k',
        operation: 'shop get',
        answers: [{ what: 'shop get', parts: [['place.row', '7']] }],
        told: [{ whom: 'socket 2 in group shop/all', messages: [{ what: 'shop get' }] }],
      },
    ],
    head: [{ operation: 'crate command 1', answers: [{ parts: [['attribute 2.attribute 1', '7']] }] }],
  })
  const text = 'attribute 1 of shop command 1, as told to group shop/all is new: 7'
  expect(names.finding(finding({ where: 'protocol 16', text })).text).toBe(
    'id of shop get, as told to group shop/all is new: 7',
  )
  const request = 'shop command 1: 28 bytes\n  1: 00000007'
  const where = 'a.test.ts > attribute 1 of shop command 1'
  expect(names.finding(finding({ kind: 'test', where, request }))).toMatchObject({
    ...{ where, request: 'shop get: 28 bytes\n  id: 00000007' },
  })
})
