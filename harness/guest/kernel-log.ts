// SPDX-License-Identifier: MIT
import { EventEmitter } from 'node:events'
import { kmsgText } from '../../guest/agent/kmsg-text.ts'
import { ownMark } from '../../guest/agent/protocol.ts'

/** A record of the kernel log (Documentation/ABI/testing/dev-kmsg). */
export interface KernelLogRecord {
  /** 0 (emergency) to 7 (debug), as in linux/kern_levels.h. */
  readonly level: number
  /** 0 is the kernel; all others are programs. */
  readonly facility: number
  readonly sequence: number
  /** Microseconds since boot. */
  readonly time: number
  /** One or more lines. */
  readonly text: string
  /** Who printed it ("T123", "C0"), with CONFIG_PRINTK_CALLER. */
  readonly caller?: string
}

/** In place of a log of which some is missing. */
export const missingRecords = 'netlink-vmtest: records are missing'

/** How many records are kept for reports. */
const KEPT = 5_000

interface KernelLogEvents {
  record: [KernelLogRecord]
  /** Records were overwritten in the guest before they were read: the first and last sequence number. */
  gap: [first: number, last: number]
}

/** The kernel log of one guest, as it arrives. */
export class KernelLog extends EventEmitter<KernelLogEvents> {
  readonly records: KernelLogRecord[] = []
  /** How many records were overwritten in the guest before they were read. */
  lost = 0
  #next: number | undefined
  #partial = ''

  /** Adds the next bytes of the log port. */
  push(bytes: Buffer): void {
    const lines = (this.#partial + bytes.toString('utf8')).split('\n')
    this.#partial = lines.pop() ?? ''
    for (const line of lines) {
      const record = parseRecord(line)
      if (record) this.#add(record) // else a continuation line of the record before: " KEY=value"
    }
  }

  /** The sequence number of the next record. */
  get next(): number {
    return this.#next ?? 0
  }

  /** Sets the first record that must arrive: records missing from there on are lost. */
  beginAt(sequence: number): void {
    this.#next ??= sequence
  }

  /**
   * Resolves to true when everything before this sequence number has arrived, or to false after `limit` ms.
   */
  async arrivedUpTo(sequence: number, limit: number): Promise<boolean> {
    return await this.#until(() => this.next >= sequence, limit)
  }

  /**
   * Resolves to the sequence number of the record with this text when it has arrived; to undefined after
   * `limit` ms.
   */
  async arrival(text: string, limit: number): Promise<number | undefined> {
    let found: number | undefined
    await this.#until(() => {
      found = this.records.findLast(record => record.text === text)?.sequence
      return found !== undefined
    }, limit)
    return found
  }

  /** How many records there are from this sequence number on, without own marks. */
  count(sequence: number): number {
    return this.records.filter(record => record.sequence >= sequence && !isOwnMark(record)).length
  }

  /** When the last record before this sequence number was logged, in microseconds since boot, if that is known. */
  timeBefore(sequence: number): number | undefined {
    return this.records.findLast(record => record.sequence < sequence)?.time
  }

  /** The last `count` records from this sequence number on, up to another one, as dmesg shows them, without own marks. */
  since(sequence: number, count: number, before = Number.POSITIVE_INFINITY): string {
    return this.records
      .filter(record => record.sequence >= sequence && record.sequence < before && !isOwnMark(record))
      .slice(-count)
      .map(record => `[${(record.time / 1e6).toFixed(6).padStart(12)}] ${record.text}`)
      .join('\n')
  }

  /**
   * All records from this sequence number on, up to another one, as `dmesg -r` shows them, without own marks;
   * undefined if some are missing.
   */
  raw(sequence: number, before: number): string | undefined {
    const all = this.records.filter(record => record.sequence >= sequence && record.sequence < before)
    if (all.length < before - sequence) return undefined
    return all
      .filter(record => !isOwnMark(record))
      .map(({ facility, level, time, text }) =>
        text.replace(/^/gm, `<${facility * 8 + level}>[${(time / 1e6).toFixed(6).padStart(12)}] `),
      )
      .join('\n')
  }

  #add(record: KernelLogRecord): void {
    if (this.#next !== undefined && record.sequence > this.#next) {
      this.lost += record.sequence - this.#next
      this.emit('gap', this.#next, record.sequence - 1)
    }
    this.#next = record.sequence + 1
    this.records.push(record)
    if (this.records.length > KEPT) this.records.shift()
    this.emit('record', record)
  }

  #until(reached: () => boolean, limit: number): Promise<boolean> {
    if (reached()) return Promise.resolve(true)
    return new Promise(resolve => {
      const end = (result: boolean) => {
        clearTimeout(timer)
        this.off('record', look)
        resolve(result)
      }
      const look = () => {
        if (reached()) end(true)
      }
      const timer = setTimeout(end, limit, false)
      this.on('record', look)
    })
  }
}

/** Whether the harness or its agent has written it, to find its place in the log. */
function isOwnMark({ facility, text }: KernelLogRecord): boolean {
  return facility !== 0 && ownMark.test(text)
}

/**
 * A record as /dev/kmsg gives it: "priority,sequence,microseconds,flags[,caller=T1];text". @returns undefined
 * for anything else
 */
export function parseRecord(line: string): KernelLogRecord | undefined {
  const match = /^(\d+),(\d+),(\d+),([^;]*);(.*)$/.exec(line)
  if (!match) return undefined
  const [, priority, sequence, time, flags = '', text = ''] = match
  const caller = /\bcaller=([TC]\d+)/.exec(flags)?.[1]
  return {
    level: Number(priority) & 7,
    facility: Number(priority) >> 3,
    sequence: Number(sequence),
    time: Number(time),
    text: kmsgText(text),
    ...(caller === undefined ? {} : { caller }),
  }
}
