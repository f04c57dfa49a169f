// SPDX-License-Identifier: MIT
/**
 * The netlink sockets of the network namespace: include/uapi/linux/netlink_diag.h, on sockets of
 * NETLINK_SOCK_DIAG. The kernel loads the module netlink_diag if it has it.
 */

import { attributes, payload, struct } from '../codec/schema.ts'
import { array, bytes, pad, u8, u32 } from '../codec/value.ts'
import type { DumpOptions } from '../socket/dump.ts'
import type { Socket } from '../socket/socket.ts'

/** nlmsg_type of requests and of answers. */
export const SOCK_DIAG_BY_FAMILY = 20
const AF_NETLINK = 16
const NDIAG_PROTO_ALL = 0xff
const NDIAG_SHOW_MEMINFO = 0x1
const NDIAG_SHOW_GROUPS = 0x2
const NDIAG_SHOW_FLAGS = 0x8

/** NETLINK_DIAG_FLAGS: a dump is in progress. */
export const NDIAG_FLAG_CB_RUNNING = 0x01
/** NETLINK_PKTINFO is on. */
export const NDIAG_FLAG_PKTINFO = 0x02
/** NETLINK_BROADCAST_ERROR is on. */
export const NDIAG_FLAG_BROADCAST_ERROR = 0x04
/** NETLINK_NO_ENOBUFS is on. */
export const NDIAG_FLAG_NO_ENOBUFS = 0x08
/** NETLINK_LISTEN_ALL_NSID is on. */
export const NDIAG_FLAG_LISTEN_ALL_NSID = 0x10
/** NETLINK_CAP_ACK is on. */
export const NDIAG_FLAG_CAP_ACK = 0x20

const request = payload(
  struct({ family: u8, protocol: u8, unused: pad(2), inode: u32, show: u32, cookie: bytes(8) }),
  attributes({}),
)

/** The schema of an answer: struct netlink_diag_msg, and NETLINK_DIAG_*, which begin at 0. */
export const netlinkSocket = payload(
  struct({
    family: u8,
    type: u8,
    protocol: u8,
    state: u8,
    portId: u32,
    dstPortId: u32,
    dstGroup: u32,
    inode: u32,
    cookie: bytes(8),
  }),
  attributes({
    /**
     * Bytes and counts, by SK_MEMINFO_* of include/uapi/linux/sock_diag.h: 0 are the bytes that wait to be
     * received, 8 the drops.
     */
    meminfo: [0, array(u32)],
    /** The mask of its groups, 32 in each number. */
    groups: [1, array(u32)],
    flags: [4, u32],
  }),
)

/** A netlink socket as the kernel describes it. */
export type NetlinkSocket = ReturnType<typeof netlinkSocket.decode>

/**
 * All netlink sockets of the namespace, of one protocol or of all. Each is listed once; the kernel lists
 * members of groups twice (net/netlink/diag.c).
 * @throws KernelError ENOENT if the kernel has no netlink_diag
 */
export async function getNetlinkSockets(
  socket: Socket,
  { protocol = NDIAG_PROTO_ALL, ...options }: DumpOptions & { readonly protocol?: number } = {},
): Promise<NetlinkSocket[]> {
  const show = NDIAG_SHOW_MEMINFO | NDIAG_SHOW_GROUPS | NDIAG_SHOW_FLAGS
  const parts = request.encode({ header: { family: AF_NETLINK, protocol, show } })
  const sockets = new Map<string, NetlinkSocket>()
  for await (const message of socket.dump({ type: SOCK_DIAG_BY_FAMILY }, parts, options)) {
    const told = netlinkSocket.decode(message)
    const cookie = told.header.cookie.toString('hex')
    if (!sockets.has(cookie)) sockets.set(cookie, told)
  }
  return [...sockets.values()]
}
