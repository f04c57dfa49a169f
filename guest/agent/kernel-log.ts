import fs from 'node:fs'
import { constants } from 'node:os'
import koffi from 'koffi'
import type { Port } from './port.ts'

const SEEK_SET = 0
const SEEK_END = 2
/** The kernel writes no longer records (CONSOLE_EXT_LOG_MAX, PRINTK_MESSAGE_MAX). */
const LONGEST_RECORD = 8192
/** So many records of usual length are sent before others have a turn: a flood must not keep the agent from answering. */
const AT_ONCE = 256
const USUAL_RECORD = 64
/** So many records cost as much to read as a mark behind them all. */
const FLOOD = 32

const libc = koffi.load('libc.so.6')
const lseek = libc.func('int64_t lseek(int, int64_t, int)') as (
  fd: number,
  offset: number,
  whence: number,
) => number
/** Not fs.readSync: an exception for each time that there is nothing would cost every test half a millisecond under emulation. */
const readNow = libc.func('int read(int, uintptr_t, size_t)') as (
  fd: number,
  address: number,
  length: number,
) => number

/**
 * Reads what is in the kernel log, never waiting for more. Of each record it costs a system call, which gives no more than one,
 * and makes no objects: a module that prints for each message makes thousands.
 */
class KernelLogReader {
  readonly #fd = fs.openSync('/dev/kmsg', fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
  readonly buffer: Buffer
  readonly #address: number

  /** @param size of the buffer: bytes, at least those of one record */
  constructor(size: number) {
    this.buffer = Buffer.allocUnsafeSlow(size)
    this.#address = Number(koffi.address(this.buffer))
  }

  /** @param whence where it goes on reading: at the oldest record that is left (SEEK_SET), or after the last one (SEEK_END) */
  seek(whence: number): void {
    lseek(this.#fd, 0, whence)
  }

  /**
   * Puts the next record into the buffer, where there must be room for the longest; returns its length, or undefined when there is
   * none yet. Records that were overwritten are passed over.
   */
  next(offset: number): number | undefined {
    for (;;) {
      const length = readNow(this.#fd, this.#address + offset, LONGEST_RECORD)
      if (length >= 0) return length
      const code = koffi.errno()
      if (code === constants.errno.EAGAIN) return undefined
      // Overtaken: said once, then reading goes on with the oldest record that is left.
      if (code !== constants.errno.EPIPE && code !== constants.errno.EINTR)
        throw new Error(`cannot read /dev/kmsg: errno ${code}`)
    }
  }
}

/**
 * Sends every record of the kernel log as it comes, from the oldest that is still there, as /dev/kmsg gives it
 * (Documentation/ABI/testing/dev-kmsg): "priority,sequence,microseconds,flags;text\n". Gaps in the sequence numbers show what
 * was lost. One descriptor waits for news, at the end of the log, and another reads them: a wait for each record in a thread
 * of libuv's would be overtaken by a kernel that says much.
 */
export function forwardKernelLog(port: Port): void {
  const bell = fs.openSync('/dev/kmsg', 'r')
  const ring = Buffer.allocUnsafeSlow(LONGEST_RECORD)
  const reader = new KernelLogReader(AT_ONCE * USUAL_RECORD + LONGEST_RECORD)
  const wait = () =>
    fs.read(bell, ring, 0, ring.length, null, error => {
      if (error && (error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
      forward()
    })
  const forward = () => {
    // First to the end, then read: what comes in between rings at once.
    lseek(bell, 0, SEEK_END)
    let length = 0
    let record = reader.next(length)
    while (record !== undefined) {
      length += record
      if (length > AT_ONCE * USUAL_RECORD) break
      record = reader.next(length)
    }
    if (length > 0) port.sendBytes(reader.buffer.subarray(0, length))
    if (record !== undefined) setImmediate(forward)
    else wait()
  }
  forward()
}

/** Where the kernel log is, as a number of its next record: a system call where nothing was logged since it was asked. */
export class KernelLogPosition {
  readonly #reader = new KernelLogReader(LONGEST_RECORD)
  #next = 0

  /** The sequence number that the next record will have. */
  get next(): number {
    if (this.#read(FLOOD) === FLOOD) {
      // Only the end is wanted, and its number. After a seek there is nothing to read until something comes.
      this.#reader.seek(SEEK_END)
      try {
        markKernelLog('netlink-vmtest: the log up to here')
      } catch {
        // EPERM: a test has forbidden it (printk_devkmsg=off), and all has to be read.
      }
      if (this.#read(Infinity) === 0) {
        this.#reader.seek(SEEK_SET)
        this.#read(Infinity)
      }
    }
    return this.#next
  }

  /** Reads so many records at most; returns how many there were. */
  #read(most: number): number {
    let count = 0
    let last = 0
    for (let length: number | undefined; count < most; count++) {
      length = this.#reader.next(0)
      if (length === undefined) break
      last = length
    }
    // "priority,sequence,...": the last one is still there
    const head = this.#reader.buffer.toString('latin1', 0, Math.min(last, 64))
    if (count > 0) this.#next = Number(head.split(',', 2)[1]) + 1
    return count
  }
}

/**
 * Writes a line into the kernel log. By a descriptor of its own: the kernel lets through only ten lines of each in five
 * seconds.
 */
export function markKernelLog(text: string): void {
  // <15>: facility user, level debug, which no console shows. Without a newline the record would stay open for more, and nobody
  // could read it before the next one comes.
  fs.writeFileSync('/dev/kmsg', `<15>${text}\n`, { flag: 'w' })
}
