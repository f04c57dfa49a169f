// SPDX-License-Identifier: MIT
/** Slab caches do not grow by a thousand messages of each kind. */
import { attr, NLM_F_ACK, NLM_F_ECHO } from 'netlink-vmtest/netlink'
import {
  asUser,
  kernel,
  loadModule,
  moduleReferences,
  nobody,
  slabGrowth,
  slabGrowthBy,
  unloadModule,
} from 'netlink-vmtest/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { get, openExample, update } from '../support/nlexample.ts'

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

describe('a thousand requests: slab caches do not grow', () => {
  it.each(requests)('%s', async (_name, request) => {
    using a = openExample()
    using subscriber = openExample({ memberships: [1] })
    expect(await slabGrowthBy(request, { sockets: [a, subscriber] })).toEqual({})
  })

  it('refused to who has no privileges', async () => {
    using a = openExample()
    const growth = await slabGrowthBy(update(1), {
      sockets: [a],
      send: (sender, datagram) => asUser(nobody, () => sender.send(datagram)),
    })
    expect(growth).toEqual({})
  })

  it('dropped because the receiver is full', async () => {
    using slow = openExample({ memberships: [1], receiveBuffer: 4096, noEnobufs: true })
    using a = openExample()
    expect(await slabGrowthBy(update(1), { sockets: [a] })).toEqual({})
    expect(slow.receiveNow()).toBeDefined()
  })

  it('no reference to the module is left', () => {
    expect(moduleReferences('nlexample')).toBe(0)
  })
})

describe('what is left is found', () => {
  it('by the cache that it is in, also where a round has freed what was there before', async () => {
    using subscriber = openExample({ memberships: [1] })
    subscriber.setReceiveBuffer(1 << 20, { force: true })
    using a = openExample()
    const leave = (notifications: number) => {
      for (let i = 0; i < notifications; i++) a.send(update(1))
    }
    leave(256)
    let round = 0
    const growth = await slabGrowth(() => {
      if (round++ === 0) while (subscriber.receiveNow() !== undefined);
      leave(64)
    }, 2)
    // kmemleak looks for lost objects at the end of the file; these are not lost.
    if (kernel.hasKmemleak) expect(growth).toEqual({})
    else expect(growth).toMatchObject({ skbuff_head_cache: expect.closeTo(64, -1) })
  })
})
