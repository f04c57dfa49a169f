// SPDX-License-Identifier: MIT
/** What goes over the kernel's own netlink protocols, whoever says it: drivers/net/nlmon.c, packet(7). */
import { closeSync } from 'node:fs'
import koffi from 'koffi'
import { KernelError, NETLINK_ROUTE, rtnetlink, Socket, SystemCallError } from '../netlink/index.ts'

const libc = koffi.load(null)
const socket = libc.func('int socket(int, int, int)') as (...args: [number, number, number]) => number
const bind = libc.func('int bind(int, void *, uint32_t)') as (fd: number, to: Buffer, size: number) => number
const setsockopt = libc.func('int setsockopt(int, int, int, void *, uint32_t)') as (
  ...args: [fd: number, level: number, option: number, value: Buffer, length: number]
) => number
const getsockopt = libc.func('int getsockopt(int, int, int, void *, void *)') as (
  ...args: [fd: number, level: number, option: number, value: Buffer, length: Buffer]
) => number
const recvfrom = libc.func('int recvfrom(int, void *, size_t, int, void *, void *)') as (
  ...args: [fd: number, bytes: Buffer, length: number, flags: number, from: Buffer, size: Buffer]
) => number

// linux/socket.h, linux/if_ether.h, linux/if_packet.h, asm-generic/socket.h, asm-generic/errno-base.h
const AF_PACKET = 17
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const ETH_P_ALL = 3
const SOL_SOCKET = 1
const SO_ERROR = 4
const SO_RCVBUFFORCE = 33
const SOL_PACKET = 263
const PACKET_STATISTICS = 6
const MSG_DONTWAIT = 0x40
const EAGAIN = 11
/** struct sockaddr_ll */
const ADDRESS = 20

/** Bytes that may wait until they are read. */
const ROOM = 8 * 1024 * 1024
/** Of longer datagrams the beginning is read. */
const LONGEST = 256 * 1024

/** A datagram that somebody has sent. */
export interface MonitoredDatagram {
  /** NETLINK_ROUTE, NETLINK_GENERIC ... */
  readonly protocol: number
  /** One or more messages; the kernel has the port id of the sender or receiver in each. */
  readonly bytes: Buffer
}

let count = 0

/**
 * Listens to the netlink sockets of the caller's network namespace: what programs ask the kernel, its answers
 * and its notifications. Only to the protocols that nlmon sees: route, usersock, sock_diag, nflog, xfrm,
 * fib_lookup, netfilter and generic netlink; neither a module's own protocol nor what is refused when it is sent.
 *
 *     await using monitor = await NetlinkMonitor.open()
 *     await runProgram(['ip', 'link', 'set', 'lo', 'up'])
 *     const messages = monitor.read().flatMap(({ bytes }) => [...parseMessages(bytes)])
 */
export class NetlinkMonitor implements AsyncDisposable {
  readonly #fd: number
  readonly #link: number
  #lost = 0

  private constructor(fd: number, link: number) {
    this.#fd = fd
    this.#link = link
  }

  /**
   * Hears what is sent from now on.
   * @throws Error for a kernel without nlmon, SystemCallError EPERM without CAP_NET_RAW, KernelError EPERM
   *   without CAP_NET_ADMIN
   */
  static async open(): Promise<NetlinkMonitor> {
    using route = Socket.open(NETLINK_ROUTE)
    const ifname = `nlmon-${process.pid % 100_000}-${count++}`.slice(0, 15)
    await rtnetlink.createLink(route, { ifname, linkinfo: { kind: 'nlmon' } }).catch(error => {
      if (!(error instanceof KernelError) || error.code !== 'EOPNOTSUPP') throw error
      throw new Error("this kernel has no nlmon (CONFIG_NLMON): Debian's have it, as debian-6.1", {
        cause: error,
      })
    })
    const { header } = await rtnetlink.getLink(route, ifname)
    let fd: number | undefined
    try {
      fd = openPacketSocket(header.index)
      const monitor = new NetlinkMonitor(fd, header.index)
      await rtnetlink.changeLink(route, header.index, { up: true })
      // The answer to that, and the notifications of it.
      monitor.read()
      return monitor
    } catch (error) {
      if (fd !== undefined) closeSync(fd)
      await rtnetlink.deleteLink(route, header.index)
      throw error
    }
  }

  /** Takes all that has come: a message is there when the call that sent it has returned. */
  read(): MonitoredDatagram[] {
    const datagrams: MonitoredDatagram[] = []
    const buffer = Buffer.alloc(LONGEST)
    const from = Buffer.alloc(ADDRESS)
    const size = Buffer.alloc(4)
    for (;;) {
      size.writeUInt32LE(ADDRESS)
      const length = recvfrom(this.#fd, buffer, LONGEST, MSG_DONTWAIT, from, size)
      if (length === -1) {
        if (koffi.errno() === EAGAIN) return datagrams
        throw new SystemCallError('recvfrom', koffi.errno())
      }
      const protocol = from.readUInt16BE(2)
      datagrams[datagrams.length] = { protocol, bytes: Buffer.from(buffer.subarray(0, length)) }
    }
  }

  /** How many datagrams there was no room for, so far. */
  get lost(): number {
    const statistics = Buffer.alloc(8)
    const size = Buffer.alloc(4)
    size.writeUInt32LE(statistics.length)
    if (getsockopt(this.#fd, SOL_PACKET, PACKET_STATISTICS, statistics, size) === -1)
      throw new SystemCallError('getsockopt', koffi.errno())
    // tp_drops, which reading sets to 0
    this.#lost += statistics.readUInt32LE(4)
    return this.#lost
  }

  async [Symbol.asyncDispose](): Promise<void> {
    closeSync(this.#fd)
    using route = Socket.open(NETLINK_ROUTE)
    await rtnetlink.deleteLink(route, this.#link)
  }
}

function openPacketSocket(link: number): number {
  const fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  if (fd === -1) throw new SystemCallError('socket', koffi.errno())
  const room = Buffer.alloc(4)
  room.writeUInt32LE(ROOM)
  const size = Buffer.alloc(4)
  size.writeUInt32LE(size.length)
  const address = Buffer.alloc(ADDRESS)
  address.writeUInt16LE(AF_PACKET, 0)
  address.writeUInt16BE(ETH_P_ALL, 2)
  address.writeInt32LE(link, 4)
  const failed =
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, room, room.length) === -1
      ? 'setsockopt'
      : bind(fd, address, address.length) === -1
        ? 'bind'
        : undefined
  // Takes the error that the device is down, which the first reading would have.
  const pending = getsockopt(fd, SOL_SOCKET, SO_ERROR, Buffer.alloc(4), size)
  if (failed === undefined && pending !== -1) return fd
  const error = new SystemCallError(failed ?? 'getsockopt', koffi.errno())
  closeSync(fd)
  throw error
}
