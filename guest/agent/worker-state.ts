// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync } from 'node:fs'
import { otherThread, type WorkerState } from './protocol.ts'

/** The state of a process, from procfs: its main thread, and where its threads wait. */
export function stateOf(pid: number): WorkerState {
  const [main, ...others] = threadsOf(pid).map(thread => `/proc/${pid}/task/${thread}`)
  const stacks = [
    main === undefined ? '' : stackOfMain(main),
    ...others.map(stackOfOther).map(stack => (stack === '' ? '' : `${otherThread}\n${stack}`)),
  ]
  const stack = stacks.filter(Boolean).join('\n\n')
  return { state: stateIn(`/proc/${pid}`), stack }
}

/** The process's threads, the main one first. */
function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).sort((a, b) => Number(a) - Number(b))
  } catch {
    return [] // it has ended
  }
}

/** Where the main thread waits; empty if it runs, or waits for events. */
function stackOfMain(thread: string): string {
  const stack = read(`${thread}/stack`).trim()
  return stateIn(thread) === 'R' || /\] (do_epoll_wait|ep_poll)\+/.test(stack) ? '' : stack
}

/** Where another thread waits; empty unless it cannot be interrupted (D), or a module has it wait. */
function stackOfOther(thread: string): string {
  const stack = read(`${thread}/stack`).trim()
  return stateIn(thread) === 'D' || / \[\w+\]$/m.test(stack) ? stack : ''
}

function stateIn(folder: string): string {
  return /\) (\S)/.exec(read(`${folder}/stat`))?.[1] ?? '?'
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
