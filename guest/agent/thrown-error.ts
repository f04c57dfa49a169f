// SPDX-License-Identifier: MIT
/** Whatever a test has thrown, as reports can read it: anything can be thrown, and an error's fields can be anything. */
import { inspect } from 'node:util'
import type { ParsedStack, SerializedError } from 'vitest'

/** An error whose fields are of the types that they ought to have. */
export interface ThrownError extends SerializedError {
  name: string
  diff?: string
  cause?: ThrownError
}

/** Causes that reports have: an error may be its own. */
const DEEPEST_CAUSE = 10
/** Characters of each text within a value that was thrown in place of an error. */
const LONGEST_TEXT = 4096

/**
 * A copy of what Vitest keeps of an error, with its causes. What has no message has its value in words as one. Vitest
 * (5.1.1) puts "Caused by: " before a cause's name each time that it prints it, and keeps that.
 */
export function thrownError(thrown: unknown, depth = 0): ThrownError {
  if (typeof thrown !== 'object' || thrown === null) return { name: 'Error', message: String(thrown) }
  const fields = fieldsOf(thrown)
  const { name, message, stack, stacks, diff, cause, ...others } = fields
  return {
    ...others,
    name: typeof name === 'string' ? name.replace(/^(Caused by: )+/, '') : 'Error',
    message: typeof message === 'string' ? message : inWords(message ?? ownValue(thrown, others)),
    ...(typeof stack === 'string' ? { stack } : {}),
    ...(Array.isArray(stacks) && stacks.every(isFrame) ? { stacks } : {}),
    ...(typeof diff === 'string' ? { diff } : {}),
    ...(isObject(cause) && depth < DEEPEST_CAUSE ? { cause: thrownError(cause, depth + 1) } : {}),
  }
}

/** Its own fields, and those that an error of this process has without being asked; none whose getter throws. */
function fieldsOf(thrown: object): Record<string, unknown> {
  const names = new Set([...Object.keys(thrown), 'name', 'message', 'stack', 'cause'])
  const fields: Record<string, unknown> = {}
  for (const name of names) {
    try {
      const value = (thrown as Record<string, unknown>)[name]
      if (value !== undefined) fields[name] = value
    } catch {
      // nobody knows it
    }
  }
  return fields
}

/** What was thrown, without what Vitest adds. */
function ownValue(thrown: object, others: Record<string, unknown>): unknown {
  if (Array.isArray(thrown)) return thrown
  return Object.fromEntries(Object.entries(others).filter(([name]) => !/^VITEST_/.test(name)))
}

function inWords(value: unknown): string {
  return inspect(value, { maxStringLength: LONGEST_TEXT, breakLength: 100 })
}

function isFrame(frame: unknown): frame is ParsedStack {
  return isObject(frame) && 'file' in frame && typeof frame.file === 'string'
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
