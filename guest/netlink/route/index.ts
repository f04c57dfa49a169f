// SPDX-License-Identifier: MIT
/** rtnetlink: links, addresses and routes, on sockets of NETLINK_ROUTE. rtnetlink(7). */
export * from './address.ts'
export * from './link.ts'
export * from './monitor.ts'
export * from './route.ts'
