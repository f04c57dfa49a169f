// SPDX-License-Identifier: MIT

/** include/linux/kern_levels.h */
const levels = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug']

/** The name of a level of the kernel log, 0 to 7. */
export function levelName(level: number): string {
  return levels[level] ?? String(level)
}
