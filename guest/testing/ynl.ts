// SPDX-License-Identifier: MIT
/** `netlink-vmtest/ynl` in guests: specifications, and clients whose sockets are recorded. */
import './conversation.ts'

export * from '../ynl/index.ts'
