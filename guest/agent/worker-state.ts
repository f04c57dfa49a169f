// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import type { WorkerState } from './protocol.ts'

/** The state of a process, from procfs: its main thread, and the CPU time of the guest. */
export function stateOf(pid: number): WorkerState {
  const [, state = '?'] = /\) (\S)/.exec(read(`/proc/${pid}/stat`)) ?? []
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] =
    read('/proc/stat').split('\n', 1)[0]?.split(/\s+/).slice(1).map(Number) ?? []
  return { state, stack: read(`/proc/${pid}/stack`), busy: (user + nice + system + irq + softirq) * 10 }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
