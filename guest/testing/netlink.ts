// SPDX-License-Identifier: MIT
/** `netlink-vmtest/netlink` in guests: the client library, whose sockets are recorded. */
import './conversation.ts'

export * from '../netlink/index.ts'
