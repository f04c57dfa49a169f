// SPDX-License-Identifier: MIT
import { Socket, SystemCallError } from '../netlink/index.ts'
import type { VisibleBus } from './registration.ts'
import { asUser, nobody } from './user.ts'

/** More groups than a protocol is likely to have. */
const MOST_GROUPS = 1 << 16

/** Joins and sends: the kernel checks these before the module hears of them (net/netlink/af_netlink.c). */
export function visibleBus(protocol: number): VisibleBus {
  using socket = Socket.open(protocol)
  const { portId } = socket
  return {
    protocol,
    groups: highestGroup(socket),
    nonrootReceive: !isRefused('EPERM', () => asUser(nobody, () => socket.join(1))),
    nonrootSend: !isRefused('EPERM', () => asUser(nobody, () => socket.send(Buffer.alloc(16), { portId }))),
  }
}

/** By halves: EINVAL is what netlink_setsockopt() has for groups beyond the last. */
function highestGroup(socket: Socket): number {
  let [least, most] = [0, MOST_GROUPS]
  while (least < most) {
    const group = Math.ceil((least + most) / 2)
    if (isRefused('EINVAL', () => socket.join(group))) most = group - 1
    else least = group
  }
  return least
}

function isRefused(code: string, call: () => void): boolean {
  try {
    call()
    return false
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error
    return error.code === code
  }
}
