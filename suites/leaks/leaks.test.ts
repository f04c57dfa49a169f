/** Thousands of messages of each kind, after which the kernel has as much memory as before. */
import { attr, NLM_F_ACK, NLM_F_ECHO } from 'netlink-vmtest/netlink'
import {
  asUser,
  get,
  leakLimit,
  loadModule,
  moduleReferences,
  nobody,
  openExample,
  slabGrowth,
  slabGrowthBy,
  unloadModule,
  update,
} from 'netlink-vmtest/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

beforeAll(() => loadModule('nlexample'))
afterAll(() => unloadModule('nlexample'))

const requests: [string, Buffer][] = [
  ['UPD', update(1)],
  ['UPD+ACK', update(1, { flags: NLM_F_ACK })],
  ['UPD+ECHO', update(1, { flags: NLM_F_ECHO })],
  ['GET', get()],
  ['UPD without the attribute', update(Buffer.alloc(0))],
  ['UPD with a bad attribute', update(attr.u16(1, 1))],
]

describe('thousands of requests: unreclaimable slab does not grow', () => {
  it.each(requests)('%s', async (_name, request) => {
    using a = openExample()
    using subscriber = openExample({ memberships: [1] })
    expect(await slabGrowthBy(request, { sockets: [a, subscriber] })).toBeLessThan(leakLimit)
  })

  it('refused to who has no privileges', async () => {
    using a = openExample()
    const growth = await slabGrowthBy(update(1), {
      sockets: [a],
      send: (sender, datagram) => asUser(nobody, () => sender.send(datagram)),
    })
    expect(growth).toBeLessThan(leakLimit)
  })

  it('dropped because the receiver is full', async () => {
    using slow = openExample({ memberships: [1], receiveBuffer: 4096, noEnobufs: true })
    using a = openExample()
    const datagram = Buffer.concat(Array.from({ length: 64 }, () => update(1)))
    const growth = await slabGrowth(() => {
      for (let sent = 0; sent < 4096; sent += 64) a.send(datagram)
    })
    expect(growth).toBeLessThan(leakLimit)
    expect(slow.receiveNow()).toBeDefined()
  })

  it('no reference to the module is left', () => {
    expect(moduleReferences('nlexample')).toBe(0)
  })
})
