// SPDX-License-Identifier: MIT
/**
 * Raw system calls, on the calling thread: glibc's setresuid() and the like change all threads of the
 * process, and glibc has no functions for some of these calls.
 */
import koffi from 'koffi'
import { SystemCallError } from '../netlink/index.ts'

// arch/x86/entry/syscalls/syscall_64.tbl; include/uapi/asm-generic/unistd.h
const numbers = {
  x64: {
    getgroups: 115,
    setgroups: 116,
    setresuid: 117,
    setresgid: 119,
    capget: 125,
    capset: 126,
    delete_module: 176,
    unshare: 272,
    recvmmsg: 299,
    setns: 308,
    finit_module: 313,
  },
  arm64: {
    capget: 90,
    capset: 91,
    unshare: 97,
    recvmmsg: 243,
    delete_module: 106,
    setresuid: 147,
    setresgid: 149,
    getgroups: 158,
    setgroups: 159,
    setns: 268,
    finit_module: 273,
  },
}

/** The system calls in use. */
export type SystemCall = keyof (typeof numbers)['x64']

const libc = koffi.load(null)
const withNumbers = libc.func('long syscall(long, long, long, long)') as (
  number: number,
  ...args: [number, number, number]
) => number
const withText = libc.func('long syscall(long, const char *, long)') as (
  number: number,
  text: string,
  argument: number,
) => number
const withNumberAndText = libc.func('long syscall(long, long, const char *, long)') as (
  number: number,
  argument: number,
  text: string,
  flags: number,
) => number

const withBuffers = libc.func('long syscall(long, void *, void *)') as (
  number: number,
  first: Buffer,
  second: Buffer,
) => number

const withNumberAndBuffer = libc.func('long syscall(long, long, void *)') as (
  number: number,
  count: number,
  buffer: Buffer | null,
) => number

const withMessages = libc.func('long syscall(long, long, void *, long, long, void *)') as (
  number: number,
  fd: number,
  messages: Buffer,
  count: number,
  flags: number,
  timeout: null,
) => number

/** Kept from before any test. */
const { arch } = process

function numberOf(name: SystemCall): number {
  if (arch !== 'x64' && arch !== 'arm64')
    throw new Error(`the number of ${name} on ${arch} is not known here`)
  return numbers[arch][name]
}

function check(name: SystemCall, result: number): void {
  if (result === -1) throw new SystemCallError(name, koffi.errno())
}

/** @throws SystemCallError */
export function setEffectiveUser(uid: number): void {
  check('setresuid', withNumbers(numberOf('setresuid'), -1, uid, -1))
}

/** @throws SystemCallError */
export function setEffectiveGroup(gid: number): void {
  check('setresgid', withNumbers(numberOf('setresgid'), -1, gid, -1))
}

/** @throws SystemCallError */
export function setRealUser(uid: number): void {
  check('setresuid', withNumbers(numberOf('setresuid'), uid, -1, -1))
}

/** @throws SystemCallError */
export function setRealGroup(gid: number): void {
  check('setresgid', withNumbers(numberOf('setresgid'), gid, -1, -1))
}

/** The supplementary groups, as the kernel's array of gid_t. @throws SystemCallError */
export function supplementaryGroups(): Buffer {
  const count = withNumberAndBuffer(numberOf('getgroups'), 0, null)
  const groups = Buffer.alloc(4 * count)
  check('getgroups', withNumberAndBuffer(numberOf('getgroups'), count, groups))
  return groups
}

/** @throws SystemCallError */
export function setSupplementaryGroups(groups: Buffer): void {
  check('setgroups', withNumberAndBuffer(numberOf('setgroups'), groups.length / 4, groups))
}

/** @throws SystemCallError */
export function unshare(flags: number): void {
  check('unshare', withNumbers(numberOf('unshare'), flags, 0, 0))
}

/** @throws SystemCallError */
export function setns(fd: number, kind: number): void {
  check('setns', withNumbers(numberOf('setns'), fd, kind, 0))
}

/** @throws SystemCallError */
export function finitModule(fd: number, parameters: string): void {
  check('finit_module', withNumberAndText(numberOf('finit_module'), fd, parameters, 0))
}

/** @throws SystemCallError */
export function deleteModule(name: string, flags: number): void {
  check('delete_module', withText(numberOf('delete_module'), name, flags))
}

/**
 * Replaces the effective capabilities, a mask, by what `change` returns; the permitted ones stay. struct
 * __user_cap_header_struct and __user_cap_data_struct of include/uapi/linux/capability.h.
 * @returns the mask before
 * @throws SystemCallError EPERM for a capability that is not permitted
 */
export function changeEffectiveCapabilities(change: (effective: bigint) => bigint): bigint {
  const header = Buffer.alloc(8)
  header.writeUInt32LE(0x20080522, 0) // _LINUX_CAPABILITY_VERSION_3; the pid 0 is the calling thread
  const data = Buffer.alloc(24)
  check('capget', withBuffers(numberOf('capget'), header, data))
  const before = BigInt(data.readUInt32LE(0)) | (BigInt(data.readUInt32LE(12)) << 32n)
  const after = change(before)
  data.writeUInt32LE(Number(after & 0xffffffffn), 0)
  data.writeUInt32LE(Number(after >> 32n), 12)
  check('capset', withBuffers(numberOf('capset'), header, data))
  return before
}

/** A struct mmsghdr for each datagram that is taken at once, without buffers for content. */
const DISCARDED = 64
const discarded = Buffer.alloc(DISCARDED * 64)
const EAGAIN = 11
const MSG_DONTWAIT = 0x40

/**
 * Empties a socket's receive buffer without copying or decoding: for thousands of messages whose content does
 * not matter.
 * @returns how many datagrams there were
 * @throws SystemCallError, ENOBUFS where the kernel has lost some
 */
export function discardReceived(fd: number): number {
  let count = 0
  for (;;) {
    const taken = withMessages(numberOf('recvmmsg'), fd, discarded, DISCARDED, MSG_DONTWAIT, null)
    if (taken === -1 && koffi.errno() === EAGAIN) return count
    check('recvmmsg', taken)
    count += taken
  }
}
