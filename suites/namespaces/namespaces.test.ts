// SPDX-License-Identifier: MIT
/** The module's protocol exists in the initial network namespace only. */
import { type Datagram, NETLINK_ROUTE, NLM_F_ACK, rtnetlink, Socket } from 'netlink-vmtest/netlink'
import {
  acknowledgement,
  exchange,
  heard,
  loadModule,
  NetworkNamespace,
  unloadModule,
  vethBetween,
} from 'netlink-vmtest/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { get, notification, openExample, reply, update } from '../support/nlexample.ts'

let elsewhere: NetworkNamespace
let a: Socket
beforeAll(() => {
  loadModule('nlexample')
  elsewhere = new NetworkNamespace()
})
afterAll(() => {
  elsewhere[Symbol.dispose]()
  unloadModule('nlexample')
})
beforeEach(() => {
  a = openExample()
})
afterEach(() => a.close())

describe('another network namespace', () => {
  it.each([
    ['UPD', update(5)],
    ['GET', get()],
  ])('%s: sendto ECONNREFUSED', async (_name, request) => {
    a.send(update(0x01020304))
    using subscriber = openExample({ memberships: [1] })
    using socket = elsewhere.run(() => openExample())
    expect(() => socket.send(request)).toThrow('sendto: ECONNREFUSED')
    // the socket's namespace counts, not the sender's
    expect(() => elsewhere.run(() => socket.send(request))).toThrow('sendto: ECONNREFUSED')
    expect(await exchange(a, get())).toEqual([reply(0x01020304, a)])
    expect(await heard(subscriber)).toEqual([])
  })

  it('a socket opened here works from there', async () => {
    using subscriber = openExample({ memberships: [1] })
    const request = update(6, { flags: NLM_F_ACK, sequence: 1 })
    elsewhere.run(() => a.send(request))
    expect(await heard(a)).toEqual([acknowledgement(request, a)])
    expect(await heard(subscriber)).toEqual([notification(6, a, 1)])
  })

  it.each([
    ['ADD_MEMBERSHIP', { memberships: [1] }],
    ['bind mask', { groups: 1 }],
  ])('a subscriber there, by %s, hears nothing', async (_name, subscription) => {
    using subscriber = elsewhere.run(() => openExample(subscription))
    using neighbour = elsewhere.run(() => openExample())
    a.send(update(7))
    // nobody acknowledges there: a neighbour's message has to mark the end
    neighbour.send(Buffer.from('first'), { portId: subscriber.portId })
    const first: Datagram = await subscriber.receive()
    expect([first.portId, first.bytes.toString()]).toEqual([neighbour.portId, 'first'])
  })
})

it('a veth between two namespaces, or from here to one, with addresses', async () => {
  using left = new NetworkNamespace()
  using right = new NetworkNamespace()
  await vethBetween({ name: 'v0', namespace: left }, { name: 'v0', namespace: right })
  await vethBetween({ name: 'here' }, { name: 'there', namespace: right })
  const linksIn = async (namespace?: NetworkNamespace) => {
    using socket = Socket.open(NETLINK_ROUTE, namespace ? { namespace: namespace.fd } : {})
    const links = await rtnetlink.getLinks(socket)
    return links.map(({ header, attributes }) => [attributes.ifname, (header.flags & rtnetlink.IFF_UP) !== 0])
  }
  expect(await linksIn(left)).toContainEqual(['v0', true])
  expect(await linksIn(right)).toEqual(
    expect.arrayContaining([
      ['v0', true],
      ['there', true],
    ]),
  )
  expect(await linksIn()).toContainEqual(['here', true])
  await expect(
    vethBetween({ name: 'v0', namespace: left }, { name: 'v1', namespace: right }),
  ).rejects.toThrow('EEXIST')
  await expect(
    vethBetween({ name: 'v2', addresses: ['192.0.2.1'] }, { name: 'v3', namespace: right }),
  ).rejects.toThrow('192.0.2.1 has no prefix: 192.0.2.1/24')
  {
    using socket = Socket.open(NETLINK_ROUTE)
    for (const name of ['here', 'v2']) await rtnetlink.deleteLink(socket, name)
  }
})
