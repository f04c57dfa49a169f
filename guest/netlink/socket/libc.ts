// SPDX-License-Identifier: MIT
/**
 * The C library's functions that the client calls. Every pointer argument is a Buffer laid out by hand: koffi
 * passes its address as it is, which is cheaper than marshalling a struct. Results are declared `int` where C
 * has `ssize_t`: no netlink datagram comes near 2 GiB, and a number needs no check for bigint.
 */
import koffi from 'koffi'

// null: the C library of node itself, glibc or musl
const libc = koffi.load(null)

export const socket = libc.func('int socket(int, int, int)') as (
  domain: number,
  type: number,
  protocol: number,
) => number

export const bind = libc.func('int bind(int, void *, uint32_t)') as (
  fd: number,
  address: Buffer,
  length: number,
) => number

export const getsockname = libc.func('int getsockname(int, void *, void *)') as (
  fd: number,
  address: Buffer,
  length: Buffer,
) => number

export const setsockopt = libc.func('int setsockopt(int, int, int, void *, uint32_t)') as (
  fd: number,
  level: number,
  option: number,
  value: Buffer,
  length: number,
) => number

export const getsockopt = libc.func('int getsockopt(int, int, int, void *, void *)') as (
  fd: number,
  level: number,
  option: number,
  value: Buffer,
  length: Buffer,
) => number

export const sendto = libc.func('int sendto(int, void *, size_t, int, void *, uint32_t)') as (
  fd: number,
  bytes: Uint8Array,
  length: number,
  flags: number,
  address: Buffer | null,
  addressLength: number,
) => number

export const recvmsg = libc.func('int recvmsg(int, void *, int)') as (
  fd: number,
  header: Buffer,
  flags: number,
) => number

export const recvmmsg = libc.func('int recvmmsg(int, void *, uint32_t, int, void *)') as (
  fd: number,
  headers: Buffer,
  count: number,
  flags: number,
  timeout: null,
) => number

/** Affects the calling thread only: node's main thread or a worker's. */
export const setns = libc.func('int setns(int, int)') as (fd: number, kind: number) => number

export const close = libc.func('int close(int)') as (fd: number) => number

export const epollCreate = libc.func('int epoll_create1(int)') as (flags: number) => number

export const epollControl = libc.func('int epoll_ctl(int, int, int, void *)') as (
  epoll: number,
  operation: number,
  fd: number,
  event: Buffer | null,
) => number

export const epollWait = libc.func('int epoll_wait(int, void *, int, int)') as (
  epoll: number,
  events: Buffer,
  count: number,
  milliseconds: number,
) => number

/** The calling thread's errno: to be read at once after a call that returned -1. */
export const errno = koffi.errno as () => number

/**
 * The address of a Buffer's first byte. It does not move: a Buffer's memory is outside the collected heap.
 */
export function addressOf(buffer: Buffer): number {
  // exact in a number: user-space addresses have at most 57 bits, those of malloc 47
  return Number(koffi.address(buffer))
}
