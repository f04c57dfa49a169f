import fs from 'node:fs'
import { constants } from 'node:os'
import koffi from 'koffi'
import type { Port } from './port.ts'

const SEEK_SET = 0
const SEEK_END = 2
/** The kernel writes no longer records (CONSOLE_EXT_LOG_MAX, PRINTK_MESSAGE_MAX). */
const LONGEST_RECORD = 8192
/** So many bytes are sent before others have a turn: a flood must not keep the agent from answering. */
const AT_ONCE = 3 * LONGEST_RECORD
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
/** poll.h: struct pollfd is the descriptor, a short of what is waited for, and one of what there is. */
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
/** stdio.h: a buffer is filled before it is read. */
const _IOFBF = 0

const openLog = () => fs.openSync('/dev/kmsg', fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)

/** Whether a read has ended for there is nothing yet, and not at records that were overwritten, behind which it goes on. */
function hasAll(): boolean {
  const code = koffi.errno()
  if (code === constants.errno.EAGAIN) return true
  // EPIPE: overtaken. Said once, then reading goes on with the oldest record that is left.
  if (code === constants.errno.EPIPE || code === constants.errno.EINTR) return false
  throw new Error(`cannot read /dev/kmsg: errno ${code}`)
}

/**
 * The kernel log as bytes, never waiting for more. A system call gives no more than one record, so fread(3) makes as many as it takes:
 * a module that prints for each message makes thousands of records, and of what each cost the agent under emulation, half was the
 * call from JavaScript.
 */
class KernelLogBytes {
  readonly buffer = Buffer.allocUnsafeSlow(AT_ONCE)
  readonly #address = Number(koffi.address(this.buffer))
  readonly #fd = openLog()
  readonly #stream = fdopen(this.#fd, 'r')
  /** Its own, where what does not fit into {@link buffer} stays until the next time. */
  readonly #rest = Buffer.allocUnsafeSlow(LONGEST_RECORD)

  readonly #waited = Buffer.alloc(8)

  constructor() {
    this.#waited.writeInt32LE(this.#fd, 0)
    this.#waited.writeInt16LE(POLLIN, 4)
    // The kernel drops a record that a read has no room for. With a buffer of this size glibc makes none that is smaller: it
    // reads into ours by multiples of it, and the last by way of its own.
    if (setvbuf(this.#stream, Number(koffi.address(this.#rest)), _IOFBF, LONGEST_RECORD) !== 0)
      throw new Error('setvbuf failed: reads of the kernel log might lose records')
  }

  /** Puts as much into the buffer as it has room for, or all that there is. @returns how many bytes */
  read(): number {
    for (let length = 0; ; ) {
      length += fread(this.#address + length, 1, AT_ONCE - length, this.#stream)
      if (length === AT_ONCE || hasAll()) return length
      clearerr(this.#stream)
    }
  }

  /** Calls back when there is more, once all that there was is read. Waits in a thread of libuv's. */
  whenMore(callback: () => void): void {
    poll.async(this.#waited, 1, -1, error => {
      if (error) throw error
      callback()
    })
  }
}

/**
 * Sends every record of the kernel log as it comes, from the oldest that is still there, as /dev/kmsg gives it
 * (Documentation/ABI/testing/dev-kmsg): "priority,sequence,microseconds,flags;text\n". Gaps in the sequence numbers show what
 * was lost. What is waited for is that there is something to read, and no record: another descriptor, which waits for the next one,
 * had to be moved to the log's end first, for which 5.10 counts all the records that there are, an eighth of all that QEMU ran.
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

/** The kernel log's records one by one, never waiting for more. */
class KernelLogRecords {
  readonly #fd = openLog()
  readonly buffer = Buffer.allocUnsafeSlow(LONGEST_RECORD)
  readonly #address = Number(koffi.address(this.buffer))

  /** @param whence where it goes on reading: at the oldest record that is left (SEEK_SET), or after the last one (SEEK_END) */
  seek(whence: number): void {
    lseek(this.#fd, 0, whence)
  }

  /**
   * Puts the next record into the buffer; returns its length, or undefined when there is none yet. Records that were overwritten are
   * passed over.
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
 * Where the kernel log is, as a number of its next record, and what was seen on the way: a system call where nothing was logged
 * since it was asked.
 */
export class KernelLogPosition {
  readonly #records = new KernelLogRecords()
  #next = 0
  /** Any line, until it is known what reports begin with. */
  #beginning = /^/
  /** The last record in which a report may begin, or which was not looked at. */
  #suspect = -1

  /** What {@link lookFor} was told. */
  get beginning(): string {
    return this.#beginning.source
  }

  /** Says what lines the kernel's reports begin with, as the source of a regular expression. */
  lookFor(beginning: string): void {
    if (beginning === this.#beginning.source) return
    this.#beginning = new RegExp(beginning)
    // V8 makes machine code of it at the second use: before the template is saved, and not in each guest.
    for (let use = 0; use < 2; use++) this.#beginning.test('')
  }

  /** Whether a report may begin in the records that were read, from this sequence number on. False: there is none. */
  mayHoldReport(from: number): boolean {
    return this.#suspect >= from
  }

  /** The sequence number that the next record will have. */
  get next(): number {
    if (this.#look(FLOOD) === FLOOD) {
      // Only the end is wanted, and its number. After a seek there is nothing to read until something comes.
      this.#records.seek(SEEK_END)
      try {
        markKernelLog('netlink-vmtest: the log up to here')
      } catch {
        // A test that has no privileges: all has to be read.
      }
      if (this.#skip() === 0) {
        this.#records.seek(SEEK_SET)
        this.#skip()
      }
      this.#suspect = this.#next - 1
    }
    return this.#next
  }

  /** Looks at so many records at most; returns how many there were. */
  #look(most: number): number {
    let count = 0
    for (; count < most; count++) {
      const length = this.#records.next()
      if (length === undefined) break
      // A module that sleeps with preemption off leaves a count behind with which any page fault ends this process (SIGSEGV),
      // until the kernel finds it out as it looks for what is to run next.
      if (count === 0) schedYield()
      const record = this.#records.buffer.toString('latin1', 0, length)
      const sequence = sequenceOf(record)
      this.#next = sequence + 1
      if (mayBeginReport(record, this.#beginning)) this.#suspect = sequence
    }
    return count
  }

  /** Passes over all others; returns how many there were. */
  #skip(): number {
    let count = 0
    let last = 0
    for (let length = this.#records.next(); length !== undefined; length = this.#records.next()) {
      count++
      last = length
    }
    // its head is enough
    if (count > 0) this.#next = sequenceOf(this.#records.buffer.toString('latin1', 0, Math.min(last, 64))) + 1
    return count
  }
}

function sequenceOf(record: string): number {
  return Number.parseInt(record.slice(record.indexOf(',') + 1), 10)
}

/**
 * Whether a report of the kernel's may begin in a record. False: none does, as the host would find, which reads the log for itself.
 * @param record as /dev/kmsg gives it: "priority,sequence,microseconds,flags;text\n", and perhaps lines that say more of it
 * @param beginning any line that a report can begin with
 */
export function mayBeginReport(record: string, beginning: RegExp): boolean {
  // A priority of one digit is the kernel's own (facility 0); what programs write can say what it likes.
  if (record[1] !== ',') return false
  const text = record.slice(record.indexOf(';') + 1, record.indexOf('\n'))
  // "\x0a" is the end of a line in a record of several.
  return text.includes('\\x') || beginning.test(text)
}

/** Who may write to the log: "on", "ratelimit", or "off", as a test may have set it. */
const PRINTK_DEVKMSG = '/proc/sys/kernel/printk_devkmsg'

/**
 * Writes a line into the kernel log, also where a test has forbidden that: without the mark nobody would know where the log ends.
 * By a descriptor of its own: the kernel lets through only ten lines of each in five seconds.
 */
export function markKernelLog(text: string): void {
  // <15>: facility user, level debug, which no console shows. Without a newline the record would stay open for more, and nobody
  // could read it before the next one comes.
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
