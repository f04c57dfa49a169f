// SPDX-License-Identifier: MIT
/** The kernel's count of ticks, by which kmemleak says when memory was allocated. */
import fs from 'node:fs'

/** What began at a time. */
export interface Since {
  readonly name: string
  readonly jiffies: bigint
}

/** The present count; 0 where the kernel does not tell (kernel/time/timer_list.c). */
export function presentJiffies(list = '/proc/timer_list'): bigint {
  try {
    const [, jiffies = '0'] = /^jiffies: (\d+)$/m.exec(fs.readFileSync(list, 'utf8')) ?? []
    return BigInt(jiffies)
  } catch {
    return 0n
  }
}

/**
 * A report of kmemleak in which each object has the name of the file in whose time it was allocated, if there were
 * several files.
 */
export function inTimeOf(files: readonly Since[], report: string): string {
  if (files.length < 2) return report
  return report.replace(/^ +comm .*, jiffies (\d+).*$/gm, (line, jiffies: string) => {
    const file = files.findLast(each => each.jiffies <= BigInt(jiffies))
    return file === undefined ? line : `${line} (in the time of ${file.name})`
  })
}
