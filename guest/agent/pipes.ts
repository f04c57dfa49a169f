// SPDX-License-Identifier: MIT
import fs from 'node:fs'
import koffi from 'koffi'

/** stdin, stdout and stderr of programs, made by hand: node's own pipes are sockets. */
const libc = koffi.load('libc.so.6')
const pipe2 = libc.func('int pipe2(void *ends, int flags)')
const ioctl = libc.func('int ioctl(int fd, unsigned long request, void *argument)')

const O_CLOEXEC = 0o2000000
// asm-generic/ioctls.h
const TIOCSWINSZ = 0x5414
const TIOCSPTLCK = 0x40045431
const TIOCGPTN = 0x80045430

/** The size of a terminal's window, in characters. */
export interface WindowSize {
  readonly columns: number
  readonly rows: number
}

/** A real pipe: a socket cannot be opened again, and scripts write to /dev/stdout and /dev/stderr. */
export function openPipe(): { readonly readEnd: number; readonly writeEnd: number } {
  const ends = Buffer.alloc(8)
  if (pipe2(ends, O_CLOEXEC) !== 0) throw new Error(`pipe2 failed with errno ${koffi.errno()}`)
  return { readEnd: ends.readInt32LE(0), writeEnd: ends.readInt32LE(4) }
}

/** A pseudo-terminal: pty(7). The caller closes both ends. */
export function openTerminal(size: WindowSize): { readonly master: number; readonly slave: number } {
  const flags = fs.constants.O_RDWR | fs.constants.O_NOCTTY
  const master = fs.openSync('/dev/ptmx', flags)
  const number = Buffer.alloc(4)
  if (ioctl(master, TIOCSPTLCK, Buffer.alloc(4)) !== 0 || ioctl(master, TIOCGPTN, number) !== 0)
    throw new Error(`no pseudo-terminal: errno ${koffi.errno()}`)
  resize(master, size)
  return { master, slave: fs.openSync(`/dev/pts/${number.readInt32LE(0)}`, flags) }
}

/** Sets the size of the terminal's window, for which its programs get SIGWINCH. */
export function resize(master: number, { columns, rows }: WindowSize): void {
  const winsize = Buffer.alloc(8) // rows, columns, and pixels, which stay 0
  winsize.writeUInt16LE(rows, 0)
  winsize.writeUInt16LE(columns, 2)
  ioctl(master, TIOCSWINSZ, winsize)
}
