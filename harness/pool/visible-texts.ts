// SPDX-License-Identifier: MIT
/** Names and errors of tests, before anybody shows them: all reporters print them as they are. */
import type { RunnerTask } from 'vitest'
import { visible, visibleInColour } from '../../guest/agent/visible.ts'
import { filesOf, type RpcRequest, type TaskPack } from './messages.ts'

/** Makes what a worker tells Vitest visible, in place. */
export function makeVisible(request: RpcRequest): void {
  for (const file of filesOf(request)) for (const task of file.tasks) nameTask(task)
  if (request.m !== 'onTaskUpdate') return
  for (const [, result] of request.a[0] as readonly TaskPack[]) {
    for (const error of result?.errors ?? []) showError(error)
    if (result && 'note' in result && typeof result.note === 'string') result.note = visible(result.note)
  }
}

function nameTask(task: RunnerTask): void {
  for (const key of ['name', 'fullName', 'fullTestName'] as const) show(task, key, visible)
  if (task.type === 'suite') for (const child of task.tasks) nameTask(child)
}

/** Causes that are looked at: an error may be its own. */
const DEEPEST = 10

/** Vitest's copy of an error, which has texts in place of values. */
function showError(error: object, depth = 0): void {
  for (const key of ['name', 'message', 'stack', 'diff']) show(error, key, visibleInColour)
  const { cause } = error as { readonly cause?: unknown }
  if (typeof cause === 'object' && cause !== null && depth < DEEPEST) showError(cause, depth + 1)
}

function show(holder: object, key: string, how: (text: string) => string): void {
  const texts = holder as Record<string, unknown>
  const text = texts[key]
  if (typeof text === 'string') texts[key] = how(text)
}
