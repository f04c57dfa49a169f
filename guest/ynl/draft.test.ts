// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import type { FamilyPolicies, GenericFamily } from '../netlink/index.ts'
import {
  askFacts,
  differences,
  draftSpecification,
  type FamilyFacts,
  factsOf,
  familyMarkdown,
  familyText,
  formatSpecification,
  parseSpecification,
  withNames,
  Ynl,
} from './index.ts'

const [ADMIN, DO, DUMP, HAS_POLICY, NAMESPACE_ADMIN] = [1, 2, 4, 8, 16]

const family: GenericFamily = {
  id: 30,
  name: 'my family',
  version: 2,
  headerSize: 4,
  maximumAttribute: 9,
  operations: [
    { id: 3, flags: DO | DUMP | HAS_POLICY },
    { id: 1, flags: ADMIN | DO | HAS_POLICY },
    { id: 2, flags: NAMESPACE_ADMIN | DUMP },
    { id: 7, flags: DO | HAS_POLICY },
  ],
  groups: new Map([['events', 5]]),
}
const told: FamilyPolicies = {
  policies: new Map([
    [
      0,
      new Map([
        [1, { type: 'U32', minimum: 1n, maximum: 0xffff_ffffn }],
        [2, { type: 'NUL_STRING', maximumLength: 15 }],
        [3, { type: 'NESTED', policyIndex: 2, maximumType: 4 }],
        [5, { type: 'BITFIELD32', bitfieldMask: 5 }],
        [6, { type: 'U64', mask: 0x8000_0000_0000_0001n }],
        [7, { type: 'BINARY', minimumLength: 6, maximumLength: 6 }],
        [8, { type: 'NESTED_ARRAY', policyIndex: 2 }],
        [9, { type: 'NESTED' }],
        [10, { type: 'STRING', minimumLength: 0, maximumLength: 7 }],
        [11, { type: 'S16', minimum: -5n, maximum: 5n }],
        [12, { type: 'UINT', minimum: 0n, maximum: 0xffff_ffff_ffff_ffffn }],
        [13, { type: 'FLAG' }],
        [14, { type: 'TYPE99' }],
      ]),
    ],
    [1, new Map([[1, { type: 'U32', minimum: 0n, maximum: 0xffff_ffffn }]])],
    // it holds itself
    [2, new Map([[4, { type: 'NESTED', policyIndex: 2 }]])],
    [4, new Map([[15, { type: 'U8' }]])],
  ]),
  operations: new Map([
    [1, { do: 0 }],
    [3, { do: 1, dump: 4 }],
    // a policy that takes nothing is told by its number alone
    [7, { do: 9 }],
  ]),
}
const facts = factsOf(family, told)

describe('facts', () => {
  it('are in order, and survive JSON', () => {
    expect(facts.operations).toEqual([
      { number: 1, privilege: 'admin', do: { policy: 0 } },
      { number: 2, privilege: 'namespace admin', dump: {} },
      { number: 3, privilege: 'none', do: { policy: 1 }, dump: { policy: 4 } },
      { number: 7, privilege: 'none', do: { policy: 9 } },
    ])
    expect(facts.policies.map(({ number }) => number)).toEqual([0, 1, 2, 4, 9])
    expect(JSON.parse(JSON.stringify(facts))).toEqual(facts)
  })

  it('of this kernel', async () => {
    const nlctrl = await askFacts('nlctrl')
    expect(nlctrl).toMatchObject({ name: 'nlctrl', version: 2, headerSize: 0, groups: ['notify'] })
    expect(nlctrl.operations[0]).toEqual({
      number: 3,
      privilege: 'none',
      do: { policy: 0 },
      dump: { policy: 0 },
    })
    await expect(askFacts('nosuch')).rejects.toThrow(
      'the generic netlink family nosuch: the kernel answered ENOENT',
    )
  })
})

describe('a draft', () => {
  const draft = draftSpecification(facts)

  it('has all that is told', () => {
    const [whole] = draft.attributeSets
    expect(whole?.attributes.map(({ value, type, checks }) => [value, type, checks])).toEqual([
      [1, 'u32', { minimum: 1n }],
      [2, 'string', { maximumLength: 15n }],
      [3, 'nest', {}],
      [5, 'bitfield32', {}],
      [6, 'u64', { flagsMask: 'policy-0-attr-6-bits' }],
      [7, 'binary', { exactLength: 6n }],
      [8, 'indexed-array', {}],
      [9, 'nest', {}],
      [10, 'string', { maximumLength: 7n, unterminated: true }],
      [11, 's16', { minimum: -5n, maximum: 5n }],
      [12, 'uint', {}],
      [13, 'flag', {}],
    ])
    expect(draft.definitions).toEqual([
      { kind: 'struct', name: 'header', members: [{ name: 'bytes', type: 'binary', length: 4 }] },
      {
        kind: 'flags',
        name: 'policy-0-attr-5-bits',
        entries: [
          { name: 'bit-0', value: 0 },
          { name: 'bit-2', value: 2 },
        ],
      },
      {
        kind: 'flags',
        name: 'policy-0-attr-6-bits',
        entries: [
          { name: 'bit-0', value: 0 },
          { name: 'bit-63', value: 63 },
        ],
      },
    ])
    expect(
      draft.operations.map(({ name, attributeSet, flags, fixedHeader }) => [
        name,
        attributeSet,
        flags,
        fixedHeader,
      ]),
    ).toEqual([
      ['op-1', 'policy-0', ['admin-perm'], 'header'],
      ['op-2', 'any', ['uns-admin-perm'], 'header'],
      ['op-3', 'policy-1-and-policy-4', [], 'header'],
      ['op-7', 'policy-9', [], 'header'],
    ])
    expect(draft.operations[2]).toMatchObject({
      do: { request: { attributes: ['attr-1'] } },
      dump: { request: { attributes: ['attr-15'] } },
    })
  })

  it('is read as it was written', () => {
    expect(parseSpecification(formatSpecification(draft))).toEqual(draft)
  })

  it('agrees with what it was made of, but for a type that nobody knows yet', () => {
    expect(differences(facts, draft)).toEqual(['operation 1 (op-1): do: only the kernel takes 14'])
  })

  it('talks to its family', async () => {
    using client = await Ynl.open(draftSpecification(await askFacts('nlctrl')))
    expect(await client.do('op-3', { 'attr-2': 'nlctrl' })).toMatchObject({
      'attr-1': 16,
      'attr-2': 'nlctrl',
    })
  })
})

describe('a specification that differs', () => {
  const written = parseSpecification(`
name: my family
doc: Another.
protocol: genetlink-legacy
definitions: [ { type: enum, name: kind, entries: [ a, b ] } ]
attribute-sets:
  - name: main
    attributes:
      - { name: id, type: u32, checks: { min: 2 } }
      - { name: name, type: string, checks: { max-len: 15 } }
      - { name: inner, type: nest, nested-attributes: inner }
      - { name: other, type: u8 }
      - { name: net, type: s16, value: 11, checks: { min: -5 } }
      - { name: hidden, type: u32, value: 99, byte-order: big-endian }
  - { name: inner, attributes: [ { name: self, type: u8, value: 4 } ] }
operations:
  list:
    - { name: set, doc: Set., attribute-set: main, do: { request: { attributes: [ id, other, hidden ] } } }
    - { name: list, doc: List., attribute-set: main, flags: [ uns-admin-perm ], do: {} }
    - { name: del, doc: Delete., value: 9, attribute-set: main, do: {} }
    - { name: done, doc: Done., notify: set, mcgrp: news }
mcast-groups: { list: [ { name: news } ] }
`)

  it('is told line by line', () => {
    expect(differences(facts, written)).toEqual([
      'operation 1 (set): its privilege is none, in the kernel admin',
      'operation 1 (set): do: the kernel does not take other',
      ...['name', 'inner', '5', '6', '7', '8', '9', '10', 'net', '12', '13', '14'].map(
        name => `operation 1 (set): do: only the kernel takes ${name}`,
      ),
      'operation 2 (list): the kernel has no do',
      'operation 2 (list): only the kernel has a dump',
      'operation 3: only the kernel has it',
      'operation 7: only the kernel has it',
      'operation 9 (del): the kernel does not have it',
      'policy 0, attribute 1 (id): its minimum is 2, in the kernel 1',
      'policy 0, attribute 11 (net): its maximum is not limited, in the kernel 5',
      'policy 2, attribute 4 (self): its type is u8, in the kernel nested',
      'group events: only the kernel has it',
      'group news: the kernel does not have it',
    ])
  })

  it('may leave out of a request what a policy takes for others, where they share it', () => {
    const shared = differences(facts, { ...written, kernelPolicy: 'global' })
    expect(shared.filter(line => line.includes('kernel take'))).toEqual([])
    expect(shared).toContain('operation 1 (set): do: the kernel does not take other')
  })

  it('has lengths that the kernel does not tell of', () => {
    const policies = [
      {
        number: 0,
        attributes: [
          { value: 1, type: 'BINARY' },
          { value: 2, type: 'BINARY' },
        ],
      },
    ]
    const told = { ...facts, groups: [], operations: facts.operations.slice(0, 1), policies }
    const specification = parseSpecification(`
name: my family
doc: Lengths.
protocol: genetlink-legacy
attribute-sets:
  - name: main
    attributes:
      - { name: least, type: binary, checks: { min-len: 4 } }
      - { name: text, type: string, checks: { exact-len: 4 } }
operations:
  list:
    - name: set
      doc: Set.
      flags: [ admin-perm ]
      attribute-set: main
      do: { request: { attributes: [ least, text ] } }
`)
    expect(differences(told, specification)).toEqual([
      'policy 0, attribute 2 (text): its least length is 4, in the kernel not limited',
      'policy 0, attribute 2 (text): its greatest length is 4, in the kernel not limited',
    ])
  })

  it('gives names', () => {
    const named = withNames(facts, written)
    expect(named.operations.map(({ name }) => name)).toEqual(['set', 'list', undefined, undefined])
    expect(named.policies[0]?.attributes.slice(0, 3).map(({ name }) => name)).toEqual(['id', 'name', 'inner'])
    expect(familyText(named)).toContain('    1 set   CAP_NET_ADMIN                   do (policy 0)\n')
  })
})

const small: FamilyFacts = {
  ...{ name: 'a_b', version: 1, headerSize: 0, groups: [] },
  operations: [{ number: 1, privilege: 'none', do: { policy: 0 }, dump: {} }],
  policies: [
    {
      number: 0,
      attributes: [
        { value: 1, type: 'U8', minimum: '1', maximum: '255' },
        { value: 12, type: 'U16', minimum: '2', maximum: '9', mask: '255' },
        { value: 13, type: 'BINARY', minimumLength: 1, maximumLength: 4 },
      ],
    },
    { number: 1, attributes: [] },
  ],
}

it('as text', () => {
  expect(familyText(small)).toBe(`a_b: a family of generic netlink, version 1
  operations
    1  anybody  do (policy 0), dump (no policy)
  policy 0
    1   u8      from 1
    12  u16     2 to 9, bits 0xff
    13  binary  at least 1 bytes, at most 4 bytes
  policy 1: no attribute is taken
  no groups`)
})

it('as Markdown', () => {
  expect(familyMarkdown(small)).toBe(`## a\\_b

A family of generic netlink, version 1.

| operation | privilege | requests |
|---|---|---|
| 1 | anybody | do (policy 0), dump (no policy) |

### Policy 0

| attribute | type | limits |
|---|---|---|
| 1 | u8 | from 1 |
| 12 | u16 | 2 to 9, bits 0xff |
| 13 | binary | at least 1 bytes, at most 4 bytes |

### Policy 1

No attribute is taken.

It has no multicast groups.`)
})
