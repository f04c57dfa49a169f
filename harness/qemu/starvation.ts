// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync } from 'node:fs'

/** A wait ends after so many times its limit, however busy the host is. */
const MOST = 30

/**
 * Milliseconds for which a process's threads have waited for a processor, of the thread that waited longest:
 * the second number of /proc/PID/task/TID/schedstat (Documentation/scheduler/sched-stats.rst). 0 for a kernel
 * that does not count, or a process that is gone.
 */
export function starvedTime(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    return Math.max(...threads.map(thread => waited(`/proc/${pid}/task/${thread}/schedstat`)))
  } catch {
    return 0
  }
}

function waited(file: string): number {
  const [, delay] = readFileSync(file, 'utf8').split(' ')
  return Number(delay) / 1e6 || 0
}

/**
 * Calls it after so many milliseconds, without those in which the process waited for a processor: a busy host
 * makes no guest silent.
 */
export function patientTimer(
  pid: number,
  limit: number,
  late: () => void,
  starved = starvedTime,
): { clear(): void } {
  const begin = performance.now()
  const starvedBefore = starved(pid)
  const look = () => {
    const passed = performance.now() - begin
    const left = limit - (passed - (starved(pid) - starvedBefore))
    // Less than a tenth is within what the counter misses.
    if (left < limit / 10 || passed > limit * MOST) late()
    else timer = setTimeout(look, left)
  }
  let timer = setTimeout(look, limit)
  return { clear: () => clearTimeout(timer) }
}
