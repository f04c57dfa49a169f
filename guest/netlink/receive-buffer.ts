/**
 * Receiving in one system call, whole and without copying: recvmsg(2) into two areas, first the rest of a slab, then a
 * large spill area that all sockets share. What fits into the slab is handed out as a view of it, which
 * nobody writes to again; what does not is copied together. So nothing is cut short below 4 MiB, nothing is
 * peeked at first, and a small message costs its own size.
 */
import { Datagram } from './datagram.ts'
import { OverflowError, SystemCallError } from './errors.ts'
import { align, readS32, readU32, writeU32, writeWord } from './integers.ts'
import { addressOf, errno, recvmsg } from './libc.ts'

const EAGAIN = 11
const EINTR = 4
const ENOBUFS = 105
const SOL_NETLINK = 270
const NETLINK_PKTINFO = 3
const NETLINK_LISTEN_ALL_NSID = 8
const MSG_TRUNC = 0x20
const MSG_DONTWAIT = 0x40

/** Dumps come in datagrams of up to 32 KiB (netlink_dump() of net/netlink/af_netlink.c). */
const LARGEST_DUMP = 32 * 1024
const SLAB_SIZE = 4 * LARGEST_DUMP
/** Memory that is never touched is never there: this costs addresses only. */
const SPILL_SIZE = 4 * 1024 * 1024

// struct msghdr, struct iovec and struct sockaddr_nl on a 64-bit machine
const header = Buffer.alloc(56)
const vectors = Buffer.alloc(32)
const sender = Buffer.alloc(12)
const NAME_LENGTH_OFFSET = 8
const CONTROL_LENGTH_OFFSET = 40

/** Room for both control messages that a netlink socket can ask for, each a struct cmsghdr (16 bytes) and an int. */
const control = Buffer.alloc(48)
const CMSG_HDRLEN = 16

let slab = Buffer.alloc(0)
let slabAddress = 0
let used = 0
let spill: Buffer | undefined

/**
 * Takes one datagram from the socket, undefined if there is none.
 * @throws OverflowError, SystemCallError
 */
export function receiveDatagram(fd: number): Datagram | undefined {
  spill ??= prepare()
  if (slab.length - used < LARGEST_DUMP) {
    slab = Buffer.allocUnsafeSlow(SLAB_SIZE)
    slabAddress = addressOf(slab)
    used = 0
  }
  const room = slab.length - used
  writeWord(vectors, slabAddress + used, 0)
  writeWord(vectors, room, 8)
  // the kernel writes the length back
  writeU32(header, sender.length, NAME_LENGTH_OFFSET)
  writeU32(header, control.length, CONTROL_LENGTH_OFFSET)

  let length = recvmsg(fd, header, MSG_DONTWAIT | MSG_TRUNC)
  while (length === -1) {
    const error = errno()
    if (error === EAGAIN) return undefined
    if (error === ENOBUFS) throw new OverflowError()
    if (error !== EINTR) throw new SystemCallError('recvmsg', error)
    length = recvmsg(fd, header, MSG_DONTWAIT | MSG_TRUNC)
  }

  let bytes: Buffer
  if (length <= room) {
    bytes = slab.subarray(used, used + length)
    used += align(length)
  } else {
    bytes = Buffer.concat([slab.subarray(used), spill.subarray(0, length - room)])
  }
  const datagram = new Datagram(bytes, readU32(sender, 4), readU32(sender, 8), length)
  const controlLength = readU32(header, CONTROL_LENGTH_OFFSET)
  if (controlLength > 0) readControl(datagram, controlLength)
  return datagram
}

/** What NETLINK_PKTINFO (struct nl_pktinfo) and NETLINK_LISTEN_ALL_NSID (an int) add. */
function readControl(datagram: Datagram, end: number): void {
  for (let offset = 0; offset + CMSG_HDRLEN + 4 <= end; ) {
    const length = readU32(control, offset)
    if (length < CMSG_HDRLEN) return
    if (readU32(control, offset + 8) === SOL_NETLINK) {
      const type = readU32(control, offset + 12)
      if (type === NETLINK_PKTINFO) datagram.group = readU32(control, offset + CMSG_HDRLEN)
      else if (type === NETLINK_LISTEN_ALL_NSID) datagram.namespaceId = readS32(control, offset + CMSG_HDRLEN)
    }
    // CMSG_ALIGN: to a size_t
    offset += (length + 7) & ~7
  }
}

function prepare(): Buffer {
  const area = Buffer.allocUnsafeSlow(SPILL_SIZE)
  writeWord(vectors, addressOf(area), 16)
  writeWord(vectors, SPILL_SIZE, 24)
  writeWord(header, addressOf(sender), 0)
  writeWord(header, addressOf(vectors), 16)
  writeWord(header, 2, 24)
  writeWord(header, addressOf(control), 32)
  return area
}
