// SPDX-License-Identifier: MIT
/** Information about sockets: sock_diag(7). */
export * from './netlink-sockets.ts'
