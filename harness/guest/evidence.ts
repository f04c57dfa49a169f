// SPDX-License-Identifier: MIT
import { ownMark } from '../../guest/agent/protocol.ts'
import { visible } from '../../guest/agent/visible.ts'
import { lastLines } from '../base/process.ts'
import type { KernelLog } from './kernel-log.ts'

/** Records of the log: the last ones, but from the kernel's first complaint on the first ones. */
const LOG_RECORDS = 40
/** At least so many of them are from before it. */
const RECORDS_BEFORE = 5
/** Lines of the console before the kernel's first complaint, and from it on. */
const LINES_BEFORE = 20
const CONSOLE_LINES = 60

/** The line at which a kernel begins to say why it dies. */
const beginning =
  /(BUG: |Oops: |Kernel panic - not syncing|general protection fault|double fault|Out of memory|watchdog: )/

/**
 * What a guest said last, to be attached to a failure: the kernel log since the test began, of a long report
 * its beginning, and what else the console has of its time. Where nobody knows the time, all that a restored
 * guest has said is of it; what a booted one has said is shown from the kernel's first complaint on.
 * @param since the sequence number of the first log record to show
 * @param complaint matches the lines with which the kernel's reports begin
 */
export function evidenceOf(log: KernelLog, console: string, since: number, complaint = beginning): string {
  const records = log.since(since, Number.POSITIVE_INFINITY)
  const first = log.records.find(
    ({ sequence, facility, text }) =>
      sequence >= since && facility === 0 && text.split('\n').some(line => complaint.test(line)),
  )
  const before = log.count(since) - (first ? log.count(first.sequence) : 0)
  const logged = cutLog(records === '' ? [] : records.split(recordsEnd), before)
  const shown = lastOfConsole(plainConsole(console), log.timeBefore(since), visible(records))
  return [logged && `kernel log:\n${logged}`, shown && `console:\n${shown}`].filter(Boolean).join('\n\n')
}

/** Where a record follows, in the log's text. */
const recordsEnd = /\n(?=\[ *\d+\.\d{6}\] )/

/**
 * Says what it leaves out.
 * @param start how many records are before the first complaint
 */
function cutLog(records: readonly string[], start: number): string {
  const after = records.slice(start, start + LOG_RECORDS)
  const first = Math.max(0, start - Math.max(RECORDS_BEFORE, LOG_RECORDS - after.length))
  const more = records.length - start - after.length
  return [
    ...(first > 0 ? [`... ${first} ${first === 1 ? 'record' : 'records'} before`] : []),
    ...records.slice(first, start),
    ...after,
    ...(more > 0 ? [`... and ${more} more ${more === 1 ? 'record' : 'records'}`] : []),
  ].join('\n')
}

/**
 * @param since microseconds after which the lines are shown; undefined if that is not known
 * @param known the lines that are shown already
 */
function lastOfConsole(console: string, since: number | undefined, known: string): string {
  const lines = console.trimEnd().split('\n')
  // The console of a restored guest begins with the restore.
  const isRestored = timeOf(lines[0] ?? '') > 0
  const first = since === undefined ? (isRestored ? 0 : -1) : lines.findIndex(line => timeOf(line) > since)
  const complaint = lines.findIndex((line, at) => at >= first && beginning.test(line))
  const start = first === -1 ? complaint : first
  // What has not come to its console nobody knows: the end of it says most.
  if (start === -1) return lastLines(console, 10)
  const isKnown = new Set(linesOfConsole(known).map(wordsOf))
  const isNew = (line: string) => !isKnown.has(wordsOf(line)) && !isOwnMark(line)
  const before = lines.slice(start, Math.max(start, complaint)).filter(isNew)
  const after = lines.slice(Math.max(start, complaint)).filter(isNew)
  const cut = Math.max(0, before.length - LINES_BEFORE)
  const more = Math.max(0, after.length - CONSOLE_LINES)
  return [
    ...(cut > 0 ? [`... ${cut} lines before`] : []),
    ...before.slice(cut),
    ...after.slice(0, CONSOLE_LINES),
    ...(more > 0 ? [`... and ${more} more lines`] : []),
  ].join('\n')
}

/** The time and the caller of a line: "[    1.234567][  T123] text". */
const prefix = /^\[ *(\d+\.\d+)\](?:\[ *[TC]\d+\])? ?/

/** Microseconds since boot; NaN for a line without. */
function timeOf(line: string): number {
  return Math.round(Number(prefix.exec(line)?.[1]) * 1e6)
}

/** The log's records as the console prints them: each line of a record with its time. */
function linesOfConsole(records: string): string[] {
  let time = ''
  return records.split('\n').map(line => {
    const own = prefix.exec(line)?.[0]
    time = own ?? time
    return own === undefined ? time + line.trimStart() : line
  })
}

/** A line of the log or the console as both have it: without its caller. */
function wordsOf(line: string): string {
  return line.replace(prefix, '[$1] ').trimEnd()
}

/** Whether it is a mark by which the harness finds its place in the log. */
function isOwnMark(line: string): boolean {
  return ownMark.test(line.replace(prefix, '').trimEnd())
}

/**
 * A serial console without carriage returns, and without the firmware's terminal sequences, which are before the
 * kernel's first line; what the kernel has written is made visible.
 */
export function plainConsole(text: string): string {
  const begins = text.search(/^\[ *\d+\.\d{6}\]/m)
  const kernel = begins === -1 ? text.length : begins
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is removed
  const firmware = text.slice(0, kernel).replace(/\x1b\[[0-9;?]*[a-zA-Z]|\x1bc/g, '')
  return visible((firmware + text.slice(kernel)).replaceAll(/\r+(?=\n|$)/g, ''))
}
