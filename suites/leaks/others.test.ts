// SPDX-License-Identifier: MIT
/** Slab caches do not grow by a thousand messages of each kind to genlexample and nlcustom. */
import { attr, NLM_F_ACK, NLM_F_DUMP } from 'netlink-vmtest/netlink'
import { loadModule, moduleReferences, openGeneric, slabGrowthBy, unloadModule } from 'netlink-vmtest/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GenericExample } from '../support/genlexample.ts'
import { openCustom } from '../support/nlcustom.ts'

describe('genlexample: slab caches do not grow', () => {
  let nlex: GenericExample
  beforeAll(async () => {
    loadModule('genlexample')
    nlex = await GenericExample.resolve()
  })
  afterAll(() => unloadModule('genlexample'))

  it.each<[string, (nlex: GenericExample) => Buffer]>([
    ['UPD', nlex => nlex.update(1)],
    ['UPD+ACK', nlex => nlex.update(1, { flags: NLM_F_ACK })],
    ['GET', nlex => nlex.get()],
    ['GET+DUMP', nlex => nlex.get({ flags: NLM_F_DUMP })],
    ['UPD without the attribute', nlex => nlex.update(Buffer.alloc(0))],
    ['UPD with a bad attribute', nlex => nlex.update(attr.u16(1, 1))],
  ])('%s', async (_name, request) => {
    using a = openGeneric()
    using subscriber = openGeneric(nlex.byMembership)
    expect(await slabGrowthBy(request(nlex), { sockets: [a, subscriber] })).toEqual({})
  })

  it('UPD that nobody hears', async () => {
    using a = openGeneric()
    expect(await slabGrowthBy(nlex.update(1), { sockets: [a] })).toEqual({})
  })

  it('no reference to the module is left', () => {
    expect(moduleReferences('genlexample')).toBe(0)
  })
})

describe('nlcustom: slab caches do not grow', () => {
  beforeAll(() => loadModule('nlcustom'))
  afterAll(() => unloadModule('nlcustom'))

  it.each([
    ['a message', 16],
    ['a wrong nlmsg_len', 17],
  ])('%s, with a member in the group', async (_name, length) => {
    const request = Buffer.alloc(16)
    request.writeUInt32LE(length, 0)
    using a = openCustom()
    using member = openCustom({ memberships: [2] })
    expect(await slabGrowthBy(request, { sockets: [a, member], batch: 1 })).toEqual({})
  })

  it('a message, with nobody in the group', async () => {
    const request = Buffer.from('10000000000000000000000000000000', 'hex')
    using a = openCustom()
    expect(await slabGrowthBy(request, { sockets: [a], batch: 1 })).toEqual({})
  })

  it('no reference to the module is left', () => {
    expect(moduleReferences('nlcustom')).toBe(0)
  })
})
