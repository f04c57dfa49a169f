// SPDX-License-Identifier: MIT
/** The contract of the nlcustom module in numbers and messages. */
import { encodeMessage, NLMSG_DONE, Socket, type SocketOptions } from 'netlink-vmtest/netlink'
import { type WireDatagram, wire } from 'netlink-vmtest/testing'
import { NETLINK_CUSTOMFAMILY, NETLINK_MYGROUP } from '../../guest/programs/nlcustom.ts'

export { NETLINK_CUSTOMFAMILY, NETLINK_MYGROUP }

/**
 * A socket on the module's protocol. Extended acknowledgements are off, the kernel's default, unless given.
 */
export function openCustom(options: SocketOptions = {}): Socket {
  return Socket.open(NETLINK_CUSTOMFAMILY, { extendedAck: false, ...options })
}

/** The group's bit in a mask. */
export const customMask = 1 << (NETLINK_MYGROUP - 1)

/** The bytes of the answer to the sender of a message. */
export const customAnswerBytes = encodeMessage(
  { type: NLMSG_DONE },
  Buffer.from('HELLO USER UNICAST FROM KERNEL\0'),
)
/** The answer as a value to compare. */
export const customAnswer: WireDatagram = wire(customAnswerBytes)

/** The bytes of the notification to the group. */
export const customToldBytes = encodeMessage(
  { type: NLMSG_DONE, sequence: 1 },
  Buffer.from('HELLO USER GROUP MULTICAST FROM KERNEL\0'),
)
/** The notification as a value to compare. */
export const customTold: WireDatagram = wire(customToldBytes, { groups: customMask })
