/** Thousands of messages of each kind, after which the kernel has as much memory as before. */
import { attr, NLM_F_ACK, NLM_F_ECHO } from 'netlink-vmtest/netlink'
import {
  asUser,
  get,
  loadModule,
  moduleReferences,
  nobody,
  openExample,
  slabGrowth,
  unloadModule,
  update,
} from 'netlink-vmtest/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

beforeAll(() => loadModule('nlexample'))
afterAll(() => unloadModule('nlexample'))

/** Of each request in a round: a leak of 32 bytes, the least there is, adds up to four times the limit. */
const count = 4096
const limit = 32 * 1024
/** In a datagram: their answers fit into the receive buffer. */
const batch = 64

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
    using a = openExample({ receiveBuffer: 1 << 20 })
    using subscriber = openExample({ memberships: [1], receiveBuffer: 1 << 20 })
    const datagram = Buffer.concat(Array.from({ length: batch }, () => request))
    const growth = await slabGrowth(() => {
      for (let sent = 0; sent < count; sent += batch) {
        a.send(datagram)
        for (const socket of [a, subscriber]) while (socket.receiveNow());
      }
    })
    expect(growth).toBeLessThan(limit)
  })

  it('refused to who has no privileges', async () => {
    using a = openExample()
    const datagram = Buffer.concat(Array.from({ length: batch }, () => update(1)))
    const growth = await slabGrowth(() => {
      for (let sent = 0; sent < count; sent += batch) {
        asUser(nobody, () => a.send(datagram))
        while (a.receiveNow());
      }
    })
    expect(growth).toBeLessThan(limit)
  })

  it('dropped because the receiver is full', async () => {
    using slow = openExample({ memberships: [1], receiveBuffer: 4096, noEnobufs: true })
    using a = openExample()
    const datagram = Buffer.concat(Array.from({ length: batch }, () => update(1)))
    const growth = await slabGrowth(() => {
      for (let sent = 0; sent < count; sent += batch) a.send(datagram)
    })
    expect(growth).toBeLessThan(limit)
    expect(slow.receiveNow()).toBeDefined()
  })

  it('no reference to the module is left', () => {
    expect(moduleReferences('nlexample')).toBe(0)
  })
})
