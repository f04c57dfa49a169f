// SPDX-License-Identifier: MIT
/** Options of sockets, and destinations. */
import type { Datagram } from './datagram.ts'

/**
 * Options of SOL_NETLINK that are on or off (include/uapi/linux/netlink.h); {@link SocketOptions} says what
 * they do.
 */
export const switches = {
  packetInfo: 3, // NETLINK_PKTINFO
  noEnobufs: 5, // NETLINK_NO_ENOBUFS
  listenAllNamespaces: 8, // NETLINK_LISTEN_ALL_NSID
  capAck: 10, // NETLINK_CAP_ACK
  extendedAck: 11, // NETLINK_EXT_ACK
  strictCheck: 12, // NETLINK_GET_STRICT_CHK
} as const
/** The names of those options in `Socket.set` and {@link SocketOptions}. */
export type SocketSwitch = keyof typeof switches

/** Options of a new socket. */
export interface SocketOptions {
  /** The port id to bind to; chosen by the kernel if not given, or 0. */
  readonly portId?: number
  /** Groups to join by bind(2): a mask of groups 1 to 32, group 1 being bit 0. */
  readonly groups?: number
  /** Groups to join by NETLINK_ADD_MEMBERSHIP: numbers from 1 on. */
  readonly memberships?: readonly number[]
  /** Milliseconds that calls wait by default: 5000 if not given. */
  readonly timeout?: number
  /**
   * NETLINK_EXT_ACK: errors come with the kernel's reason, the offending attribute and its policy. On if not
   * given, unlike the others, because errors without a reason are of little use.
   */
  readonly extendedAck?: boolean
  /** NETLINK_CAP_ACK: errors echo the request's header only, not all of it. */
  readonly capAck?: boolean
  /** NETLINK_GET_STRICT_CHK: rtnetlink checks the headers of GETs, and filters dumps by them. */
  readonly strictCheck?: boolean
  /** NETLINK_NO_ENOBUFS: lost messages are not reported. */
  readonly noEnobufs?: boolean
  /**
   * NETLINK_PKTINFO: each datagram has the group it was sent to ({@link Datagram.group}). Joining a group
   * over 32 turns it on too, because nothing else names such a group.
   */
  readonly packetInfo?: boolean
  /**
   * NETLINK_LISTEN_ALL_NSID: multicasts of all network namespaces that have an id in the socket's own; each
   * datagram has that id ({@link Datagram.namespaceId}). Needs CAP_NET_BROADCAST.
   */
  readonly listenAllNamespaces?: boolean
  /**
   * The network namespace to open it in: a path ('/run/netns/blue', '/proc/1234/ns/net') or a descriptor of
   * such a file. Needs CAP_SYS_ADMIN. The calling thread's own if not given.
   */
  readonly namespace?: string | number
  /** Called for all that is sent and received; `traceTo` makes text of it. */
  readonly trace?: (event: TraceEvent) => void
  /**
   * Bytes of SO_RCVBUF; the kernel doubles it for its own bookkeeping and has a minimum (2304) and a maximum.
   */
  readonly receiveBuffer?: number
  /** Bytes of SO_SNDBUF; the kernel doubles it too. */
  readonly sendBuffer?: number
}

/** What {@link SocketOptions.trace} is called with. */
export interface TraceEvent {
  /** The direction, as the socket sees it. */
  readonly direction: 'sent' | 'received'
  /** One datagram; copy it to keep it. */
  readonly bytes: Uint8Array
  /** The port id of the other side: 0 is the kernel. */
  readonly portId: number
}

/** Where a datagram goes. */
export interface Destination {
  /** 0, the kernel, if not given. */
  readonly portId?: number
  /** A mask of groups that get it as well; of several bits the kernel takes the lowest. */
  readonly groups?: number
}
