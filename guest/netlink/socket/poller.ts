// SPDX-License-Identifier: MIT
/**
 * Waiting for any number of sockets on one thread: an epoll instance whose descriptor is in node's event
 * loop.
 *
 * Registered once and edge-triggered, a socket needs no system call for each wait; libuv's level-triggered
 * handles need two. epoll_wait on koffi's threads would occupy one of libuv's four while anybody waits, need
 * an eventfd to wake it, and cost two thread switches for each event.
 */
import koffi, { type node } from 'koffi'
import { readU32, writeU32 } from '../codec/integers.ts'
import { SystemCallError } from './errors.ts'
import { close, epollControl, epollCreate, epollWait, errno } from './libc.ts'

const EPOLL_CLOEXEC = 0o2000000
const EPOLL_CTL_ADD = 1
const EPOLL_CTL_DEL = 2
const EPOLLIN = 0x1
const EPOLLET = 0x80000000

/** struct epoll_event is packed on x86 only (include/uapi/linux/eventpoll.h). */
const packed = process.arch === 'x64' || process.arch === 'ia32'
const EVENT_SIZE = packed ? 12 : 16
const DATA_OFFSET = packed ? 4 : 8
const EVENTS_AT_ONCE = 64

interface Epoll {
  readonly fd: number
  readonly handle: node.PollHandle
  readonly watched: Map<number, () => void>
}

let epoll: Epoll | undefined
let holds = 0
const event = Buffer.alloc(EVENT_SIZE)
const events = Buffer.alloc(EVENT_SIZE * EVENTS_AT_ONCE)

/** Calls `onReadable` whenever something more can be read from `fd`, an error too, until {@link unwatch}. */
export function watch(fd: number, onReadable: () => void): void {
  epoll ??= open()
  writeU32(event, (EPOLLIN | EPOLLET) >>> 0, 0)
  writeU32(event, fd, DATA_OFFSET)
  if (epollControl(epoll.fd, EPOLL_CTL_ADD, fd, event) !== 0) throw new SystemCallError('epoll_ctl', errno())
  epoll.watched.set(fd, onReadable)
}

/** To be called before `fd` is closed. With the last socket the epoll instance is closed too. */
export function unwatch(fd: number): void {
  if (epoll === undefined || !epoll.watched.delete(fd)) return
  epollControl(epoll.fd, EPOLL_CTL_DEL, fd, null)
  if (epoll.watched.size > 0) return
  epoll.handle.close()
  close(epoll.fd)
  epoll = undefined
}

/** Keeps the process alive until {@link release} has been called as often. */
export function hold(): void {
  if (holds++ === 0) epoll?.handle.ref()
}

/** See {@link hold}. */
export function release(): void {
  if (--holds === 0) epoll?.handle.unref()
}

function open(): Epoll {
  const fd = epollCreate(EPOLL_CLOEXEC)
  if (fd === -1) throw new SystemCallError('epoll_create1', errno())
  const handle = koffi.node.poll(fd, { readable: true }, dispatch)
  if (holds === 0) handle.unref()
  return { fd, handle, watched: new Map() }
}

function dispatch(): void {
  if (epoll === undefined) return
  const count = epollWait(epoll.fd, events, EVENTS_AT_ONCE, 0)
  // first collected, then called: the callbacks may watch and unwatch
  const ready: (() => void)[] = []
  for (let i = 0; i < count; i++) {
    const onReadable = epoll.watched.get(readU32(events, i * EVENT_SIZE + DATA_OFFSET))
    if (onReadable) ready.push(onReadable)
  }
  for (const onReadable of ready) onReadable()
}
