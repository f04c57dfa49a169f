// SPDX-License-Identifier: MIT
import fs from 'node:fs'
import koffi from 'koffi'

/**
 * What a restored guest must not share with other guests of its template: the time, and randomness. Processes
 * renew theirs by `renewProcess`.
 */
const libc = koffi.load('libc.so.6')
const settime = libc.func('int clock_settime(int clock, const void *time)')
const ioctl = libc.func('int ioctl(int fd, unsigned long request, const void *argument)')

const CLOCK_REALTIME = 0
/** _IOW('R', 3, int[2]) and _IO('R', 7) of linux/random.h; the second exists since 4.14. */
const RNDADDENTROPY = 0x40085203
const RNDRESEEDCRNG = 0x5207

/**
 * Sets the clock, gives the kernel's random generator new, credited entropy, and reseeds it at once: kernels
 * without a driver for VMGENID (before 5.18) do not notice that they were copied.
 * @param time milliseconds since 1970
 */
export function renewKernel(time: number, entropy: Uint8Array): void {
  const timespec = Buffer.alloc(16)
  timespec.writeBigInt64LE(BigInt(Math.floor(time / 1000)), 0)
  timespec.writeBigInt64LE(BigInt(Math.floor((time % 1000) * 1e6)), 8)
  if (settime(CLOCK_REALTIME, timespec) !== 0) throw new Error('clock_settime failed')

  const pool = Buffer.alloc(8 + entropy.length) // struct rand_pool_info: bits, bytes, the bytes
  pool.writeInt32LE(entropy.length * 8, 0)
  pool.writeInt32LE(entropy.length, 4)
  pool.set(entropy, 8)
  const fd = fs.openSync('/dev/urandom', 'w')
  try {
    if (ioctl(fd, RNDADDENTROPY, pool) !== 0) throw new Error('the random pool took no entropy')
    if (ioctl(fd, RNDRESEEDCRNG, null) !== 0) throw new Error('the random generator did not reseed')
  } finally {
    fs.closeSync(fd)
  }
}
