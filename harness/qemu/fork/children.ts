// SPDX-License-Identifier: MIT
import { constants } from 'node:os'
import koffi from 'koffi'
import type { ProcessEnd } from '../process.ts'

/**
 * Children of this process that node has not started: forks, whose parent is their program's parent
 * (CLONE_PARENT). Node waits for those only that it knows.
 */
const waitpid = koffi.load('libc.so.6').func('int waitpid(int pid, _Out_ int *status, int options)')
const WNOHANG = 1

/** Who waits for a child's end, by pid. */
const waiting = new Map<number, (end: ProcessEnd) => void>()
/**
 * Keeps this process alive for its children, as node does for those that it knows: a signal's listener does
 * not. Milliseconds between its looks.
 */
let keepAlive: NodeJS.Timeout | undefined
const LOOK_AGAIN = 1_000

/**
 * Resolves when this child has ended. Its pid is not given to another process until then.
 * @returns undefined if there is no such child
 */
export function endOf(pid: number): Promise<ProcessEnd> | undefined {
  const end = reap(pid)
  if (end !== 'alive') return end && Promise.resolve(end)
  if (waiting.size === 0) {
    process.on('SIGCHLD', lookAtAll)
    keepAlive = setInterval(lookAtAll, LOOK_AGAIN)
  }
  return new Promise(resolve => waiting.set(pid, resolve))
}

/** Ends this child, if it is one, and waits for it. */
export function endChild(pid: number): void {
  if (reap(pid) !== 'alive') return
  // It has not been waited for: no other process has its pid.
  process.kill(pid, 'SIGKILL')
  if (!waiting.has(pid)) void endOf(pid)
}

/** SIGCHLD tells neither whose end it is nor how many there were. */
function lookAtAll(): void {
  for (const [pid, resolve] of waiting) {
    const end = reap(pid)
    if (end === 'alive') continue
    waiting.delete(pid)
    resolve(end ?? { code: null, signal: null })
  }
  if (waiting.size > 0) return
  process.off('SIGCHLD', lookAtAll)
  clearInterval(keepAlive)
}

function reap(pid: number): ProcessEnd | 'alive' | undefined {
  const status = [0]
  const result = waitpid(pid, status, WNOHANG) as number
  if (result === 0) return 'alive'
  return result === pid ? endFrom(status[0] as number) : undefined
}

/** A status of wait(2). */
export function endFrom(status: number): ProcessEnd {
  const number = status & 0x7f
  if (number === 0) return { code: (status >> 8) & 0xff, signal: null }
  const [name] = Object.entries(constants.signals).find(([, value]) => value === number) ?? ['SIGKILL']
  return { code: null, signal: name as NodeJS.Signals }
}
