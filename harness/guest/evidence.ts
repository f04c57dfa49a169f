// SPDX-License-Identifier: MIT
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

/** Removes a serial console's carriage returns and terminal sequences (firmware writes them too). */
export function plainConsole(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is removed
  return text.replace(/\x1b\[[0-9;?]*[a-zA-Z]|\x1bc|\r/g, '')
}
