// SPDX-License-Identifier: MIT
import { constants, fstatSync, openSync } from 'node:fs'
import { constants as os } from 'node:os'
import koffi from 'koffi'
import { kmsgText } from '../agent/kmsg-text.ts'
import { SystemCallError } from '../netlink/index.ts'
import { requireBuiltIns } from './built-ins.ts'

/** The kernel's longest record (CONSOLE_EXT_LOG_MAX). */
const LONGEST_RECORD = 8192
const SEEK_END = 2
/** Records that are passed over one by one; behind more than that the descriptor is moved to the end. */
const FEW = 32

const libc = koffi.load(null)
const lseek = libc.func('int64_t lseek(int, int64_t, int)') as (
  fd: number,
  offset: number,
  whence: number,
) => number
/**
 * Not fs.readSync: it throws where there is nothing to read, which is slow (docs/measurements.md, Kernel
 * log).
 */
const readNow = libc.func('int read(int, void *, size_t)') as (
  fd: number,
  bytes: Buffer,
  length: number,
) => number

/**
 * Used descriptors, at the position where reading stopped. The next log goes on from there: to find the end
 * of the log, 5.10 counts all records (prb_next_seq() of kernel/printk/printk_ringbuffer.c;
 * docs/measurements.md, Kernel log).
 */
const spare: number[] = []

/** /dev/kmsg: Documentation/admin-guide/devices.txt. */
const KMSG = (1 << 8) | 11

/** A descriptor that a test has closed may be another file by now. */
function takeSpare(): number | undefined {
  for (;;) {
    const fd = spare.pop()
    if (fd === undefined || isKernelLog(fd)) return fd
  }
}

function isKernelLog(fd: number): boolean {
  try {
    return fstatSync(fd).rdev === KMSG
  } catch {
    return false
  }
}

/**
 * Messages that a kernel may log at any time, mostly on a slow machine whose clock jumps, and its note about
 * the first empty send.
 */
const chatter =
  /^(random: |clocksource: |hrtimer: interrupt took |perf: interrupt took |workqueue: .* hogged CPU |sched: RT throttling |Zero length message leads to an empty skb$)/

/** One record of the kernel log. */
export interface LogRecord {
  /** 0 (emergency) to 7 (debug): 6 is KERN_INFO. */
  readonly level: number
  /** As /dev/kmsg has it: a backslash, and all but printable ASCII, is \xHH. */
  readonly text: string
}

/**
 * The kernel log from a moment on: Documentation/ABI/testing/dev-kmsg. printk() writes a record before it
 * returns, so what a request logs can be read as soon as it has been sent.
 */
export class KernelLog implements Disposable {
  #fd: number | undefined
  readonly #buffer = Buffer.allocUnsafe(LONGEST_RECORD)

  private constructor(fd: number) {
    this.#fd = fd
  }

  /** Records from now on. */
  static fromNow(): KernelLog {
    const used = takeSpare()
    const log = new KernelLog(used ?? openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK))
    log.#skip(used === undefined ? 0 : FEW)
    return log
  }

  /**
   * What the kernel has logged since the last call, without records of user space and messages that may come
   * at any time.
   * @throws Error when records were overwritten before they were read
   */
  read(): LogRecord[] {
    requireBuiltIns()
    const records: LogRecord[] = []
    for (;;) {
      const record = this.#next()
      if (record === undefined) return records
      // "priority,sequence,microseconds,flags;text\n key=value\n": the priority's upper bits are the
      // facility, 0 the kernel
      const [, priority, text] = /^(\d+),[^;]*;([^\n]*)/.exec(record) ?? []
      if (priority !== undefined && text !== undefined && Number(priority) < 8 && !chatter.test(text))
        records.push({ level: Number(priority), text: kmsgText(text) })
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) spare.push(this.#fd)
    this.#fd = undefined
  }

  /** Passes over all records: reads them if there are no more than `most`. */
  #skip(most: number): void {
    for (let count = 0; count < most; count++) if (this.#read() === os.errno.EAGAIN) return
    if (this.#fd !== undefined) lseek(this.#fd, 0, SEEK_END)
  }

  #next(): string | undefined {
    const result = this.#read()
    if (typeof result === 'string') return result
    if (result === os.errno.EAGAIN) return undefined
    if (result === os.errno.EPIPE) throw new Error('records of the kernel log were overwritten unread')
    throw new SystemCallError('read', result)
  }

  /** The next record, or the errno of the system call. */
  #read(): string | number {
    if (this.#fd === undefined) throw new Error('this kernel log was disposed of')
    for (;;) {
      const length = readNow(this.#fd, this.#buffer, LONGEST_RECORD)
      if (length >= 0) return this.#buffer.toString('utf8', 0, length)
      const error = koffi.errno()
      if (error !== os.errno.EINTR) return error
    }
  }
}
