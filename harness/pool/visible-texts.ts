// SPDX-License-Identifier: MIT
/** Names and errors of tests, before anybody shows them: all reporters print them as they are. */
import type { RunnerTask } from 'vitest'
import { boundError } from '../../guest/agent/bounded-error.ts'
import { guestPaths } from '../../guest/agent/protocol.ts'
import { thrownError } from '../../guest/agent/thrown-error.ts'
import { visible, visibleInColour, visibleName, visibleUncoloured } from '../../guest/agent/visible.ts'
import { filesOf, type RpcRequest, type TaskPack } from './messages.ts'

/** Makes what a worker tells Vitest visible, in place. */
export function makeVisible(request: RpcRequest): void {
  for (const file of filesOf(request)) for (const task of file.tasks) nameTask(task)
  if (request.m === 'onUnhandledError' && isObject(request.a[0])) {
    giveMessage(request.a[0])
    showError(request.a[0])
    hideOwnFrames(request.a[0])
  }
  if (request.m !== 'onTaskUpdate') return
  for (const [, result] of request.a[0] as readonly TaskPack[]) {
    for (const error of result?.errors ?? []) {
      giveMessage(error)
      showError(error)
    }
    if (result && 'note' in result && typeof result.note === 'string') result.note = visible(result.note)
  }
}

function nameTask(task: RunnerTask): void {
  for (const key of ['name', 'fullName', 'fullTestName'] as const) show(task, key, visibleName)
  if (task.type === 'suite') for (const child of task.tasks) nameTask(child)
}

/** Vitest's reporters show little of an error without a message. In place: it is in the result of an attempt, too. */
function giveMessage(error: { message?: unknown }): void {
  if (typeof error.message !== 'string') Object.assign(error, thrownError(error))
}

/** Causes that are looked at: an error may be its own. */
const DEEPEST = 10

/** Vitest's copy of an error, which has texts in place of values. Only matchers colour what they say. */
function showError(error: object, depth = 0): void {
  // The worker has cut what tests have thrown, but not what hooks have, and expect.soft().
  boundError(error)
  const said = wayOf(error)
  show(error, 'name', visible)
  for (const key of ['message', 'stack']) show(error, key, said)
  show(error, 'diff', visibleInColour)
  // What Vitest prints of errors that compilers have made (printErrorInner(), 5.1.1).
  for (const key of ['codeFrame', 'frame']) show(error, key, visibleUncoloured)
  const { [ofCompiler]: compiled } = error as { readonly [ofCompiler]?: unknown }
  if (isObject(compiled)) for (const key of ['plugin', 'id', 'frame']) show(compiled, key, visibleUncoloured)
  const { cause } = error as { readonly cause?: unknown }
  if (isObject(cause) && depth < DEEPEST) showError(cause, depth + 1)
}

/** What Vitest keeps of an error of Vite's plugins. */
const ofCompiler = '__vitest_rollup_error__'

/** How the message of an error is shown: those of compilers have a coloured frame of the code. */
function wayOf(error: object): (text: string) => string {
  if (ofCompiler in error) return visibleUncoloured
  return 'actual' in error || 'showDiff' in error ? visibleInColour : visible
}

const ownFrame = new RegExp(`^ {4}at (?:.* \\()?(?:file://)?${guestPaths.root}/.*\\n?`, 'gm')

/** Vitest shows all frames of an error outside of tests, and takes the first one for the user's. */
function hideOwnFrames(error: object, depth = 0): void {
  show(error, 'stack', stack => stack.replaceAll(ownFrame, '').trimEnd())
  const { cause } = error as { readonly cause?: unknown }
  if (isObject(cause) && depth < DEEPEST) hideOwnFrames(cause, depth + 1)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function show(holder: object, key: string, how: (text: string) => string): void {
  const texts = holder as Record<string, unknown>
  const text = texts[key]
  if (typeof text === 'string') texts[key] = how(text)
}
