// SPDX-License-Identifier: MIT
import { stripVTControlCharacters } from 'node:util'
import { firstWords } from '../base/errors.ts'

/** Most characters of a line. */
const LONGEST = 300

/**
 * The first words of a failure's text without what differs from run to run: addresses, places in code, process
 * ids, times.
 */
export function stableLine(text: string): string {
  const line = firstWords(stripVTControlCharacters(text))
  const stable = line
    .replace(/\b(0x)?[0-9a-f]{16}\b/g, 'ADDRESS')
    .replace(/\+0x[0-9a-f]+\/0x[0-9a-f]+/g, '')
    .replace(/\bport (id )?\d+/g, 'port $1N')
    .replace(/\b(PID|pid):? \d+/g, '$1 N')
    .replace(/^(\S+) \(\d+\): /, '$1 (N): ') // task_pid_nr() of kernel lines: "node (124): drop_caches: 2"
    .replace(/(\.[ch]):\d+/g, '$1')
    .replace(/\b\d+(\.\d+)? ?(ms|s)\b/g, 'N $2')
    .trim()
  return stable.length > LONGEST ? `${stable.slice(0, LONGEST)}...` : stable
}
