// SPDX-License-Identifier: MIT
import { type KernelLogRecord, parseRecord } from '../guest/kernel-log.ts'
import type { LogLine } from './splats.ts'

/** A line of dmesg or a serial console: "<4>[    1.234567][  T123] text", or parts of it. */
const prefix = /^(?:<(\d+)>)?(?:\[\s*(\d+)\.(\d{6})\](?:\[\s*([TC]\d+)\])? ?)?(.*)$/

/**
 * The lines of a log as text: dmesg with or without timestamps, a console, or records of /dev/kmsg. Lines
 * that user space wrote are left out if the text tells.
 */
export function linesOf(text: string): LogLine[] {
  const lines: LogLine[] = []
  for (const raw of text.split(/\r*\n/)) {
    const record = parseRecord(raw)
    if (record) {
      lines.push(...linesOfRecord(record))
      continue
    }
    const [, priority, seconds = '0', micros = '0', caller, said = ''] = prefix.exec(raw) ?? []
    // Facilities above 0 (the kernel) are programs'; levels are the lower three bits.
    if (!said || Number(priority) > 7) continue
    const time = Number(seconds) * 1e6 + Number(micros)
    const level = priority === undefined ? undefined : Number(priority)
    lines.push({ sequence: lines.length, time, text: said, caller, level })
  }
  return lines
}

/** The lines of a record; none if a program wrote it, because programs can write anything. */
export function linesOfRecord({ facility, sequence, time, text, caller, level }: KernelLogRecord): LogLine[] {
  if (facility !== 0) return []
  return text
    .split('\n')
    .filter(Boolean)
    .map(text => ({ sequence, time, text, caller, level }))
}
