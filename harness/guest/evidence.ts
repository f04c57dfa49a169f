// SPDX-License-Identifier: MIT
import { visible } from '../../guest/agent/visible.ts'
import { lastLines } from '../base/process.ts'
import type { KernelLog } from './kernel-log.ts'

const LOG_LINES = 40
const CONSOLE_LINES = 60

/** The line at which a kernel begins to say why it dies; what comes before it on a console is boot output. */
const beginning =
  /^.*(BUG: |Oops: |Kernel panic - not syncing|general protection fault|double fault|Out of memory|watchdog: ).*$/m

/**
 * What a guest said last, to be attached to a failure: the kernel log since the test began, and the console
 * from the kernel's first complaint on.
 * @param since the sequence number of the first log record to show
 */
export function evidenceOf(log: KernelLog, console: string, since: number): string {
  const records = log.since(since, LOG_LINES)
  const plain = plainConsole(console)
  const complaint = beginning.exec(plain)
  const shown = complaint
    ? plain.slice(complaint.index).split('\n').slice(0, CONSOLE_LINES).join('\n').trimEnd()
    : lastLines(plain, 10)
  return [records && `kernel log:\n${records}`, shown && `console:\n${shown}`].filter(Boolean).join('\n\n')
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
