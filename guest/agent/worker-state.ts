// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import type { WorkerState } from './protocol.ts'

/** The state of a process, from procfs: of its main thread. */
export function stateOf(pid: number): WorkerState {
  const [, state = '?'] = /\) (\S)/.exec(read(`/proc/${pid}/stat`)) ?? []
  return { state, stack: read(`/proc/${pid}/stack`) }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
