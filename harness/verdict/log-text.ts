import { type KernelLogRecord, parseRecord } from '../guest/kernel-log.ts'
import type { LogLine } from './splats.ts'

/** As dmesg and a serial console show lines: "<4>[    1.234567][  T123] text", and parts of it. */
const prefix = /^(?:<\d+>)?(?:\[\s*(\d+)\.(\d{6})\](?:\[\s*([TC]\d+)\])? ?)?(.*)$/

/**
 * The lines of a log that was kept as text: of dmesg with or without timestamps, of a console, or records as /dev/kmsg
 * gives them. What user space wrote into the log is left out where the text tells.
 */
export function linesOf(text: string): LogLine[] {
  const lines: LogLine[] = []
  for (const raw of text.split(/\r*\n/)) {
    const record = parseRecord(raw)
    if (record) {
      lines.push(...linesOfRecord(record))
      continue
    }
    const [, seconds = '0', micros = '0', caller, said = ''] = prefix.exec(raw) ?? []
    if (said)
      lines.push({ sequence: lines.length, time: Number(seconds) * 1e6 + Number(micros), text: said, caller })
  }
  return lines
}

/** The lines of a record; none where a program wrote it, which can say what it likes. */
export function linesOfRecord({ facility, sequence, time, text, caller }: KernelLogRecord): LogLine[] {
  if (facility !== 0) return []
  return text
    .split('\n')
    .filter(Boolean)
    .map(text => ({ sequence, time, text, caller }))
}
