// SPDX-License-Identifier: MIT
/** A client against this machine's own kernel, whose families nlctrl and rtnetlink are always there. */
import { describe, expect, it } from 'vitest'
import { KernelError, NetlinkError, NLM_F_CREATE } from '../netlink/index.ts'
import { parseSpecification, Ynl } from './index.ts'

const nlctrl = parseSpecification(
  `
name: nlctrl
protocol: genetlink-legacy
doc: Families of generic netlink.
version: 2
definitions:
  - { type: flags, name: op-flags, entries: [ admin-perm, cap-do, cap-dump, has-policy, uns-admin-perm ] }
attribute-sets:
  - name: family
    attributes:
      - { name: id, type: u16 }
      - { name: name, type: string }
      - { name: version, type: u32 }
      - { name: header-size, type: u32 }
      - { name: maximum, type: u32 }
      - { name: operations, type: indexed-array, sub-type: nest, nested-attributes: operation }
      - { name: groups, type: indexed-array, sub-type: nest, nested-attributes: group }
      - { name: policy, type: nest-type-value, type-value: [ policy, attribute ], nested-attributes: policy }
      - { name: operation-policy, type: nest-type-value, type-value: [ operation ], nested-attributes: kinds }
      - { name: operation, type: u32 }
  - name: operation
    attributes: [ { name: id, type: u32 }, { name: flags, type: u32, enum: op-flags } ]
  - name: group
    attributes: [ { name: name, type: string }, { name: id, type: u32 } ]
  - name: policy
    attributes: [ { name: type, type: u32 } ]
  - name: kinds
    attributes: [ { name: do, type: u32 }, { name: dump, type: u32 } ]
operations:
  enum-model: directional
  list:
    - name: get
      doc: Get.
      attribute-set: family
      do: { request: { value: 3, attributes: [ name ] }, reply: { value: 1 } }
      dump: { reply: { value: 1 } }
    - name: policies
      doc: Get policies.
      attribute-set: family
      dump: { request: { value: 10 }, reply: { value: 10 } }
mcast-groups: { list: [ { name: notify } ] }
`,
)

const rtAddress = parseSpecification(`
name: rt-addr
protocol: netlink-raw
protonum: 0
doc: Addresses.
definitions:
  - type: struct
    name: ifaddrmsg
    members:
      - { name: family, type: u8 }
      - { name: prefixlen, type: u8 }
      - { name: flags, type: u8 }
      - { name: scope, type: u8 }
      - { name: index, type: u32 }
attribute-sets:
  - name: address
    attributes:
      - { name: address, type: binary, display-hint: ipv4-or-v6 }
      - { name: local, type: binary, display-hint: ipv4-or-v6 }
operations:
  fixed-header: ifaddrmsg
  enum-model: directional
  list:
    - name: get
      doc: Get.
      attribute-set: address
      dump: { request: { value: 22 }, reply: { value: 20 } }
mcast-groups: { list: [ { name: ipv4, value: 5 } ] }
`)

describe('generic netlink', () => {
  it('requests, with names in values and errors', async () => {
    using client = await Ynl.open(nlctrl)
    const family = await client.do('get', { name: 'nlctrl' })
    expect(family).toMatchObject({ id: 16, name: 'nlctrl', groups: [{ name: 'notify', id: 16 }] })
    expect(family?.operations).toContainEqual({ id: 3, flags: ['cap-do', 'cap-dump', 'has-policy'] })
    const error = await client.do('get', { name: 'much too long a name' }).catch(error => error)
    expect(error).toBeInstanceOf(KernelError)
    expect(error).toMatchObject({ paths: { attribute: 'name' } })
  })

  it('dumps', async () => {
    using client = await Ynl.open(nlctrl)
    const families = await client.dump('get')
    expect(families.map(({ name }) => name)).toContain('nlctrl')
    expect(families.filter(({ unknown }) => unknown !== undefined)).toEqual([])
    const policies = await client.dump('policies', { name: 'nlctrl', operation: 3 })
    expect(policies[0]?.['operation-policy']).toEqual([expect.objectContaining({ operation: 3, do: 0 })])
    expect(policies.flatMap(({ policy }) => policy ?? [])).toContainEqual(
      expect.objectContaining({ policy: 0, attribute: 1, type: 3 }),
    )
  })

  it('what is not there', async () => {
    using client = await Ynl.open(nlctrl)
    await expect(client.do('gett')).rejects.toThrow(
      new NetlinkError('nlctrl has no operation gett, but get, policies'),
    )
    await expect(client.do('get', { nome: 'x' })).rejects.toThrow('the schema has no attribute nome')
    expect(() => client.subscribe('none')).toThrow(new NetlinkError('nlctrl has no group none, only notify'))
    await expect(Ynl.open({ ...nlctrl, name: 'nosuch' })).rejects.toThrow(
      'the generic netlink family nosuch: the kernel answered ENOENT',
    )
  })

  it('several replies to one request are not lost', async () => {
    using client = await Ynl.open(nlctrl)
    // with NLM_F_DUMP a do is a dump, which other families have for legacy requests
    const flags = 0x300
    await expect(client.do('get', {}, { flags })).rejects.toThrow('doAll() returns them')
    expect((await client.doAll('get', { name: 'nlctrl' }, { flags: NLM_F_CREATE })).length).toBe(1)
  })

  it('a subscription joins at once, and leaves when it ends', async () => {
    using client = await Ynl.open(nlctrl)
    const subscription = client.subscribe('notify')
    expect(client.socket.memberships()).toEqual([16])
    await subscription.return()
    expect(client.socket.memberships()).toEqual([])
  })

  it('it is closed with its block', async () => {
    const client = await Ynl.open(nlctrl)
    client.close()
    expect(client.socket.isClosed).toBe(true)
  })
})

describe('netlink-raw', () => {
  it('dumps, with the fixed header among the values', async () => {
    using client = await Ynl.open(rtAddress)
    const addresses = await client.dump('get', { family: 2 })
    expect(addresses).toContainEqual(
      expect.objectContaining({ family: 2, prefixlen: 8, scope: 254, local: '127.0.0.1' }),
    )
  })

  it('headers of dumps are heeded (NETLINK_GET_STRICT_CHK)', async () => {
    using client = await Ynl.open(rtAddress)
    await expect(client.dump('get', { family: 2, index: 0x7fff_fff0 })).rejects.toMatchObject({
      code: 'ENODEV',
    })
  })

  it('groups have the numbers of the specification', async () => {
    using client = await Ynl.open(rtAddress)
    await using _ = client.subscribe(['ipv4'])
    expect(client.socket.memberships()).toEqual([5])
  })
})
