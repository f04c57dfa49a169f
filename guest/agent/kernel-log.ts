// SPDX-License-Identifier: MIT
import fs from 'node:fs'
import { constants } from 'node:os'
import koffi from 'koffi'
import type { Port } from './port.ts'

const SEEK_SET = 0
const SEEK_END = 2
/** The kernel's longest record (CONSOLE_EXT_LOG_MAX, PRINTK_MESSAGE_MAX). */
const LONGEST_RECORD = 8192
/** Bytes that are sent in one turn of the event loop: the agent has to answer the host during a flood. */
const AT_ONCE = 3 * LONGEST_RECORD
/** Above this number of records, a mark behind them is cheaper than reading them. */
const FLOOD = 32

const libc = koffi.load('libc.so.6')
const lseek = libc.func('int64_t lseek(int, int64_t, int)') as (
  fd: number,
  offset: number,
  whence: number,
) => number
/**
 * Not fs.readSync: it throws where there is nothing to read, which is slow (docs/measurements.md, Kernel
 * log).
 */
const readNow = libc.func('int read(int, uintptr_t, size_t)') as (
  fd: number,
  address: number,
  length: number,
) => number
const schedYield = libc.func('int sched_yield()') as () => number
const fdopen = libc.func('void *fdopen(int, const char *)') as (fd: number, mode: string) => unknown
const setvbuf = libc.func('int setvbuf(void *, uintptr_t, int, size_t)') as (
  stream: unknown,
  address: number,
  mode: number,
  size: number,
) => number
const fread = libc.func('size_t fread(uintptr_t, size_t, size_t, void *)') as (
  address: number,
  size: number,
  count: number,
  stream: unknown,
) => number
/** poll.h: struct pollfd is the descriptor (int), the requested and the returned events (short). */
const poll = libc.func('int poll(void *, uint64_t, int)') as unknown as {
  async(
    files: Buffer,
    count: number,
    timeout: number,
    done: (error: Error | null, ready: number) => void,
  ): void
}
const POLLIN = 1
const clearerr = libc.func('void clearerr(void *)') as (stream: unknown) => void
/** stdio.h: fully buffered. */
const _IOFBF = 0

const openLog = () => fs.openSync('/dev/kmsg', fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)

/**
 * Whether a read ended at the end of the log; false where it met overwritten records, behind which it can go
 * on.
 */
function hasAll(): boolean {
  const code = koffi.errno()
  if (code === constants.errno.EAGAIN) return true
  // EPIPE: records were overwritten. Returned once; then reading goes on with the oldest record.
  if (code === constants.errno.EPIPE || code === constants.errno.EINTR) return false
  throw new Error(`cannot read /dev/kmsg: errno ${code}`)
}

/**
 * The kernel log as bytes, without waiting. A read(2) returns one record only; fread(3) makes as many reads
 * as it needs in one call from JavaScript (docs/measurements.md, Kernel log).
 */
class KernelLogBytes {
  readonly buffer = Buffer.allocUnsafeSlow(AT_ONCE)
  readonly #address = Number(koffi.address(this.buffer))
  readonly #fd = openLog()
  readonly #stream = fdopen(this.#fd, 'r')
  /** The stream's buffer: keeps what does not fit into {@link buffer} until the next read. */
  readonly #rest = Buffer.allocUnsafeSlow(LONGEST_RECORD)

  readonly #waited = Buffer.alloc(8)

  constructor() {
    this.#waited.writeInt32LE(this.#fd, 0)
    this.#waited.writeInt16LE(POLLIN, 4)
    // The kernel drops a record that does not fit into a read. With a buffer of this size glibc makes no
    // smaller read: it reads into ours by multiples of this size, and the rest through its own buffer.
    if (setvbuf(this.#stream, Number(koffi.address(this.#rest)), _IOFBF, LONGEST_RECORD) !== 0)
      throw new Error('setvbuf failed: reads of the kernel log might lose records')
  }

  /** Fills the buffer with as much as there is. @returns how many bytes */
  read(): number {
    for (let length = 0; ; ) {
      length += fread(this.#address + length, 1, AT_ONCE - length, this.#stream)
      if (length === AT_ONCE || hasAll()) return length
      clearerr(this.#stream)
    }
  }

  /**
   * Calls back when there is more to read. To be called when all has been read. Waits in a thread of libuv.
   */
  whenMore(callback: () => void): void {
    poll.async(this.#waited, 1, -1, error => {
      if (error) throw error
      callback()
    })
  }
}

/**
 * Sends every record of the kernel log as it comes, from the oldest one on, in the format of /dev/kmsg
 * (Documentation/ABI/testing/dev-kmsg): "priority,sequence,microseconds,flags;text\n". Gaps in the sequence
 * numbers show losses. It polls instead of a blocking read by a second descriptor, which has to be moved to
 * the end of the log first: there 5.10 counts all records (docs/measurements.md, Kernel log).
 */
export function forwardKernelLog(port: Port): void {
  const log = new KernelLogBytes()
  const forward = () => {
    const length = log.read()
    if (length > 0) port.sendBytes(log.buffer.subarray(0, length))
    if (length === AT_ONCE) setImmediate(forward)
    else log.whenMore(forward)
  }
  forward()
}

/** The kernel log's records one by one, without waiting. */
class KernelLogRecords {
  readonly #fd = openLog()
  readonly buffer = Buffer.allocUnsafeSlow(LONGEST_RECORD)
  readonly #address = Number(koffi.address(this.buffer))

  /** @param whence where to read on: at the oldest record (SEEK_SET), or after the last one (SEEK_END) */
  seek(whence: number): void {
    lseek(this.#fd, 0, whence)
  }

  /**
   * Reads the next record into the buffer; returns its length, or undefined if there is none yet. Overwritten
   * records are passed over.
   */
  next(): number | undefined {
    for (;;) {
      const length = readNow(this.#fd, this.#address, LONGEST_RECORD)
      if (length >= 0) return length
      if (hasAll()) return undefined
    }
  }
}

/**
 * The position of the kernel log, as the number of its next record, and whether a report may have come. Costs
 * one system call if nothing was logged since the last look.
 */
export class KernelLogPosition {
  readonly #records = new KernelLogRecords()
  #next = 0
  /** Matches any line until {@link lookFor} is called. */
  #beginning = /^/
  /** The last record in which a report may begin, or which was not read. */
  #suspect = -1

  /** The argument of {@link lookFor}. */
  get beginning(): string {
    return this.#beginning.source
  }

  /** Sets the lines that begin the kernel's reports, as the source of a regular expression. */
  lookFor(beginning: string): void {
    if (beginning === this.#beginning.source) return
    this.#beginning = new RegExp(beginning)
    // V8 compiles it at the second use: before the template is saved, not in each guest.
    for (let use = 0; use < 2; use++) this.#beginning.test('')
  }

  /** Whether a report may begin in the records from this sequence number on. False: there is none. */
  mayHoldReport(from: number): boolean {
    return this.#suspect >= from
  }

  /** The sequence number that the next record will have. */
  get next(): number {
    if (this.#look(FLOOD) === FLOOD) {
      // Only the number of the end is wanted; after a seek there is nothing to read until a record comes.
      this.#records.seek(SEEK_END)
      try {
        markKernelLog('netlink-vmtest: the log up to here')
      } catch {
        // A test without privileges: all records have to be read.
      }
      if (this.#skip() === 0) {
        this.#records.seek(SEEK_SET)
        this.#skip()
      }
      this.#suspect = this.#next - 1
    }
    return this.#next
  }

  /** Reads at most that many records; returns how many there were. */
  #look(most: number): number {
    let count = 0
    for (; count < most; count++) {
      const length = this.#records.next()
      if (length === undefined) break
      // A module that sleeps with preemption off leaves a preemption count with which any page fault ends
      // this process (SIGSEGV), until the scheduler corrects it.
      if (count === 0) schedYield()
      const record = this.#records.buffer.toString('latin1', 0, length)
      const sequence = sequenceOf(record)
      this.#next = sequence + 1
      if (mayBeginReport(record, this.#beginning)) this.#suspect = sequence
    }
    return count
  }

  /** Passes over all records; returns how many there were. */
  #skip(): number {
    let count = 0
    let last = 0
    for (let length = this.#records.next(); length !== undefined; length = this.#records.next()) {
      count++
      last = length
    }
    // the head of the last record is enough
    if (count > 0) this.#next = sequenceOf(this.#records.buffer.toString('latin1', 0, Math.min(last, 64))) + 1
    return count
  }
}

function sequenceOf(record: string): number {
  return Number.parseInt(record.slice(record.indexOf(',') + 1), 10)
}

/**
 * Whether a report of the kernel may begin in a record. False: none does; the host, which reads the log
 * itself, finds none either.
 * @param record as /dev/kmsg has it: "priority,sequence,microseconds,flags;text\n", and perhaps key=value
 * lines
 * @param beginning matches any line that a report can begin with
 */
export function mayBeginReport(record: string, beginning: RegExp): boolean {
  // A priority of one digit is the kernel's own (facility 0); records of programs never count.
  if (record[1] !== ',') return false
  const text = record.slice(record.indexOf(';') + 1, record.indexOf('\n'))
  // "\x0a" is a newline inside a record.
  return text.includes('\\x') || beginning.test(text)
}

/** Whether programs may write to the log: "on", "ratelimit" or "off"; a test may change it. */
const PRINTK_DEVKMSG = '/proc/sys/kernel/printk_devkmsg'

/**
 * Writes a line into the kernel log, even if a test has forbidden it: the mark tells the host where the log
 * ends. Opens a new descriptor, because the kernel limits each to ten lines in five seconds.
 */
export function markKernelLog(text: string): void {
  // <15>: facility user, level debug, which no console shows. Without a newline the record stays open and
  // cannot be read before the next one.
  const write = () => fs.writeFileSync('/dev/kmsg', `<15>${text}\n`, { flag: 'w' })
  try {
    write()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
    const forbidden = fs.readFileSync(PRINTK_DEVKMSG, 'utf8')
    fs.writeFileSync(PRINTK_DEVKMSG, 'on\n')
    try {
      write()
    } finally {
      fs.writeFileSync(PRINTK_DEVKMSG, forbidden)
    }
  }
}
