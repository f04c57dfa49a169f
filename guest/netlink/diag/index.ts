/** sock_diag: what the kernel knows of its sockets. sock_diag(7). */
export * from './netlink-sockets.ts'
