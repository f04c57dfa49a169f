// SPDX-License-Identifier: MIT
/**
 * Links, addresses and routes in a network namespace of the test's own, compared with the output of iproute2.
 */
import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  attr,
  attributes,
  NETLINK_ROUTE,
  NLM_F_CREATE,
  NLM_F_ECHO,
  NLM_F_EXCL,
  nested,
  rtnetlink,
  Socket,
  u32,
} from '../index.ts'
import { canMakeNamespaces, TestNamespace } from '../socket/test-namespace.ts'

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

const has = (program: string, ...args: string[]) => {
  try {
    execFileSync(program, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
const hasIproute2 = has('ip', '-V') && has('nsenter', '-V')

it('the links of this namespace, also as an ordinary user', async () => {
  using socket = Socket.open(NETLINK_ROUTE)
  const links = await getLinks(socket)
  expect(links[0]).toMatchObject({ header: { index: 1, type: 772 }, attributes: { ifname: 'lo' } })
  // counters change
  expect((await getLink(socket, 'lo')).header).toEqual(links[0]?.header)
  expect((await getLink(socket, 1)).attributes.mtu).toBe(links[0]?.attributes.mtu)
  const [lean] = await getLinks(socket, { statistics: false })
  expect(lean?.attributes.ifname).toBe('lo')
  expect(lean?.attributes.afSpec?.inet6?.stats).toBeUndefined()
  await expect(getLink(socket, 'nosuch')).rejects.toMatchObject({ code: 'ENODEV' })
})

describe.runIf(canMakeNamespaces)('in a namespace of its own', () => {
  let namespace: TestNamespace
  let socket: Socket
  beforeEach(() => {
    namespace = new TestNamespace()
    socket = Socket.open(NETLINK_ROUTE, { namespace: namespace.fd })
  })
  afterEach(() => {
    socket.close()
    namespace[Symbol.dispose]()
  })
  /** The output of iproute2. */
  const ip = (...args: string[]): Record<string, unknown>[] =>
    JSON.parse(
      execFileSync('nsenter', [`--net=${namespace.path}`, 'ip', '-j', ...args], { encoding: 'utf8' }) || '[]',
    )
  const createVeth = () =>
    createLink(socket, {
      ifname: 'v0',
      mtu: 1400,
      address: '02:00:00:00:00:01',
      up: true,
      linkinfo: { kind: 'veth', data: { peer: { attributes: { ifname: 'v1', mtu: 1300 } } } },
    })

  it('a veth is created, changed and deleted', async () => {
    await createVeth()
    expect(await getLink(socket, 'v0')).toMatchObject({
      header: { flags: expect.any(Number) },
      attributes: {
        ifname: 'v0',
        mtu: 1400,
        address: '02:00:00:00:00:01',
        linkinfo: { kind: 'veth' },
      },
    })
    await changeLink(socket, 'v1', { up: true, ifalias: 'the other end' })
    const v1 = await getLink(socket, 'v1')
    expect(v1.attributes).toMatchObject({ mtu: 1300, ifalias: 'the other end' })
    expect(v1.header.flags & rtnetlink.IFF_UP).toBe(rtnetlink.IFF_UP)
    await changeLink(socket, v1.header.index, { ifname: 'v8', up: false })
    await changeLink(socket, 'v8', { ifname: 'v9', mtu: 1290 })
    expect(await getLink(socket, 'v9')).toMatchObject({
      header: { index: v1.header.index },
      attributes: { mtu: 1290 },
    })
    expect((await getLink(socket, 'v9')).header.flags & rtnetlink.IFF_UP).toBe(0)
    await deleteLink(socket, 'v0')
    expect((await getLinks(socket)).map(({ attributes }) => attributes.ifname)).toEqual(['lo'])
  })

  it('what the kernel refuses names the attribute', async () => {
    await createVeth()
    await expect(createVeth()).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(createLink(socket, { linkinfo: { kind: 'nosuch' } })).rejects.toMatchObject({
      code: 'EOPNOTSUPP',
      message: expect.stringContaining('Unknown device type'),
    })
    await expect(changeLink(socket, 'v0', { mtu: 1 })).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(deleteLink(socket, 'nosuch')).rejects.toMatchObject({ code: 'ENODEV' })
    await expect(changeLink(socket, 'v0', { ifalias: 'x'.repeat(300) })).rejects.toMatchObject({
      paths: { attribute: 'ifalias' },
    })
    const peer = attr.nested(1, Buffer.alloc(16), attr.string(3, 'v3'), attr.u8(4, 1))
    await expect(
      createLink(socket, { ifname: 'v2', linkinfo: { kind: 'veth', data: peer } }),
    ).rejects.toMatchObject({ paths: { attribute: 'linkinfo.data.peer.mtu' } })
  })

  it('addresses are added and deleted', async () => {
    await changeLink(socket, 'lo', { up: true })
    await addAddress(socket, { index: 1, local: '192.0.2.1', prefixlen: 24 })
    await addAddress(socket, { index: 1, local: '2001:db8::1', prefixlen: 64 })
    await expect(addAddress(socket, { index: 1, local: '192.0.2.1', prefixlen: 24 })).rejects.toMatchObject({
      code: 'EEXIST',
    })
    const texts = async (family?: number) =>
      (await getAddresses(socket, family === undefined ? {} : { family })).map(
        ({ header, attributes }) => `${attributes.local ?? attributes.address}/${header.prefixlen}`,
      )
    expect(await texts()).toEqual(['127.0.0.1/8', '192.0.2.1/24', '2001:db8::1/64', '::1/128'])
    expect(await texts(10)).toEqual(['2001:db8::1/64', '::1/128'])
    await deleteAddress(socket, { index: 1, local: '192.0.2.1', prefixlen: 24 })
    expect(await texts(2)).toEqual(['127.0.0.1/8'])
    await expect(deleteAddress(socket, { index: 1, local: '192.0.2.1' })).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
    })
  })

  it('routes are added and deleted', async () => {
    await createVeth()
    await changeLink(socket, 'v1', { up: true })
    const { index } = (await getLink(socket, 'v0')).header
    await addAddress(socket, { index, local: '192.0.2.1', prefixlen: 24 })
    await addRoute(socket, { dst: '198.51.100.0/24', gateway: '192.0.2.9' })
    await addRoute(socket, {
      dst: '0.0.0.0/0',
      oif: index,
      attributes: { priority: 7, metrics: { mtu: 1200 } },
    })
    const hop = { flags: 0, hops: 0, index }
    await addRoute(socket, {
      dst: '203.0.113.0/24',
      attributes: {
        multipath: [
          { ...hop, attributes: { gateway: '192.0.2.2' } },
          { ...hop, hops: 4, attributes: { gateway: '192.0.2.3' } },
        ],
      },
      header: { scope: 0 },
    })
    const main = (await getRoutes(socket, { family: 2 })).filter(r => r.attributes.table === 254)
    expect(main.map(r => [r.attributes.dst, r.header.dstLen, r.header.type])).toEqual([
      [undefined, 0, 'unicast'],
      ['192.0.2.0', 24, 'unicast'],
      ['198.51.100.0', 24, 'unicast'],
      ['203.0.113.0', 24, 'unicast'],
    ])
    expect(main[0]?.attributes).toMatchObject({ priority: 7, metrics: { mtu: 1200 }, oif: index })
    expect(main[2]?.attributes).toMatchObject({ gateway: '192.0.2.9' })
    expect(main[3]?.attributes.multipath).toMatchObject([
      { hops: 0, attributes: { gateway: '192.0.2.2' } },
      { hops: 4, attributes: { gateway: '192.0.2.3' } },
    ])
    await deleteRoute(socket, { dst: '198.51.100.0/24' })
    await expect(deleteRoute(socket, { dst: '198.51.100.0/24' })).rejects.toMatchObject({ code: 'ESRCH' })
  })

  it('with NLM_F_ECHO the notification of what was done is a reply, once, also where it is heard besides', async () => {
    await changeLink(socket, 'lo', { up: true })
    const parts = rtnetlink.route.encode({
      header: { family: 2, dstLen: 24, table: 254, protocol: 3, scope: 253, type: 'unicast' },
      attributes: { dst: '198.51.100.0', oif: 1 },
    })
    const add = { type: rtnetlink.RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO }
    const echoed = async (asker: Socket) =>
      (await asker.request(add, parts)).map(message => rtnetlink.route.decode(message).attributes.dst)
    expect(await echoed(socket)).toEqual(['198.51.100.0'])
    await deleteRoute(socket, { dst: '198.51.100.0/24' })
    socket.join(rtnetlink.RTNLGRP_IPV4_ROUTE)
    expect(await echoed(socket)).toEqual(['198.51.100.0'])
    expect(socket.receiveNow()).toBeUndefined()
  })

  it('changes are seen as they happen', async () => {
    using watcher = Socket.open(NETLINK_ROUTE, { namespace: namespace.fd })
    const events = monitorRoutes(watcher)
    await changeLink(socket, 'lo', { up: true })
    await addAddress(socket, { index: 1, local: '192.0.2.1', prefixlen: 24 })
    await deleteAddress(socket, { index: 1, local: '192.0.2.1', prefixlen: 24 })
    await changeLink(socket, 'lo', { up: false })
    const seen: string[] = []
    for await (const event of events) {
      if (event.kind === 'link') seen.push(`link ${(event.link.header.flags & 1) === 1 ? 'up' : 'down'}`)
      if (event.kind === 'address')
        seen.push(`address ${event.address.attributes.local ?? ''} ${event.isNew}`)
      if (event.kind === 'route') seen.push(`route ${event.route.attributes.dst} ${event.isNew}`)
      if (seen.at(-1) === 'link down') break
    }
    expect(seen).toContain('link up')
    expect(seen).toContain('address 192.0.2.1 true')
    expect(seen).toContain('route 192.0.2.1 true')
    expect(seen).toContain('address 192.0.2.1 false')
    expect(watcher.memberships()).toEqual([])
  })

  describe.runIf(hasIproute2)('as ip -j says', () => {
    beforeEach(async () => {
      using watcher = Socket.open(NETLINK_ROUTE, { namespace: namespace.fd })
      const events = monitorRoutes(watcher, { of: ['links'] })
      await createVeth()
      await changeLink(socket, 'lo', { up: true })
      await changeLink(socket, 'v1', { up: true })
      // the state follows after the change
      const up = new Set<string | undefined>()
      for await (const event of events) {
        if (event.kind === 'link' && event.link.attributes.operstate === 'UP')
          up.add(event.link.attributes.ifname)
        if (up.has('v0') && up.has('v1')) break
      }
      const { index } = (await getLink(socket, 'v0')).header
      await addAddress(socket, { index, local: '192.0.2.1', prefixlen: 24 })
      await addAddress(socket, { index, local: '2001:db8::1', prefixlen: 64 })
      await addRoute(socket, { dst: '198.51.100.0/24', gateway: '192.0.2.9' })
    })

    it('links', async () => {
      const links = await getLinks(socket)
      const told = ip('-d', '-s', 'link')
      expect(told).toHaveLength(3)
      expect(
        links.map(({ header, attributes: a }) => ({
          ifindex: header.index,
          ifname: a.ifname,
          mtu: a.mtu,
          qdisc: a.qdisc,
          operstate: a.operstate,
          txqlen: a.txqlen,
          address: a.address,
          broadcast: a.broadcast,
          promiscuity: a.promiscuity,
          min_mtu: a.minMtu,
          max_mtu: a.maxMtu,
          num_tx_queues: a.numTxQueues,
          gso_max_size: a.gsoMaxSize,
          kind: a.linkinfo?.kind,
          isUp: (header.flags & 1) === 1,
          rxErrors: Number(a.stats64?.rxErrors),
          multicast: Number(a.stats64?.multicast),
        })),
      ).toEqual(
        told.map(t => ({
          ifindex: t.ifindex,
          ifname: t.ifname,
          mtu: t.mtu,
          qdisc: t.qdisc,
          operstate: t.operstate,
          txqlen: t.txqlen,
          address: t.address,
          broadcast: t.broadcast,
          promiscuity: t.promiscuity,
          min_mtu: t.min_mtu,
          max_mtu: t.max_mtu,
          num_tx_queues: t.num_tx_queues,
          gso_max_size: t.gso_max_size,
          kind: (t.linkinfo as { info_kind: string } | undefined)?.info_kind,
          isUp: (t.flags as string[]).includes('UP'),
          rxErrors: (t.stats64 as { rx: { errors: number } }).rx.errors,
          multicast: (t.stats64 as { rx: { multicast: number } }).rx.multicast,
        })),
      )
    })

    it('addresses', async () => {
      const own = (await getAddresses(socket)).map(({ header, attributes: a }) => ({
        ifindex: header.index,
        family: header.family === 2 ? 'inet' : 'inet6',
        local: a.local ?? a.address,
        prefixlen: header.prefixlen,
        label: a.label,
      }))
      const told = ip('addr').flatMap(t =>
        (t.addr_info as Record<string, unknown>[]).map(info => ({
          ifindex: t.ifindex,
          family: info.family,
          local: info.local,
          prefixlen: info.prefixlen,
          label: info.label,
        })),
      )
      const sorted = (list: object[]) => list.map(item => JSON.stringify(item)).sort()
      expect(sorted(own)).toEqual(sorted(told))
      expect(own.length).toBeGreaterThan(4)
    })

    it('routes', async () => {
      const names = new Map((await getLinks(socket)).map(l => [l.header.index, l.attributes.ifname]))
      const own = (await getRoutes(socket, { family: 2 })).map(({ header, attributes: a }) => ({
        type: header.type,
        dst: header.dstLen === 32 ? a.dst : `${a.dst}/${header.dstLen}`,
        gateway: a.gateway,
        dev: names.get(a.oif ?? 0),
        prefsrc: a.prefsrc,
        metric: a.priority,
      }))
      const told = ip('-d', '-4', 'route', 'show', 'table', 'all').map(t => ({
        type: t.type ?? 'unicast',
        dst: t.dst,
        gateway: t.gateway,
        dev: t.dev,
        prefsrc: t.prefsrc,
        metric: t.metric,
      }))
      expect(own).toEqual(told)
      expect(own.length).toBeGreaterThan(4)
    })
  })
})

it('links of further kinds, with attributes of their own, beside those that are known', () => {
  const mine = rtnetlink.linkWith({ mine: nested(attributes({ limit: [1, u32] })) })
  type LinkInfo = NonNullable<Parameters<typeof mine.attributes.encode>[0]['linkinfo']>
  const read = (linkinfo: LinkInfo) => mine.attributes.decode(mine.attributes.encode({ linkinfo })).linkinfo
  const own = { kind: 'mine', data: { limit: 7 } }
  expect(read(own)).toEqual(own)
  const vlan = { kind: 'vlan', data: { id: 5 } }
  expect(read(vlan)).toEqual(vlan)
  expect(read({ kind: 'other', data: Uint8Array.of(1) })?.data).toEqual(Buffer.of(1))
})
