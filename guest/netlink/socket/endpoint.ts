// SPDX-License-Identifier: MIT
/** The kernel's side of a socket: descriptor, address, memberships, options, and sending. */
import { NetlinkError } from '../codec/errors.ts'
import { readU32, writeU16, writeU32 } from '../codec/integers.ts'
import { ClosedError, SystemCallError } from './errors.ts'
import * as libc from './libc.ts'
import { inNamespace } from './namespace.ts'
import { checkU32 } from './numbers.ts'
import { type Destination, type SocketSwitch, switches } from './options.ts'

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const MSG_DONTWAIT = 0x40
const SOL_SOCKET = 1
const SOL_NETLINK = 270
const EINTR = 4

const NETLINK_ADD_MEMBERSHIP = 1
const NETLINK_DROP_MEMBERSHIP = 2
const NETLINK_LIST_MEMBERSHIPS = 9

/** Groups that a datagram's source address can name (nl_groups). */
const MASKED_GROUPS = 32

/** Options of SOL_SOCKET. */
export const SO_SNDBUF = 7
export const SO_RCVBUF = 8
export const SO_SNDBUFFORCE = 32
export const SO_RCVBUFFORCE = 33

const bufferNames: Readonly<Record<number, string>> = {
  [SO_SNDBUF]: 'SO_SNDBUF',
  [SO_RCVBUF]: 'SO_RCVBUF',
  [SO_SNDBUFFORCE]: 'SO_SNDBUFFORCE',
  [SO_RCVBUFFORCE]: 'SO_RCVBUFFORCE',
}

// Laid out once and written for each call, which no longer needs them when it returns.
const kernelAddress = sockaddr()
const address = sockaddr()
const value = Buffer.alloc(4)
const length = Buffer.alloc(4)

export class Endpoint {
  #fd: number
  #portId = 0

  /** @throws SystemCallError EPROTONOSUPPORT, and EPERM for another namespace */
  constructor(protocol: number, namespace: string | number | undefined) {
    checkU32('protocol', protocol)
    const open = () => {
      const fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)
      check('socket', fd, () => `protocol ${protocol}`)
      return fd
    }
    this.#fd = namespace === undefined ? open() : inNamespace(namespace, open)
  }

  /** @throws ClosedError */
  get fd(): number {
    if (this.#fd === -1) throw new ClosedError()
    return this.#fd
  }

  get portId(): number {
    return this.#portId
  }

  get isClosed(): boolean {
    return this.#fd === -1
  }

  bind(portId: number, groups: number): void {
    const { fd } = this
    checkU32('portId', portId)
    checkU32('groups', groups)
    writeU32(address, portId, 4)
    writeU32(address, groups, 8)
    check('bind', libc.bind(fd, address, address.length), () => addressName(portId, groups))
    writeU32(length, address.length, 0)
    check('getsockname', libc.getsockname(fd, address, length))
    this.#portId = readU32(address, 4)
  }

  join(group: number): void {
    checkU32('group', group)
    // nothing else tells that a datagram was sent to such a group
    if (group > MASKED_GROUPS) this.#setOption(SOL_NETLINK, switches.packetInfo, 1, () => 'packetInfo, on')
    this.#setOption(
      SOL_NETLINK,
      NETLINK_ADD_MEMBERSHIP,
      group,
      () => `NETLINK_ADD_MEMBERSHIP, group ${group}`,
    )
  }

  leave(group: number): void {
    checkU32('group', group)
    this.#setOption(
      SOL_NETLINK,
      NETLINK_DROP_MEMBERSHIP,
      group,
      () => `NETLINK_DROP_MEMBERSHIP, group ${group}`,
    )
  }

  memberships(): number[] {
    const { fd } = this
    // the kernel says how much there is, and writes only what fits
    writeU32(length, 0, 0)
    const about = () => 'NETLINK_LIST_MEMBERSHIPS'
    check('getsockopt', libc.getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, value, length), about)
    const mask = Buffer.alloc(Math.ceil(readU32(length, 0) / 4) * 4)
    writeU32(length, mask.length, 0)
    check('getsockopt', libc.getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, mask, length), about)
    const groups: number[] = []
    for (let bit = 0; bit < mask.length * 8; bit++)
      if ((readU32(mask, (bit >>> 5) * 4) >>> (bit & 31)) & 1) groups.push(bit + 1)
    return groups
  }

  /** @throws NetlinkError for NETLINK_PKTINFO off while the socket is in a group over 32 */
  set(name: SocketSwitch, on: boolean): void {
    const group =
      name === 'packetInfo' && !on ? this.memberships().find(each => each > MASKED_GROUPS) : undefined
    if (group !== undefined)
      throw new NetlinkError(
        `NETLINK_PKTINFO stays on: without it nothing tells that a datagram was sent to group ${group}; leave that first`,
      )
    this.#setOption(SOL_NETLINK, switches[name], on ? 1 : 0, () => `${name}, ${on ? 'on' : 'off'}`)
  }

  /** An option of SOL_SOCKET. */
  getBuffer(option: number): number {
    const { fd } = this
    writeU32(length, value.length, 0)
    check(
      'getsockopt',
      libc.getsockopt(fd, SOL_SOCKET, option, value, length),
      () => bufferNames[option] ?? '',
    )
    return readU32(value, 0)
  }

  setBuffer(option: number, bytes: number): void {
    checkU32(option === SO_SNDBUF || option === SO_SNDBUFFORCE ? 'sendBuffer' : 'receiveBuffer', bytes)
    this.#setOption(SOL_SOCKET, option, bytes, () => `${bufferNames[option]}, ${bytes}`)
  }

  send(bytes: Uint8Array, to: Destination | null | undefined): void {
    let target: Buffer | null = kernelAddress
    if (to === null) target = null
    else if (to !== undefined) {
      checkU32('portId', to.portId)
      checkU32('groups', to.groups)
      writeU32(address, to.portId ?? 0, 4)
      writeU32(address, to.groups ?? 0, 8)
      target = address
    }
    const { fd } = this
    for (;;) {
      const sent = libc.sendto(fd, bytes, bytes.length, MSG_DONTWAIT, target, target === null ? 0 : 12)
      if (sent !== -1) return
      const error = libc.errno()
      if (error !== EINTR) throw new SystemCallError('sendto', error, destinationName(to))
    }
  }

  close(): void {
    libc.close(this.#fd)
    this.#fd = -1
  }

  #setOption(level: number, option: number, setting: number, about: () => string): void {
    const { fd } = this
    writeU32(value, setting, 0)
    check('setsockopt', libc.setsockopt(fd, level, option, value, value.length), about)
  }
}

/** struct sockaddr_nl: the kernel's address. */
function sockaddr(): Buffer {
  const bytes = Buffer.alloc(12)
  writeU16(bytes, AF_NETLINK, 0)
  return bytes
}

/** @param about what the call was called with: words that only errors need */
function check(syscall: string, result: number, about = () => ''): void {
  if (result === -1) throw new SystemCallError(syscall, libc.errno(), about())
}

/** An address in words; '' for any port id and no group. */
function addressName(portId: number, groups: number): string {
  const numbers = Array.from({ length: MASKED_GROUPS }, (_, bit) => bit + 1).filter(
    group => ((groups >>> (group - 1)) & 1) === 1,
  )
  return [
    ...(portId === 0 ? [] : [`port ${portId}`]),
    ...(numbers.length === 0 ? [] : [`group${numbers.length === 1 ? '' : 's'} ${numbers.join(', ')}`]),
  ].join(', ')
}

function destinationName(to: Destination | null | undefined): string {
  return to === null ? '' : `to ${addressName(to?.portId ?? 0, to?.groups ?? 0) || 'the kernel'}`
}
