// SPDX-License-Identifier: MIT
/** The messages that this library has schemas of, by protocol and type. */
import type { RequestSchema } from '../codec/attribute-path.ts'
import {
  GENL_HDRLEN,
  GENL_ID_CTRL,
  NETLINK_GENERIC,
  NETLINK_ROUTE,
  NETLINK_SOCK_DIAG,
  NLMSG_HDRLEN,
} from '../codec/constants.ts'
import type { Message } from '../codec/message.ts'
import { netlinkSocket, SOCK_DIAG_BY_FAMILY } from '../diag/netlink-sockets.ts'
import { nlctrl } from '../generic/families.ts'
import { address, RTM_GETADDR, RTM_NEWADDR } from '../route/address.ts'
import { link, RTM_GETLINK, RTM_NEWLINK } from '../route/link.ts'
import { RTM_GETROUTE, RTM_NEWROUTE, route } from '../route/route.ts'

/** The name of a message, and its schema. */
export interface KnownMessage {
  /** 'RTM_NEWLINK' */
  readonly name: string
  /** Of its payload; undefined where only the name is known. */
  readonly schema?: RequestSchema
}

const routeMessages: readonly [first: number, last: number, name: string, schema: RequestSchema][] = [
  [RTM_NEWLINK, RTM_GETLINK, 'LINK', link],
  [RTM_NEWADDR, RTM_GETADDR, 'ADDR', address],
  [RTM_NEWROUTE, RTM_GETROUTE, 'ROUTE', route],
]
// the types of a kind come in this order
const routeActions = ['NEW', 'DEL', 'GET', 'SET']

// enum of CTRL_CMD_*
const controlCommands =
  'UNSPEC NEWFAMILY DELFAMILY GETFAMILY NEWOPS DELOPS GETOPS NEWMCAST_GRP DELMCAST_GRP GETMCAST_GRP GETPOLICY'.split(
    ' ',
  )

/** Name and schema of a message, undefined where this library has none. */
export function knownMessage(protocol: number | undefined, message: Message): KnownMessage | undefined {
  const { type, bytes } = message
  if (protocol === NETLINK_ROUTE) {
    const found = routeMessages.find(([first, last]) => type >= first && type <= last)
    if (found === undefined) return undefined
    const [, , name, schema] = found
    return { name: `RTM_${routeActions[type % 4]}${name}`, schema }
  }
  if (protocol === NETLINK_GENERIC && type === GENL_ID_CTRL && bytes.length >= NLMSG_HDRLEN + GENL_HDRLEN) {
    const command = bytes.readUInt8(NLMSG_HDRLEN)
    return { name: `CTRL_CMD_${controlCommands[command] ?? command}`, schema: nlctrl }
  }
  // requests and answers have the same type; those of netlink sockets begin with AF_NETLINK, requests are
  // shorter
  if (protocol === NETLINK_SOCK_DIAG && type === SOCK_DIAG_BY_FAMILY)
    return bytes[NLMSG_HDRLEN] === 16 && bytes.length >= NLMSG_HDRLEN + netlinkSocket.header.size
      ? { name: 'SOCK_DIAG_BY_FAMILY', schema: netlinkSocket }
      : { name: 'SOCK_DIAG_BY_FAMILY' }
  return undefined
}
