// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { formatSpecification, parseSpecification, type Specification, SpecificationError } from './index.ts'

/** Every kind of thing in the format, at the level of netlink-raw's predecessor. */
const full = `# a comment
%YAML 1.2
---
name: demo
protocol: genetlink-legacy
doc: |
  A demo.
version: 2
kernel-policy: global
definitions:
  - { type: const, name: longest, value: 16 }
  - { type: enum, name: colour, value-start: 3, entries: [ red, { name: green, value: 7, doc: Grass. }, blue ] }
  - { type: flags, name: traits, entries: [ big, small ] }
  - type: struct
    name: head
    members:
      - { name: ifindex, type: s32 }
      - { name: address, type: binary, len: longest, display-hint: ipv6 }
      - { name: port, type: u16, byte-order: big-endian }
attribute-sets:
  - name: item
    attributes:
      - { name: id, type: u32, checks: { min: 1, max: s8-max } }
      - { name: name, type: string, value: 5, checks: { max-len: longest - 1, unterminated-ok: true } }
      - { name: colours, type: u8, enum: colour, multi-attr: true }
      - { name: traits, type: u32, enum: traits, checks: { flags-mask: traits } }
      - { name: parts, type: indexed-array, sub-type: nest, nested-attributes: part }
      - { name: cookie, type: binary, checks: { exact-len: longest } }
      - { name: big, type: u64, checks: { max: 0xffffffffffffffff } }
  - name: part
    subset-of: item
    attributes:
      - name: name
      - { name: id, doc: Of the part. }
operations:
  enum-model: directional
  fixed-header: head
  list:
    - name: get
      doc: Get.
      attribute-set: item
      flags: [ uns-admin-perm ]
      dont-validate: [ strict, dump ]
      do:
        request: { value: 4, attributes: [ ifindex, id ] }
        reply: &reply { value: 2, attributes: [ id, name ] }
      dump: { reply: *reply }
    - name: del
      doc: Delete.
      attribute-set: item
      do: { request: { attributes: [ id ] } }
    - name: change
      doc: A change.
      notify: get
      mcgrp: changes
    - name: gone
      doc: Gone.
      attribute-set: item
      event: { attributes: [ id ] }
      mcgrp: changes
mcast-groups:
  list: [ { name: changes } ]
`.replace('# a comment\n', '')

describe('what is written', () => {
  const demo = parseSpecification(full)
  const attribute = (set: string, name: string) =>
    demo.attributeSets.find(it => it.name === set)?.attributes.find(it => it.name === name)

  it('the family', () => {
    expect(demo).toMatchObject({
      name: 'demo',
      protocol: 'genetlink-legacy',
      doc: 'A demo.',
      version: 2,
      kernelPolicy: 'global',
      groups: [{ name: 'changes', flags: [] }],
    } satisfies Partial<Specification>)
  })

  it('definitions, with the values of entries and the lengths of members', () => {
    expect(demo.definitions).toEqual([
      { kind: 'const', name: 'longest', value: 16n },
      {
        kind: 'enum',
        name: 'colour',
        entries: [
          { name: 'red', value: 3 },
          { name: 'green', value: 7, doc: 'Grass.' },
          { name: 'blue', value: 8 },
        ],
      },
      {
        kind: 'flags',
        name: 'traits',
        entries: [
          { name: 'big', value: 0 },
          { name: 'small', value: 1 },
        ],
      },
      {
        kind: 'struct',
        name: 'head',
        members: [
          { name: 'ifindex', type: 's32' },
          { name: 'address', type: 'binary', length: 16, displayHint: 'ipv6' },
          { name: 'port', type: 'u16', byteOrder: 'big-endian' },
        ],
      },
    ])
  })

  it('attributes, numbered on from the last value', () => {
    expect(demo.attributeSets[0]?.attributes.map(({ name, value }) => [name, value])).toEqual([
      ['id', 1],
      ['name', 5],
      ['colours', 6],
      ['traits', 7],
      ['parts', 8],
      ['cookie', 9],
      ['big', 10],
    ])
    expect(attribute('item', 'colours')).toEqual({
      name: 'colours',
      value: 6,
      type: 'u8',
      multi: true,
      enumeration: 'colour',
      checks: {},
    })
    expect(attribute('item', 'parts')).toMatchObject({ subType: 'nest', nested: 'part', multi: false })
  })

  it('limits by number, by name of a constant, less one, and by type', () => {
    expect(attribute('item', 'id')?.checks).toEqual({ minimum: 1n, maximum: 127n })
    expect(attribute('item', 'name')?.checks).toEqual({ maximumLength: 15n, unterminated: true })
    expect(attribute('item', 'traits')?.checks).toEqual({ flagsMask: 'traits' })
    expect(attribute('item', 'cookie')?.checks).toEqual({ exactLength: 16n })
    expect(attribute('item', 'big')?.checks).toEqual({ maximum: 0xffff_ffff_ffff_ffffn })
  })

  it('a subset has the numbers and types of its whole', () => {
    expect(demo.attributeSets[1]).toEqual({
      name: 'part',
      subsetOf: 'item',
      attributes: [attribute('item', 'name'), { ...attribute('item', 'id'), doc: 'Of the part.' }],
    })
  })

  it('operations, numbered in each direction; the members of a header are no attributes', () => {
    const { operations } = demo
    expect(operations.map(({ name, request, reply }) => [name, request, reply])).toEqual([
      ['get', 4, 2],
      ['del', 5, undefined],
      ['change', undefined, 3],
      ['gone', undefined, 4],
    ])
    expect(operations[0]).toEqual({
      name: 'get',
      doc: 'Get.',
      request: 4,
      reply: 2,
      attributeSet: 'item',
      fixedHeader: 'head',
      flags: ['uns-admin-perm'],
      dontValidate: ['strict', 'dump'],
      do: { request: { attributes: ['id'] }, reply: { attributes: ['id', 'name'] } },
      dump: { reply: { attributes: ['id', 'name'] } },
    })
    expect(operations[2]).toMatchObject({ notify: 'get', group: 'changes', attributeSet: 'item' })
  })

  it('in the unified model a number is that of both directions', () => {
    const { operations } = parseSpecification(full.replace('enum-model: directional', 'enum-model: unified'))
    expect(operations.map(({ request, reply }) => [request, reply])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 4],
    ])
  })
})

describe('what was read is written', () => {
  it.each([
    ['directional', full],
    ['unified', full.replace('enum-model: directional', 'enum-model: unified')],
    [
      'numbered',
      full.replace('doc: Delete.', 'doc: Delete.\n      value: 9').replace('directional', 'unified'),
    ],
    ['netlink-raw', raw()],
  ])('and read as the same: %s', (_, text) => {
    const specification = parseSpecification(text)
    expect(parseSpecification(formatSpecification(specification))).toEqual(specification)
  })

  function raw(): string {
    return full
      .replace('protocol: genetlink-legacy', 'protocol: netlink-raw\nprotonum: 31')
      .replace('version: 2\n', '')
      .replace('{ name: changes }', '{ name: changes, value: 3 }')
      .replace('uns-admin-perm', 'admin-perm')
      .replace(
        '  - name: part\n',
        '      - { name: data, type: sub-message, sub-message: data, selector: name }\n  - name: part\n',
      )
      .replace(
        'operations:\n',
        'sub-messages:\n  - name: data\n    formats: [ { value: a, fixed-header: head, attribute-set: part }, { value: b } ]\noperations:\n',
      )
  }
})

const small = `name: demo
doc: A demo.
attribute-sets:
  - name: item
    attributes:
      - name: id
        type: u32
operations:
  list:
    - name: get
      doc: Get.
      attribute-set: item
      do:
        request:
          attributes: [ id ]
`

describe('what is wrong has its line and column', () => {
  it.each([
    ['', '', 'x:1:1: a specification is a mapping, with the key name'],
    ['name: demo\n', '', 'x:1:1: name of a specification is missing'],
    ['doc: A demo.', 'doc: [', 'x:3:1: this is no YAML: Flow sequence in block collection must be'],
    ['doc: A demo.', 'doc: !mine a', 'x:2:6: this is no YAML: Unresolved tag: !mine'],
    ['doc: A demo.', 'doc: a\ndoc: b', 'x:3:1: a second key is named doc'],
    ['name: demo', 'name: 1', 'x:1:7: name is 1, not a text'],
    ['u32', 'u128', 'x:7:15: attribute-sets[0].attributes[0].type is u128, not u8, u16,'],
    ['u32', 'nest', 'x:6:9: nested-attributes is missing: id holds attributes'],
    ['u32', 'u32\n        enum: colour', 'x:8:15: no enum or flags are named colour'],
    [
      'u32',
      'u32\n        value: 16384',
      'x:8:16: attribute-sets[0].attributes[0].value is 16384, not a number of',
    ],
    ['u32', 'u32\n        checks: { max: most }', 'x:8:24: no constant is named most'],
    ['u32', 'u32\n      - { name: id, type: u8 }', 'x:8:17: a second attribute is named id'],
    ['u32', 'u32\n      - { name: a, type: u8, value: 1 }', 'x:8:9: a has the value 1, as id has'],
    ['set: item', 'set: items', 'x:12:22: no attribute set is named items'],
    ['[ id ]', '[ id, ids ]', 'x:15:29: item has no attribute ids'],
    ['[ id ]', '*ids', 'x:15:23: no value has the anchor ids'],
    ['[ id ]', '&ids [ *ids ]', 'x:15:30: an alias that stands for itself'],
    ['doc: Get.', 'doc: Get.\n      value: 256', 'x:10:13: get has the number 256: the highest is 255'],
    ['doc: Get.', 'doc: Get.\n      mcgrp: all', 'x:12:14: no group is named all'],
    ['list:', 'list: ~\n  x:', 'x:9:9: operations.list is nothing, not a list'],
  ])('%s -> %s', (from, to, message) => {
    const text = from === '' ? '' : small.replace(from, to)
    expect(text).not.toBe(small)
    expect(() => parseSpecification(text, { file: 'x' })).toThrow(SpecificationError)
    expect(() => parseSpecification(text, { file: 'x' })).toThrow(message)
  })

  it('its place is in the error', () => {
    const error = (() => {
      try {
        return parseSpecification(small.replace('u32', 'u128'), { file: 'x.yaml' })
      } catch (error) {
        return error
      }
    })()
    expect(error).toMatchObject({ name: 'SpecificationError', file: 'x.yaml', line: 7, column: 15 })
  })

  it.each([
    [
      'name: demo',
      'name: demo\nprotocol: genetlink-next',
      'x:2:11: the protocol genetlink-next is not known',
    ],
    ['doc: A', 'future: 1\ndoc: A', 'x:2:1: future is no key of a specification: Linux 7.3 has none'],
    ['doc: A', '<<: { doc: a }\n#', 'x:2:1: << is no key of a specification'],
    ['doc: A', '__proto__: { doc: a }\n#', 'x:2:1: __proto__ is no key of a specification'],
    [
      'u32',
      'u32\n        checks: { odd: true }',
      'x:8:19: odd is no key of attribute-sets[0].attributes[0].checks',
    ],
    [
      'doc: A',
      'kernel-policy: global\ndoc: A',
      'x:2:1: kernel-policy is no key of protocol genetlink, but of',
    ],
    [
      'doc: A',
      'definitions: [ { type: union, name: a } ]\ndoc: A',
      'x:2:24: definitions[0].type is union, not',
    ],
    [
      'doc: A',
      'definitions: [ { type: struct, name: a } ]\ndoc: A',
      'x:2:24: definitions[0].type is struct, not',
    ],
  ])('a future schema, or another level: %s -> %s', (from, to, message) => {
    expect(() => parseSpecification(small.replace(from, to), { file: 'x' })).toThrow(message)
  })

  it('structs that hold themselves, or need a length', () => {
    const struct = (members: string) => full.replace('members:', `members:\n      - ${members}`)
    expect(() => parseSpecification(struct('{ name: a, type: binary, struct: head }'))).toThrow(
      ':16:42: the struct head holds itself',
    )
    expect(() => parseSpecification(struct('{ name: a, type: string }'))).toThrow(
      ':16:9: a has no len: a member of type string has one',
    )
  })
})

describe('what only looks wrong is told to who asks', () => {
  const unknown = small.replace('[ id ]', '[ id, ids ]')
  it('attributes of operations that the set does not have are left out', () => {
    const remarks: string[] = []
    const { operations } = parseSpecification(unknown, {
      file: 'x',
      onRemark: it => remarks.push(it.message),
    })
    expect(remarks).toEqual(['x:15:29: item has no attribute ids'])
    expect(operations[0]?.do).toEqual({ request: { attributes: ['id'] } })
  })
  it('a subset that names an attribute twice has it once', () => {
    const twice = full.replace('- name: name\n', '- name: name\n      - name: name\n')
    expect(() => parseSpecification(twice)).toThrow(': a second attribute is named name')
    const { attributeSets } = parseSpecification(twice, { onRemark: () => {} })
    expect(attributeSets[1]?.attributes.map(({ name }) => name)).toEqual(['name', 'id'])
  })
})

describe('there are limits', () => {
  it.each([
    ['characters', ' '.repeat(300_000), '300000 characters: a specification has at most 262144'],
    ['depth in brackets', `a: ${'['.repeat(51)}`, ':1:54: deeper than 50 levels'],
    [
      'depth in lines',
      Array.from({ length: 51 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
      'deeper than 50',
    ],
    ['depth in a line', `a:\n ${'? '.repeat(51)}`, 'deeper than 50 levels'],
    ['aliases', `a: &a 1\nb: [${'*a,'.repeat(1001)}]`, ':2:3005: more than 1000 aliases'],
    [
      'values',
      ['a: &b0 [1,1,1,1,1,1,1,1,1,1]']
        .concat(Array.from({ length: 6 }, (_, i) => `b${i}: &b${i + 1} [${`*b${i},`.repeat(10)}]`))
        .join('\n'),
      'more than 200000 values with all aliases filled in',
    ],
  ])('of %s', (_, text, message) => {
    expect(() => parseSpecification(text)).toThrow(message)
  })
})
