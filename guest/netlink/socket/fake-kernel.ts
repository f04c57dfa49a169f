// SPDX-License-Identifier: MIT
/**
 * A kernel side for tests, which answers with any bytes: system calls of sockets that never leave the
 * process. Tests replace libc.ts and poller.ts by it; all else is real, down to the headers and control
 * messages of recvmsg(2).
 */
const EAGAIN = 11
const EINVAL = 22
const ENOBUFS = 105
const SOL_NETLINK = 270
const NETLINK_PKTINFO = 3
const NETLINK_ADD_MEMBERSHIP = 1
const NETLINK_DROP_MEMBERSHIP = 2
const NETLINK_LIST_MEMBERSHIPS = 9

/** A datagram on its way to the socket. */
export interface Sent {
  readonly bytes: Buffer
  /** The sender: 0, the kernel, if not given. */
  readonly portId?: number
  /** The group that it is sent to; 0, unicast, if not given. */
  readonly group?: number
}

/** One socket, and what answers on its other side. */
export class FakeSocket {
  portId = 0
  readonly groups = new Set<number>()
  hasPacketInfo = false
  isClosed = false
  /** What has been sent to the kernel, in order. */
  readonly requests: Buffer[] = []
  /** Called for each datagram that is sent; answers by {@link deliver}. */
  answer: (bytes: Buffer) => void = () => {}
  /** Makes the next datagram when nothing is queued, as a dump does when it is read. */
  more: () => Sent | undefined = () => undefined
  readonly #queue: (Sent | 'overflow')[] = []
  onReadable: () => void = () => {}

  deliver(...datagrams: readonly (Sent | 'overflow')[]): void {
    this.#queue.push(...datagrams)
    // as epoll reports: later, and each edge
    queueMicrotask(() => {
      if (!this.isClosed) this.onReadable()
    })
  }

  next(): Sent | 'overflow' | undefined {
    return this.#queue.shift() ?? this.more()
  }
}

/** Sockets by descriptor. */
export const sockets = new Map<number, FakeSocket>()
let lastDescriptor = 1000
let error = 0
/** Buffers by their made-up addresses: bits 33 and up are the index. */
const memory: (WeakRef<Buffer> | undefined)[] = []
const addresses = new WeakMap<Buffer, number>()

function fail(errno: number): number {
  error = errno
  return -1
}

function at(address: bigint): Buffer {
  const buffer = memory[Number(address >> 33n)]?.deref()
  if (buffer === undefined) throw new Error(`nothing at ${address}`)
  return buffer.subarray(Number(address & 0x1ffffffffn))
}

/** Fills a struct msghdr; returns the datagram's length, or -1. */
function receive(fake: FakeSocket, header: Buffer): number {
  const sent = fake.next()
  if (sent === undefined) return fail(EAGAIN)
  if (sent === 'overflow') return fail(ENOBUFS)
  const { bytes, portId = 0, group = 0 } = sent
  const name = at(header.readBigUInt64LE(0))
  name.writeUInt16LE(16, 0)
  name.writeUInt32LE(portId, 4)
  // nl_groups of netlink_group_mask()
  name.writeUInt32LE(group > 0 && group <= 32 ? (1 << (group - 1)) >>> 0 : 0, 8)
  const vectors = at(header.readBigUInt64LE(16))
  let copied = 0
  for (let i = 0; i < Number(header.readBigUInt64LE(24)); i++) {
    const area = at(vectors.readBigUInt64LE(16 * i))
    const room = Number(vectors.readBigUInt64LE(16 * i + 8))
    copied += bytes.copy(area, 0, copied, copied + Math.min(room, bytes.length - copied))
  }
  let controlLength = 0
  if (fake.hasPacketInfo) {
    const control = at(header.readBigUInt64LE(32))
    control.writeBigUInt64LE(20n, 0)
    control.writeUInt32LE(SOL_NETLINK, 8)
    control.writeUInt32LE(NETLINK_PKTINFO, 12)
    control.writeUInt32LE(group, 16)
    controlLength = 24
  }
  header.writeBigUInt64LE(BigInt(controlLength), 40)
  return bytes.length
}

const socketOf = (fd: number): FakeSocket => {
  const fake = sockets.get(fd)
  if (fake === undefined) throw new Error(`no descriptor ${fd}`)
  return fake
}

/** In place of libc.ts. */
export const libc = {
  socket: (): number => {
    sockets.set(++lastDescriptor, new FakeSocket())
    return lastDescriptor
  },
  bind: (fd: number, address: Buffer): number => {
    socketOf(fd).portId = address.readUInt32LE(4) || fd
    return 0
  },
  getsockname: (fd: number, address: Buffer): number => {
    address.writeUInt32LE(socketOf(fd).portId, 4)
    return 0
  },
  setsockopt: (fd: number, _level: number, option: number, value: Buffer): number => {
    const fake = socketOf(fd)
    const setting = value.readUInt32LE(0)
    if (option === NETLINK_ADD_MEMBERSHIP) fake.groups.add(setting)
    if (option === NETLINK_DROP_MEMBERSHIP) fake.groups.delete(setting)
    if (option === NETLINK_PKTINFO) fake.hasPacketInfo = setting !== 0
    return 0
  },
  getsockopt: (fd: number, _level: number, option: number, value: Buffer, length: Buffer): number => {
    if (option !== NETLINK_LIST_MEMBERSHIPS) return fail(EINVAL)
    const room = length.readUInt32LE(0)
    const mask = Buffer.alloc(16)
    for (const group of socketOf(fd).groups) {
      const byte = (group - 1) >>> 3
      mask[byte] = (mask[byte] ?? 0) | (1 << ((group - 1) & 7))
    }
    mask.copy(value, 0, 0, room)
    length.writeUInt32LE(16, 0)
    return 0
  },
  sendto: (fd: number, bytes: Uint8Array): number => {
    const copy = Buffer.from(bytes)
    const fake = socketOf(fd)
    fake.requests.push(copy)
    fake.answer(copy)
    return copy.length
  },
  recvmsg: (fd: number, header: Buffer): number => receive(socketOf(fd), header),
  recvmmsg: (fd: number, headers: Buffer, count: number): number => {
    for (let i = 0; i < count; i++) {
      const header = headers.subarray(64 * i, 64 * (i + 1))
      const length = receive(socketOf(fd), header)
      if (length === -1) {
        // the next call reports an error that comes after a datagram
        if (error === ENOBUFS && i > 0) socketOf(fd).deliver('overflow')
        return i > 0 ? i : -1
      }
      header.writeUInt32LE(length, 56)
    }
    return count
  },
  setns: (): number => fail(EINVAL),
  close: (fd: number): number => {
    socketOf(fd).isClosed = true
    sockets.delete(fd)
    return 0
  },
  errno: (): number => error,
  addressOf: (buffer: Buffer): number => {
    const known = addresses.get(buffer)
    if (known !== undefined) return known
    const address = memory.push(new WeakRef(buffer)) * 2 ** 33 - 2 ** 33
    addresses.set(buffer, address)
    return address
  },
}

/** In place of poller.ts. */
export const poller = {
  watch: (fd: number, onReadable: () => void): void => {
    socketOf(fd).onReadable = onReadable
    // data that is there already is an edge too
    queueMicrotask(onReadable)
  },
  unwatch: (): void => {},
  hold: (): void => {},
  release: (): void => {},
}
