// SPDX-License-Identifier: MIT
/** The netlink client on the kernel's own families, compared with procfs and sysfs. */
import { readdirSync, readFileSync } from 'node:fs'
import { GenericFamilies, KernelError, NETLINK_ROUTE, rtnetlink, Socket } from 'netlink-vmtest/netlink'
import { kernel, loadModule, NetworkNamespace, unloadModule } from 'netlink-vmtest/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const {
  addAddress,
  addRoute,
  changeLink,
  createLink,
  deleteAddress,
  getAddresses,
  getLink,
  getLinks,
  getRoutes,
  monitorRoutes,
} = rtnetlink

describe('rtnetlink', () => {
  let namespace: NetworkNamespace
  let socket: Socket
  beforeEach(() => {
    namespace = new NetworkNamespace()
    socket = namespace.run(() => Socket.open(NETLINK_ROUTE))
  })
  afterEach(() => {
    socket.close()
    namespace[Symbol.dispose]()
  })

  it('links are those of /sys/class/net', async () => {
    using here = Socket.open(NETLINK_ROUTE)
    const links = await getLinks(here)
    expect(links.map(({ attributes }) => attributes.ifname).sort()).toEqual(
      readdirSync('/sys/class/net').sort(),
    )
    for (const { header, attributes } of links) {
      const read = (file: string) =>
        readFileSync(`/sys/class/net/${attributes.ifname}/${file}`, 'utf8').trim()
      expect({
        index: header.index,
        flags: header.flags & 0xffff,
        mtu: attributes.mtu,
        address: attributes.address,
        operstate: String(attributes.operstate).toLowerCase(),
        packets: attributes.stats64?.rxPackets,
      }).toEqual({
        index: Number(read('ifindex')),
        // sysfs lacks IFF_RUNNING and other flags that user space cannot set
        flags: (Number(read('flags')) & 0xffff) | (header.flags & 0x40),
        mtu: Number(read('mtu')),
        address: read('address'),
        operstate: read('operstate'),
        packets: BigInt(read('statistics/rx_packets')),
      })
    }
  })

  /** On kernels without IP, addresses and routes are refused. */
  const itsAddresses = (what: string, test: () => Promise<void>) =>
    kernel.hasIp
      ? it(what, test)
      : it('addresses and routes of a kernel without IP: EOPNOTSUPP', async () => {
          await changeLink(socket, 'lo', { up: true, mtu: 1500 })
          const address = addAddress(socket, { index: 1, local: '192.0.2.1', prefixlen: 24 })
          await expect(address).rejects.toMatchObject({ code: 'EOPNOTSUPP' })
          const route = addRoute(socket, { dst: '198.51.100.0/24', oif: 1 })
          await expect(route).rejects.toMatchObject({ code: 'EOPNOTSUPP' })
        })

  itsAddresses('links, addresses and routes change, and the changes are seen', async () => {
    using watcher = namespace.run(() => Socket.open(NETLINK_ROUTE))
    const events = monitorRoutes(watcher)
    await changeLink(socket, 'lo', { up: true, mtu: 1500 })
    await addAddress(socket, { index: 1, local: '192.0.2.1', prefixlen: 24 })
    await addRoute(socket, { dst: '198.51.100.0/24', oif: 1 })
    await deleteAddress(socket, { index: 1, local: '192.0.2.1', prefixlen: 24 })
    await changeLink(socket, 'lo', { up: false })
    const isDown = (event: rtnetlink.RouteEvent) =>
      event.kind === 'link' && (event.link.header.flags & rtnetlink.IFF_UP) === 0
    const seen = new Set<string>()
    for await (const event of events) {
      if (event.kind === 'link')
        seen.add(`link ${event.link.header.flags & 1} mtu ${event.link.attributes.mtu}`)
      if (event.kind === 'address') seen.add(`address ${event.address.attributes.local} ${event.isNew}`)
      if (event.kind === 'route') seen.add(`route ${event.route.attributes.dst} ${event.isNew}`)
      // it was down before it was up too
      if (seen.has('link 1 mtu 1500') && isDown(event)) break
    }
    for (const expected of [
      'link 1 mtu 1500',
      'address 192.0.2.1 true',
      'address 192.0.2.1 false',
      'route 198.51.100.0 true',
    ])
      expect(seen).toContain(expected)
    expect((await getAddresses(socket, { family: 2 })).map(a => a.attributes.local)).toEqual(['127.0.0.1'])
    expect((await getRoutes(socket, { family: 2 })).filter(route => route.attributes.table === 254)).toEqual(
      [],
    )
  })

  it('what the kernel refuses is named', async () => {
    await expect(getLink(socket, 'nosuch')).rejects.toMatchObject({ code: 'ENODEV' })
    await expect(createLink(socket, { ifname: 'x0', linkinfo: { kind: 'nosuch' } })).rejects.toThrow(
      KernelError,
    )
    await expect(changeLink(socket, 'lo', { ifalias: 'x'.repeat(300) })).rejects.toMatchObject({
      paths: { attribute: 'ifalias' },
    })
  })
})

describe('generic netlink families', () => {
  it('one that comes and goes: what is kept of it follows', async () => {
    using families = GenericFamilies.open()
    const before = (await families.list()).map(family => family.name)
    loadModule('genlexample')
    try {
      const added = (await families.list()).filter(family => !before.includes(family.name))
      expect(added).toHaveLength(1)
      const [family] = added
      if (family === undefined) throw new Error('no family')
      expect(await families.resolve(family.name)).toBe(family)
      unloadModule('genlexample')
      await expect(families.resolve(family.name)).rejects.toMatchObject({ code: 'ENOENT' })
      loadModule('genlexample')
      const again = await families.resolve(family.name)
      expect(again).not.toBe(family)
      expect({ ...again, id: 0, groups: [...again.groups.keys()] }).toEqual({
        ...family,
        id: 0,
        groups: [...family.groups.keys()],
      })
    } finally {
      unloadModule('genlexample')
    }
  })

  it('nlctrl’s own policy', async () => {
    using families = GenericFamilies.open()
    const { policies, operations } = await families.policies('nlctrl')
    const policy = policies.get(operations.get(3)?.do ?? 0)
    expect(policy?.get(2)).toMatchObject({ type: 'NUL_STRING', maximumLength: 15 })
  })
})
