// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_USERSOCK, Socket, sockDiag } from '../index.ts'

const { getNetlinkSockets, NDIAG_FLAG_CAP_ACK, NDIAG_FLAG_NO_ENOBUFS, NDIAG_FLAG_PKTINFO } = sockDiag

/** Netlink sockets of this namespace by port id; kernels without netlink_diag answer ENOENT. */
const hasNetlinkDiag = await (async () => {
  using socket = Socket.open(NETLINK_SOCK_DIAG)
  return await getNetlinkSockets(socket).then(
    () => true,
    () => false,
  )
})()

it.runIf(hasNetlinkDiag)('a socket as the kernel sees it', async () => {
  using diag = Socket.open(NETLINK_SOCK_DIAG)
  using watched = Socket.open(NETLINK_ROUTE, { memberships: [1, 33], packetInfo: true, capAck: true })
  const find = async () =>
    (await getNetlinkSockets(diag, { protocol: NETLINK_ROUTE })).find(s => s.header.portId === watched.portId)
  const flags = NDIAG_FLAG_PKTINFO | NDIAG_FLAG_CAP_ACK
  const found = await find()
  expect(found).toMatchObject({ header: { family: 16, protocol: NETLINK_ROUTE }, attributes: { flags } })
  expect(found?.attributes.groups?.slice(0, 2)).toEqual([1, 1])
  watched.set('noEnobufs', true)
  expect((await find())?.attributes.flags).toBe(flags | NDIAG_FLAG_NO_ENOBUFS)
})

it.runIf(hasNetlinkDiag)('what waits to be received', async () => {
  using diag = Socket.open(NETLINK_SOCK_DIAG)
  using a = Socket.open(NETLINK_USERSOCK)
  using b = Socket.open(NETLINK_USERSOCK)
  a.send(Buffer.alloc(100), { portId: b.portId })
  const sockets = await getNetlinkSockets(diag, { protocol: NETLINK_USERSOCK })
  const waiting = (portId: number) => sockets.find(s => s.header.portId === portId)?.attributes.meminfo?.[0]
  expect(waiting(a.portId)).toBe(0)
  expect(waiting(b.portId)).toBeGreaterThan(100)
})

it.runIf(hasNetlinkDiag)('all of them, as /proc/net/netlink lists them', async () => {
  using diag = Socket.open(NETLINK_SOCK_DIAG)
  using one = Socket.open(NETLINK_USERSOCK, { memberships: [3] })
  using other = Socket.open(NETLINK_ROUTE)
  const mine = (portIds: readonly number[]) =>
    [one, other, diag].map(socket => portIds.filter(portId => portId === socket.portId).length)
  const told = readFileSync('/proc/thread-self/net/netlink', 'utf8')
    .split('\n')
    .map(line => Number(line.split(/\s+/)[2]))
  const sockets = await getNetlinkSockets(diag)
  expect(mine(sockets.map(socket => socket.header.portId))).toEqual(mine(told))
})
