// SPDX-License-Identifier: MIT
/**
 * Receiving in one system call, whole and without copying: recvmsg(2) into two areas, first the rest of a
 * slab, then a large spill area that all sockets share. What fits into the slab is handed out as a view,
 * which nobody writes to again; what does not is copied together. So nothing below 4 MiB is cut short, no
 * call peeks first, and a small message takes its own size only.
 */
import { NLMSG_ERROR, NLMSG_HDRLEN } from '../codec/constants.ts'
import { align, isLittleEndian, readS32, readU16, readU32, writeWord } from '../codec/integers.ts'
import { Datagram } from './datagram.ts'
import { OverflowError, SystemCallError } from './errors.ts'
import { addressOf, errno, recvmmsg, recvmsg } from './libc.ts'

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
/** Pages that are never touched take no memory: this costs addresses only. */
const SPILL_SIZE = 4 * 1024 * 1024

// struct msghdr, struct iovec and struct sockaddr_nl on a 64-bit machine. Fields that change with each call
// are read and written as 32-bit words, one instruction each: offsets and sizes that end in _WORDS count
// those.
const header = Buffer.alloc(56)
const vectors = Buffer.alloc(32)
const sender = Buffer.alloc(12)
const SENDER_WORDS = 3
const NAME_LENGTH_WORDS = 2
const CONTROL_LENGTH_WORDS = 10
/** Which of the two words of a pointer is the lower half. */
const LOW = isLittleEndian ? 0 : 1
/** The lower half of an iov_len. */
const ROOM_WORDS = 2 + LOW
const headerWords = wordsOf(header)
const vectorWords = wordsOf(vectors)
const senderWords = wordsOf(sender)

/**
 * Room for both control messages that a netlink socket can ask for, each a struct cmsghdr (16 bytes) and an
 * int.
 */
const control = Buffer.alloc(48)
const CMSG_HDRLEN = 16

let slab = Buffer.alloc(0)
let slabWords: Uint32Array = new Uint32Array(0)
let slabAddress = 0
let used = 0
let spill: Buffer | undefined

/**
 * Takes one datagram from the socket, undefined if there is none.
 * @throws OverflowError, SystemCallError
 */
export function receiveDatagram(fd: number): Datagram | undefined {
  spill ??= prepare()
  if (slab.length - used < LARGEST_DUMP) startSlab()
  const room = slab.length - used
  setPointer(vectorWords, 0, slabAddress + used)
  vectorWords[ROOM_WORDS] = room
  // the kernel writes the length back
  headerWords[NAME_LENGTH_WORDS] = sender.length
  headerWords[CONTROL_LENGTH_WORDS] = control.length

  let length = recvmsg(fd, header, MSG_DONTWAIT | MSG_TRUNC)
  while (length === -1) {
    const error = errno()
    if (error === EAGAIN) return undefined
    if (error === ENOBUFS) throw new OverflowError()
    if (error !== EINTR) throw new SystemCallError('recvmsg', error)
    length = recvmsg(fd, header, MSG_DONTWAIT | MSG_TRUNC)
  }

  let datagram: Datagram
  if (length <= room) {
    datagram = new Datagram(slab, word(senderWords, 1), word(senderWords, 2), length, used, used + length)
    used += align(length)
  } else {
    const bytes = Buffer.concat([slab.subarray(used), spill.subarray(0, length - room)])
    datagram = new Datagram(bytes, word(senderWords, 1), word(senderWords, 2), length)
  }
  const controlLength = word(headerWords, CONTROL_LENGTH_WORDS)
  if (controlLength > 0) readControl(datagram, control, controlLength)
  return datagram
}

/**
 * Datagrams taken at once. V8 counts their areas though nobody touches them: from 64 MiB on it collects
 * garbage at the first request of each process and thread (docs/measurements.md, Start of programs).
 */
const SLOTS = 8
/**
 * From one slot's area to the next: no power of two, or all areas compete for the same lines of the cache.
 */
const STRIDE = SPILL_SIZE + 4096 + 64
/** struct mmsghdr: a struct msghdr, the length received, padding. */
const SLOT_HEADER = 64
const SLOT_HEADER_WORDS = 16
const SLOT_LENGTH_WORDS = 14

/** Where {@link receiveDatagrams} receives into: a spill area, a name and control messages for each slot. */
interface Slots {
  readonly headers: Buffer
  readonly headerWords: Uint32Array
  readonly senderWords: Uint32Array
  readonly vectors: Buffer
  readonly senders: Buffer
  readonly controls: Buffer
  readonly areas: Buffer
  readonly areaWords: Uint32Array
}
let slots: Slots | undefined

/**
 * Takes several datagrams from the socket in one system call, undefined if there is none; each is copied out
 * of its slot. For many small messages: a call costs more than a copy.
 * @param most most datagrams to take: 8 at most, and if not given
 * @param isAwaited asked about each bare acknowledgement of the kernel that comes before anything else: those
 * it returns true for are not among the results, and neither copied nor made objects
 * @throws OverflowError, SystemCallError
 */
export function receiveDatagrams(
  fd: number,
  most: number = SLOTS,
  isAwaited?: (sequence: number, portId: number) => boolean,
): Datagram[] | undefined {
  slots ??= prepareSlots()
  const { headers, headerWords, senderWords, controls } = slots
  for (let at = 0; at < most * SLOT_HEADER_WORDS; at += SLOT_HEADER_WORDS) {
    headerWords[at + NAME_LENGTH_WORDS] = sender.length
    headerWords[at + CONTROL_LENGTH_WORDS] = control.length
  }
  const flags = MSG_DONTWAIT | MSG_TRUNC
  let count = recvmmsg(fd, headers, most, flags, null)
  while (count === -1) {
    const error = errno()
    if (error === EAGAIN) return undefined
    if (error === ENOBUFS) throw new OverflowError()
    if (error !== EINTR) throw new SystemCallError('recvmmsg', error)
    count = recvmmsg(fd, headers, most, flags, null)
  }

  const datagrams: Datagram[] = []
  for (let i = 0; i < count; i++) {
    const at = i * SLOT_HEADER_WORDS
    const length = word(headerWords, at + SLOT_LENGTH_WORDS)
    const portId = word(senderWords, i * SENDER_WORDS + 1)
    const groups = word(senderWords, i * SENDER_WORDS + 2)
    if (isAwaited !== undefined && datagrams.length === 0 && portId === 0 && groups === 0) {
      const { areas, areaWords } = slots
      if (length === ACKNOWLEDGEMENT_LENGTH && isAcknowledgement(areas, i * STRIDE)) {
        const from = (i * STRIDE) / 4
        if (isAwaited(word(areaWords, from + 2), word(areaWords, from + 3))) continue
      }
    }
    const datagram = keep(slots, i * STRIDE, length, portId, groups)
    const controlLength = word(headerWords, at + CONTROL_LENGTH_WORDS)
    if (controlLength > 0)
      readControl(datagram, controls.subarray(i * control.length, (i + 1) * control.length), controlLength)
    datagrams.push(datagram)
  }
  return datagrams
}

/** A struct nlmsghdr, the error 0, and the request's header. */
const ACKNOWLEDGEMENT_LENGTH = 2 * NLMSG_HDRLEN + 4

/** Whether the bytes at `start` are an acknowledgement of that length. */
function isAcknowledgement(bytes: Buffer, start: number): boolean {
  return (
    readU32(bytes, start) === ACKNOWLEDGEMENT_LENGTH &&
    readU16(bytes, start + 4) === NLMSG_ERROR &&
    readU32(bytes, start + NLMSG_HDRLEN) === 0
  )
}

/** Up to this size a copy word by word is faster than a call. */
const FEW = 128

/** Copies a datagram to the slab, or to a buffer of its own if it is large. */
function keep(
  { areas: area, areaWords }: Slots,
  start: number,
  length: number,
  portId: number,
  groups: number,
): Datagram {
  if (length > LARGEST_DUMP) {
    const bytes = Buffer.from(area.subarray(start, start + Math.min(length, SPILL_SIZE)))
    return new Datagram(bytes, portId, groups, length)
  }
  if (slab.length - used < length) startSlab()
  if (length > FEW) area.copy(slab, used, start, start + length)
  else
    for (let from = start / 4, to = used / 4, left = length; left > 0; left -= 4)
      slabWords[to++] = areaWords[from++] as number
  const datagram = new Datagram(slab, portId, groups, length, used, used + length)
  used += align(length)
  return datagram
}

function prepareSlots(): Slots {
  const headers = Buffer.alloc(SLOTS * SLOT_HEADER)
  const vectors = Buffer.alloc(SLOTS * 16)
  const senders = Buffer.alloc(SLOTS * sender.length)
  const controls = Buffer.alloc(SLOTS * control.length)
  const areas = Buffer.allocUnsafeSlow(SLOTS * STRIDE)
  for (let i = 0; i < SLOTS; i++) {
    writeWord(vectors, addressOf(areas) + i * STRIDE, i * 16)
    writeWord(vectors, SPILL_SIZE, i * 16 + 8)
    writeWord(headers, addressOf(senders) + i * sender.length, i * SLOT_HEADER)
    writeWord(headers, addressOf(vectors) + i * 16, i * SLOT_HEADER + 16)
    writeWord(headers, 1, i * SLOT_HEADER + 24)
    writeWord(headers, addressOf(controls) + i * control.length, i * SLOT_HEADER + 32)
  }
  return {
    headers,
    headerWords: wordsOf(headers),
    vectors,
    senders,
    senderWords: wordsOf(senders),
    controls,
    areas,
    areaWords: wordsOf(areas),
  }
}

/** The same memory as words. */
function wordsOf(buffer: Buffer): Uint32Array {
  return new Uint32Array(buffer.buffer, buffer.byteOffset, buffer.length / 4)
}

function word(words: Uint32Array, index: number): number {
  return words[index] as number
}

/** Writes a 64-bit pointer into the two words from `index` on. */
function setPointer(words: Uint32Array, index: number, address: number): void {
  const low = address % 0x100000000
  words[index + LOW] = low
  words[index + 1 - LOW] = (address - low) / 0x100000000
}

function startSlab(): void {
  slab = Buffer.allocUnsafeSlow(SLAB_SIZE)
  slabWords = wordsOf(slab)
  slabAddress = addressOf(slab)
  used = 0
}

/** What NETLINK_PKTINFO (struct nl_pktinfo) and NETLINK_LISTEN_ALL_NSID (an int) add. */
function readControl(datagram: Datagram, control: Buffer, end: number): void {
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
