// SPDX-License-Identifier: MIT
/** Options of sockets, and the namespaces that they are opened in. */
import { closeSync, openSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { attr, NETLINK_ROUTE, NETLINK_USERSOCK, Socket, SystemCallError } from '../index.ts'
import { canMakeNamespaces, TestNamespace } from './test-namespace.ts'

const RTNLGRP_LINK = 1
const RTM_NEWLINK = 16
const RTM_NEWNSID = 88
const isRoot = process.geteuid?.() === 0

describe('memberships', () => {
  it('none', () => {
    using socket = Socket.open(NETLINK_ROUTE)
    expect(socket.memberships()).toEqual([])
  })

  it('by mask, at opening and later, above 32 as well; left again', () => {
    using socket = Socket.open(NETLINK_ROUTE, { groups: 0b101, memberships: [32, 33] })
    expect(socket.memberships()).toEqual([1, 3, 32, 33])
    socket.join(9)
    socket.leave(33)
    expect(socket.memberships()).toEqual([1, 3, 9, 32])
  })
})

describe('a number that is none of its kind: a RangeError that names the option', () => {
  it.each([Number.NaN, -1, -Infinity, '5' as never, null as never])('the time %s', async timeout => {
    const refused = `timeout: ${timeout} is no time: give milliseconds, or Infinity for no limit`
    expect(() => Socket.open(NETLINK_ROUTE, { timeout })).toThrow(new RangeError(refused))
    using socket = Socket.open(NETLINK_ROUTE)
    const calls: (() => unknown)[] = [
      () => socket.receive({ timeout }),
      () => socket.request({ type: RTM_NEWLINK }, [], { timeout }),
      () => socket.batch([{ type: RTM_NEWLINK }], { timeout }),
      () => socket.dump({ type: RTM_NEWLINK }, [], { timeout }),
      () => socket.subscribe({ timeout }),
    ]
    for (const call of calls) await expect(async () => await call()).rejects.toThrow(new RangeError(refused))
    expect(socket.receiveNow()).toBeUndefined()
    socket.timeout = timeout
    await expect(socket.receive()).rejects.toThrow(new RangeError(refused))
    expect(() => socket.dump({ type: 1 }, [], { retries: timeout })).toThrow('retries: ')
  })

  it.each([Number.NaN, -1, 1.5, 2 ** 32])('the number %s', value => {
    using socket = Socket.open(NETLINK_ROUTE)
    const bytes = Buffer.alloc(16)
    const refused = (name: string) => new RangeError(`${name}: ${value} is no integer from 0 to 4294967295`)
    expect(() => Socket.open(NETLINK_ROUTE, { portId: value })).toThrow(refused('portId'))
    expect(() => Socket.open(NETLINK_ROUTE, { groups: value })).toThrow(refused('groups'))
    expect(() => Socket.open(NETLINK_ROUTE, { memberships: [value] })).toThrow(refused('group'))
    expect(() => Socket.open(NETLINK_ROUTE, { receiveBuffer: value })).toThrow(refused('receiveBuffer'))
    expect(() => Socket.open(NETLINK_ROUTE, { sendBuffer: value })).toThrow(refused('sendBuffer'))
    expect(() => Socket.open(value)).toThrow(refused('protocol'))
    expect(() => socket.leave(value)).toThrow(refused('group'))
    expect(() => socket.send(bytes, { portId: value })).toThrow(refused('portId'))
    expect(() => socket.send(bytes, { groups: value })).toThrow(refused('groups'))
  })
})

describe('NETLINK_PKTINFO', () => {
  it.runIf(isRoot)('tells the group, and what is none', async () => {
    using sender = Socket.open(NETLINK_USERSOCK)
    using plain = Socket.open(NETLINK_USERSOCK, { memberships: [7] })
    using telling = Socket.open(NETLINK_USERSOCK, { memberships: [7], packetInfo: true })
    sender.send(Buffer.from('all'), { groups: 1 << 6, portId: sender.portId })
    expect((await plain.receive()).group).toBeUndefined()
    expect((await telling.receive()).group).toBe(7)
    sender.send(Buffer.from('one'), { portId: telling.portId })
    expect(await telling.receive()).toMatchObject({ group: 0, namespaceId: undefined })
    telling.set('packetInfo', false)
    sender.send(Buffer.from('one'), { portId: telling.portId })
    expect((await telling.receive()).group).toBeUndefined()
  })
})

describe.runIf(canMakeNamespaces)('network namespaces', () => {
  const links = (namespace: number | string) => Socket.open(NETLINK_ROUTE, { namespace })

  it('a socket is opened in another one, and this thread stays where it is', async () => {
    using elsewhere = new TestNamespace()
    for (const namespace of [elsewhere.fd, elsewhere.path]) {
      // a port id is unique in its namespace: taken here, free there
      using here = Socket.open(NETLINK_ROUTE)
      using there = Socket.open(NETLINK_ROUTE, { namespace, portId: here.portId })
      expect(() => Socket.open(NETLINK_ROUTE, { namespace, portId: here.portId })).toThrow('bind: EADDRINUSE')
      using back = Socket.open(NETLINK_USERSOCK)
      using neighbour = Socket.open(NETLINK_USERSOCK)
      neighbour.send(Buffer.from('here'), { portId: back.portId })
      expect((await back.receive()).bytes.toString()).toBe('here')
      expect(there.isClosed).toBe(false)
    }
  })

  it('says what is wrong', () => {
    expect(() => links('/nowhere')).toThrow(expect.objectContaining({ code: 'ENOENT' }))
    expect(() => links('/dev/null')).toThrow('setns: EINVAL')
    const other = openSync('/proc/self/ns/uts', 'r')
    expect(() => links(other)).toThrow(SystemCallError)
    closeSync(other)
  })

  it('NETLINK_LISTEN_ALL_NSID: multicasts of others, each with its id', async () => {
    using home = new TestNamespace()
    using other = new TestNamespace()
    using here = links(home.fd)
    using there = links(other.fd)
    const group = { memberships: [RTNLGRP_LINK] }
    using all = Socket.open(NETLINK_ROUTE, {
      namespace: home.fd,
      ...group,
      listenAllNamespaces: true,
      packetInfo: true,
    })
    // struct rtgenmsg; NETNSA_NSID and NETNSA_FD of include/uapi/linux/net_namespace.h
    const id = [Buffer.alloc(4), attr.s32(1, 77), attr.u32(3, other.fd)]
    await here.request({ type: RTM_NEWNSID }, id)

    // struct ifinfomsg: the loopback device, IFF_UP and its mask
    const up = Buffer.alloc(16)
    up.writeInt32LE(1, 4)
    up.writeUInt32LE(1, 8)
    up.writeUInt32LE(1, 12)
    await there.request({ type: RTM_NEWLINK }, [up])
    expect(await all.receive()).toMatchObject({ namespaceId: 77, group: RTNLGRP_LINK })
    await here.request({ type: RTM_NEWLINK }, [up])
    expect(await all.receive()).toMatchObject({ namespaceId: undefined, group: RTNLGRP_LINK })
  })
})
