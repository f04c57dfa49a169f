// SPDX-License-Identifier: MIT
/**
 * Netlink sockets by netlink_diag, a module that the kernel loads at the first request, compared with procfs.
 */
import { readFileSync } from 'node:fs'
import {
  NETLINK_GENERIC,
  NETLINK_ROUTE,
  NETLINK_SOCK_DIAG,
  NETLINK_USERSOCK,
  Socket,
  sockDiag,
} from 'netlink-vmtest/netlink'
import { expect, it } from 'vitest'

const { getNetlinkSockets, NDIAG_FLAG_CAP_ACK, NDIAG_FLAG_LISTEN_ALL_NSID, NDIAG_FLAG_PKTINFO } = sockDiag
/** Indices SK_MEMINFO_*. */
const RMEM_ALLOC = 0
const WMEM_ALLOC = 2
const DROPS = 8

/** The lines of /proc/net/netlink: sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode. */
function listed() {
  const [, ...lines] = readFileSync('/proc/thread-self/net/netlink', 'utf8').trim().split('\n')
  return lines.map(line => {
    const [, protocol, portId, groups = '', received, sent, , , drops, inode] = line.split(/\s+/)
    return {
      protocol: Number(protocol),
      portId: Number(portId),
      groups: Number.parseInt(groups, 16),
      received: Number(received),
      sent: Number(sent),
      drops: Number(drops),
      inode: Number(inode),
    }
  })
}

it('all sockets of the namespace, as /proc/net/netlink has them', async () => {
  using diag = Socket.open(NETLINK_SOCK_DIAG)
  using full = Socket.open(NETLINK_USERSOCK, { groups: 0x80000001, receiveBuffer: 1 })
  using sender = Socket.open(NETLINK_USERSOCK)
  using listening = Socket.open(NETLINK_GENERIC, { memberships: [16] })
  // one that waits to be received, and more than the receive buffer takes
  for (let i = 0; i < 10; i++)
    try {
      sender.send(Buffer.alloc(1000), { groups: 1 })
    } catch {
      // the kernel's own address refuses it
    }
  const told = (await getNetlinkSockets(diag)).map(({ header, attributes: a }) => ({
    protocol: header.protocol,
    portId: header.portId,
    groups: a.groups?.[0] ?? 0,
    received: a.meminfo?.[RMEM_ALLOC],
    sent: a.meminfo?.[WMEM_ALLOC],
    drops: a.meminfo?.[DROPS],
    inode: header.inode,
  }))
  // the sockets that ask and answer have messages of their own meanwhile
  const others = (list: readonly { protocol: number }[]) =>
    list
      .filter(({ protocol }) => protocol !== NETLINK_SOCK_DIAG)
      .map(each => JSON.stringify(each))
      .sort()
  expect(others(told)).toEqual(others(listed()))
  const of = (socket: Socket) =>
    told.find(({ portId, protocol }) => portId === socket.portId && protocol === socket.protocol)
  expect(of(full)?.groups).toBe(0x80000001)
  expect(of(full)?.received).toBeGreaterThan(0)
  expect(of(full)?.drops).toBeGreaterThan(0)
  expect(of(listening)?.groups).toBe(0x8000)
})

it('the options of a socket', async () => {
  using diag = Socket.open(NETLINK_SOCK_DIAG)
  using socket = Socket.open(NETLINK_ROUTE, { packetInfo: true, capAck: true, listenAllNamespaces: true })
  const sockets = await getNetlinkSockets(diag, { protocol: NETLINK_ROUTE })
  expect(sockets.find(({ header }) => header.portId === socket.portId)?.attributes.flags).toBe(
    NDIAG_FLAG_PKTINFO | NDIAG_FLAG_CAP_ACK | NDIAG_FLAG_LISTEN_ALL_NSID,
  )
})
