// SPDX-License-Identifier: MIT
/** Links, addresses and routes: the client and `ip` agree, and each sees the other's changes. */
import { NETLINK_ROUTE, rtnetlink, Socket } from 'netlink-vmtest/netlink'
import { kernel } from 'netlink-vmtest/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  asIpAddress,
  asIpLink,
  asIpRoute,
  ip,
  ipBatch,
  known,
  namesOf,
  sideBySide,
  type Told,
} from './as-iproute2.ts'

const {
  addAddress,
  addRoute,
  changeLink,
  createLink,
  deleteAddress,
  deleteLink,
  deleteRoute,
  getAddresses,
  getLink,
  getLinks,
  getRoutes,
  monitorRoutes,
} = rtnetlink

let socket: Socket
beforeAll(() => {
  socket = Socket.open(NETLINK_ROUTE)
})
afterAll(() => socket.close())

/** The minimal kernels have neither addresses nor routes: client.test.ts has their errors. */
const itsAddresses = (what: string, test: () => Promise<void>) => kernel.hasIp && it(what, test)

const indexOf = async (name: string) => (await getLink(socket, name)).header.index

describe('dumps, field by field', () => {
  beforeAll(async () => {
    // the kernel itself loads the modules of these kinds
    await createLink(socket, { ifname: 'd0', up: true, txqlen: 77, linkinfo: { kind: 'dummy' } })
    await createLink(socket, {
      ifname: 'v0',
      mtu: 1400,
      address: '02:00:00:00:00:01',
      up: true,
      ifalias: 'one end',
      linkinfo: { kind: 'veth', data: { peer: { attributes: { ifname: 'v1', mtu: 1300 } } } },
    })
    await changeLink(socket, 'v1', { up: true })
    await createLink(socket, {
      ifname: 'd0.7',
      link: await indexOf('d0'),
      linkinfo: { kind: 'vlan', data: { id: 7 } },
    })
    if (!kernel.hasIp) return
    const [v0, v1] = [await indexOf('v0'), await indexOf('v1')]
    await addAddress(socket, {
      index: v0,
      local: '192.0.2.1',
      prefixlen: 24,
      attributes: { broadcast: '192.0.2.255', label: 'v0:x' },
    })
    await addAddress(socket, { index: v0, local: '192.0.2.9', attributes: { address: '192.0.2.10' } })
    await addAddress(socket, {
      index: v0,
      local: '2001:db8::1',
      prefixlen: 64,
      attributes: { flags: 2, cacheinfo: { prefered: 5000, valid: 50_000, cstamp: 0, tstamp: 0 } },
    })
    await addRoute(socket, { dst: '198.51.100.0/24', gateway: '192.0.2.9', attributes: { priority: 5 } })
    await addRoute(socket, { dst: '0.0.0.0/0', oif: v0, attributes: { metrics: { mtu: 1200 } } })
    await addRoute(socket, {
      dst: '10.0.0.0/8',
      header: { type: 'blackhole', table: 0, scope: 0 },
      attributes: { table: 1000 },
    })
    await addRoute(socket, { dst: '2001:db8:1::/48', gateway: '2001:db8::2', attributes: { pref: 1 } })
    const hop = { flags: 0, hops: 0, index: v0 }
    await addRoute(socket, {
      dst: '203.0.113.0/24',
      header: { scope: 0 },
      attributes: {
        multipath: [
          { ...hop, attributes: { gateway: '192.0.2.2' } },
          { ...hop, index: v1, hops: 2, attributes: {} },
        ],
      },
    })
  })
  afterAll(async () => {
    for (const name of ['d0.7', 'd0', 'v0']) await deleteLink(socket, name)
  })

  it('links', async () => {
    const [own, told] = await sideBySide(
      async () => {
        const links = await getLinks(socket)
        return links.map(link => asIpLink(link, namesOf(links)))
      },
      () => ip('-d', '-s', 'link'),
    )
    expect(own).toEqual(known(told, own))
    expect(own.map(({ ifname }) => ifname)).toEqual(expect.arrayContaining(['lo', 'd0', 'v0', 'v1', 'd0.7']))
    expect(told.flatMap(link => Object.keys(link))).toEqual(expect.arrayContaining(['linkinfo', 'stats64']))
  })

  itsAddresses('addresses', async () => {
    // ip lists them by link, IPv4 first, as the kernel does Remaining lifetimes in seconds, by address, each
    // time that the client looked.
    const left: Map<unknown, rtnetlink.Address['attributes']['cacheinfo']>[] = []
    const [own, told] = await sideBySide(
      async () => {
        const all = await getAddresses(socket)
        left.push(new Map(all.map(({ attributes: a }) => [a.local ?? a.address, a.cacheinfo])))
        return all.map((address): Told => ({ index: address.header.index, ...asIpAddress(address) }))
      },
      () => ip('-d', 'addr'),
    )
    const [before, after] = left.slice(-2)
    for (const { ifindex, addr_info } of told) {
      const addresses = own.filter(({ index }) => index === ifindex).map(({ index, ...address }) => address)
      expect(addresses).toEqual(known(addr_info as Told[], addresses))
      for (const { local, valid_life_time, preferred_life_time } of addr_info as Told[]) {
        expect(valid_life_time).toBeLessThanOrEqual(before?.get(local)?.valid ?? 0)
        expect(valid_life_time).toBeGreaterThanOrEqual(after?.get(local)?.valid ?? Infinity)
        expect(preferred_life_time).toBeLessThanOrEqual(before?.get(local)?.prefered ?? 0)
        expect(preferred_life_time).toBeGreaterThanOrEqual(after?.get(local)?.prefered ?? Infinity)
      }
    }
    expect(own.map(({ local }) => local)).toEqual(
      expect.arrayContaining(['127.0.0.1', '::1', '192.0.2.1', '192.0.2.9', '2001:db8::1']),
    )
  })

  itsAddresses('routes', async () => {
    const names = namesOf(await getLinks(socket))
    const [own, told] = await sideBySide(
      async () => (await getRoutes(socket)).map(route => asIpRoute(route, names)),
      () => ip('-d', 'route', 'show', 'table', 'all'),
    )
    expect(own).toEqual(known(told, own))
    expect(own.map(({ dst }) => dst)).toEqual(
      expect.arrayContaining(['default', '10.0.0.0/8', '203.0.113.0/24', '2001:db8:1::/48', '::1']),
    )
  })
})

describe('what one does, the other sees', () => {
  it.each(['dummy', 'veth'])('a %s link made, changed and deleted by the client', async kind => {
    const told = (name: string) => ip('-d', 'link').find(({ ifname }) => ifname === name)
    await createLink(socket, { ifname: 'x0', mtu: 1280, linkinfo: { kind } })
    expect(told('x0')).toMatchObject({ mtu: 1280, operstate: 'DOWN', linkinfo: { info_kind: kind } })
    await changeLink(socket, 'x0', { ifname: 'x1', mtu: 1300, address: '02:00:00:00:00:07', up: true })
    expect(told('x1')).toMatchObject({
      mtu: 1300,
      address: '02:00:00:00:00:07',
      flags: expect.arrayContaining(['UP']),
    })
    await deleteLink(socket, 'x1')
    expect(told('x1')).toBeUndefined()
  })

  itsAddresses('addresses and routes made and deleted by the client', async () => {
    await createLink(socket, { ifname: 'x0', up: true, linkinfo: { kind: 'dummy' } })
    const index = await indexOf('x0')
    const told = () => ({
      addresses: ip('-4', 'addr', 'show', 'dev', 'x0').flatMap(({ addr_info }) => addr_info),
      routes: ip('-4', 'route').map(({ dst }) => dst),
    })
    const address = { index, local: '192.0.2.1', prefixlen: 24 }
    await addAddress(socket, address)
    await addRoute(socket, { dst: '198.51.100.0/24', oif: index })
    expect(told()).toMatchObject({
      addresses: [{ local: '192.0.2.1', prefixlen: 24 }],
      routes: ['192.0.2.0/24', '198.51.100.0/24'],
    })
    await deleteRoute(socket, { dst: '198.51.100.0/24' })
    await deleteAddress(socket, address)
    expect(told()).toEqual({ addresses: [], routes: [] })
    await deleteLink(socket, 'x0')
  })

  itsAddresses('changes made by ip, as they happen', async () => {
    using watcher = Socket.open(NETLINK_ROUTE)
    const events = monitorRoutes(watcher)
    ipBatch(
      'link add y0 type dummy',
      'link set y0 mtu 1300 alias watched',
      'link set y0 up',
      'addr add 192.0.2.1/24 dev y0',
      'route add 198.51.100.0/24 via 192.0.2.9',
      'route del 198.51.100.0/24',
      'addr del 192.0.2.1/24 dev y0',
      'link del y0',
    )
    const seen: string[] = []
    for await (const event of events) {
      if (event.kind === 'lost') throw event.error
      const what = `${event.isNew ? '' : 'no '}${event.kind}`
      if (event.kind === 'link') {
        const { header, attributes } = event.link
        if (attributes.ifname !== 'y0') continue
        seen.push(`${what} ${attributes.mtu} ${attributes.ifalias ?? ''} ${header.flags & rtnetlink.IFF_UP}`)
        if (!event.isNew) break
      } else if (event.kind === 'address') {
        const { attributes, header } = event.address
        if (header.family === 2)
          seen.push(`${what} ${attributes.local}/${header.prefixlen} ${attributes.label}`)
      } else {
        const { attributes, header } = event.route
        if (attributes.table === 254 && header.family === 2)
          seen.push(`${what} ${attributes.dst}/${header.dstLen} ${attributes.gateway ?? ''}`)
      }
    }
    // an event may come twice, and the link's state may follow at any time
    const once = seen.filter((line, i) => line !== seen[i - 1])
    expect(once.filter(line => !/^link 1300 watched [01]$/.test(line))).toEqual([
      'link 1500  0',
      ...(once.includes('link 1300  0') ? ['link 1300  0'] : []),
      'address 192.0.2.1/24 y0',
      'route 192.0.2.0/24 ',
      'route 198.51.100.0/24 192.0.2.9',
      'no route 198.51.100.0/24 192.0.2.9',
      'no address 192.0.2.1/24 y0',
      'no route 192.0.2.0/24 ',
      'no link 1300 watched 0',
    ])
    expect(once).toContain('link 1300 watched 1')
  })
})
