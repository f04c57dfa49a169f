import { closeSync, constants, openSync, readSync } from 'node:fs'
import koffi from 'koffi'

/** The kernel writes no longer records (CONSOLE_EXT_LOG_MAX). */
const LONGEST_RECORD = 8192
const SEEK_END = 2

const lseek = koffi.load(null).func('int64_t lseek(int, int64_t, int)') as (
  fd: number,
  offset: number,
  whence: number,
) => number

/**
 * What a kernel says of itself at any time, above all on a slow machine whose clock jumps; the first time that anybody sends
 * nothing at all is among it.
 */
const chatter =
  /^(random: |clocksource: |hrtimer: interrupt took |perf: interrupt took |workqueue: .* hogged CPU |sched: RT throttling |Zero length message leads to an empty skb$)/

/** One record of the kernel log. */
export interface LogRecord {
  /** 0 (emergency) to 7 (debug): 6 is KERN_INFO. */
  readonly level: number
  /** As /dev/kmsg has it: a backslash, and what is not printable ASCII, is \xHH there. */
  readonly text: string
}

/**
 * The kernel log from a moment on: Documentation/ABI/testing/dev-kmsg. printk() has put a record there when it
 * returns, so what a request logs can be read as soon as it has been sent.
 */
export class KernelLog implements Disposable {
  readonly #fd: number
  readonly #buffer = Buffer.allocUnsafe(LONGEST_RECORD)

  private constructor(fd: number) {
    this.#fd = fd
  }

  /** Records from now on. */
  static fromNow(): KernelLog {
    const fd = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK)
    lseek(fd, 0, SEEK_END)
    return new KernelLog(fd)
  }

  /**
   * What the kernel logged since it was asked last. What user space wrote into the log is left out, and what the kernel says
   * of itself at any time.
   * @throws Error when records were overwritten before they were read
   */
  read(): LogRecord[] {
    const records: LogRecord[] = []
    for (;;) {
      const record = this.#next()
      if (record === undefined) return records
      // "priority,sequence,microseconds,flags;text\n key=value\n": the priority's upper bits are the facility, 0 the kernel
      const [, priority, text] = /^(\d+),[^;]*;([^\n]*)/.exec(record) ?? []
      if (priority !== undefined && text !== undefined && Number(priority) < 8 && !chatter.test(text))
        records.push({ level: Number(priority), text })
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }

  #next(): string | undefined {
    try {
      const length = readSync(this.#fd, this.#buffer)
      return this.#buffer.toString('utf8', 0, length)
    } catch (error) {
      if (error instanceof Error && 'code' in error) {
        if (error.code === 'EAGAIN') return undefined
        if (error.code === 'EPIPE') throw new Error('records of the kernel log were overwritten unread')
      }
      throw error
    }
  }
}
