// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'

/** Milliseconds of a tick of /proc/stat: USER_HZ is 100 on x86. */
const TICK = 10
const { hrtime } = process

/**
 * Milliseconds in which no CPU of this guest had anything to do; only differences mean something. With more
 * than one CPU it is the least that it can have been. NaN if /proc cannot be read.
 */
export function idleTime(): number {
  try {
    return idleTimeOf(readFileSync('/proc/stat', 'utf8'), Number(hrtime.bigint() / 1_000_000n))
  } catch {
    return Number.NaN
  }
}

/**
 * @param stat the text of /proc/stat
 * @param now milliseconds of the monotonic clock
 */
export function idleTimeOf(stat: string, now: number): number {
  const [, idle, iowait] = /^cpu +(?:\d+ +){3}(\d+) +(\d+)/m.exec(stat) ?? []
  const cpus = stat.match(/^cpu\d/gm)?.length ?? 1
  return (Number(idle) + Number(iowait)) * TICK - (cpus - 1) * now
}
