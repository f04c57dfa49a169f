/** Thousands of messages to genlexample and nlcustom, after which the kernel has as much memory as before. */
import { attr, NLM_F_ACK, NLM_F_DUMP, type Socket } from 'netlink-vmtest/netlink'
import {
  GenericExample,
  loadModule,
  moduleReferences,
  openCustom,
  openGeneric,
  slabGrowth,
  unloadModule,
} from 'netlink-vmtest/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** Of each request in a round: a leak of 32 bytes, the least there is, adds up to four times the limit. */
const count = 4096
const limit = 32 * 1024
/** In a datagram: their answers fit into the receive buffer. */
const batch = 64

const rounds = 3

/** What `count` requests, sent so many in a datagram, add to the kernel's memory. */
function growthBy(sender: Socket, others: readonly Socket[], request: Buffer, each: number): Promise<number> {
  const datagram = Buffer.concat(Array.from({ length: each }, () => request))
  return slabGrowth(() => {
    for (let sent = 0; sent < count; sent += each) {
      sender.send(datagram)
      for (const socket of [sender, ...others]) while (socket.receiveNow());
    }
  }, rounds)
}

describe('genlexample: unreclaimable slab does not grow', () => {
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
    using a = openGeneric({ receiveBuffer: 1 << 20 })
    using subscriber = openGeneric({ ...nlex.byMembership, receiveBuffer: 1 << 20 })
    expect(await growthBy(a, [subscriber], request(nlex), batch)).toBeLessThan(limit)
  })

  it('UPD that nobody hears', async () => {
    using a = openGeneric()
    expect(await growthBy(a, [], nlex.update(1), batch)).toBeLessThan(limit)
  })

  it('no reference to the module is left', () => {
    expect(moduleReferences('genlexample')).toBe(0)
  })
})

describe('nlcustom: unreclaimable slab does not grow', () => {
  beforeAll(() => loadModule('nlcustom'))
  afterAll(() => unloadModule('nlcustom'))

  it.each([
    ['a message', 16],
    ['a wrong nlmsg_len', 17],
  ])('%s, with a member in the group', async (_name, length) => {
    using a = openCustom()
    using member = openCustom({ memberships: [2] })
    const request = Buffer.alloc(16)
    request.writeUInt32LE(length, 0)
    expect(await growthBy(a, [member], request, 1)).toBeLessThan(limit)
  })

  it('a message, with nobody in the group', async () => {
    using a = openCustom()
    expect(await growthBy(a, [], Buffer.from('10000000000000000000000000000000', 'hex'), 1)).toBeLessThan(
      limit,
    )
  })

  it('no reference to the module is left', () => {
    expect(moduleReferences('nlcustom')).toBe(0)
  })
})
