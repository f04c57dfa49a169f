/** A record of the kernel log (Documentation/ABI/testing/dev-kmsg). */
export interface KernelLogRecord {
  /** 0 (emergency) to 7 (debug), as in linux/kern_levels.h. */
  readonly level: number
  readonly sequence: number
  /** Microseconds since boot. */
  readonly time: number
  readonly text: string
}

/** How many records are kept for reports. */
const KEPT = 2_000

/** The kernel log of one guest, in order, as it arrives. */
export class KernelLog {
  readonly records: KernelLogRecord[] = []
  /** How many records were overwritten in the guest before they could be read. */
  lost = 0
  #partial = ''

  /** Takes the next bytes of the log port. */
  push(bytes: Buffer): void {
    const lines = (this.#partial + bytes.toString('utf8')).split('\n')
    this.#partial = lines.pop() ?? ''
    for (const line of lines) {
      const record = parseRecord(line)
      if (!record) continue // a continuation line: " KEY=value", which says more about the record before
      const last = this.records.at(-1)
      if (last && record.sequence > last.sequence + 1) this.lost += record.sequence - last.sequence - 1
      this.records.push(record)
      if (this.records.length > KEPT) this.records.shift()
    }
  }

  /** The sequence number that the next record will have. */
  get next(): number {
    return (this.records.at(-1)?.sequence ?? -1) + 1
  }

  /** The records from this sequence number on, the last `count` of them, as dmesg shows them. */
  since(sequence: number, count: number): string {
    return this.records
      .filter(record => record.sequence >= sequence)
      .slice(-count)
      .map(record => `[${(record.time / 1e6).toFixed(6).padStart(12)}] ${record.text}`)
      .join('\n')
  }
}

function parseRecord(line: string): KernelLogRecord | undefined {
  const match = /^(\d+),(\d+),(\d+),[^;]*;(.*)$/.exec(line)
  if (!match) return undefined
  return {
    level: Number(match[1]) & 7,
    sequence: Number(match[2]),
    time: Number(match[3]),
    text: match[4] ?? '',
  }
}
