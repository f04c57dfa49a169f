// SPDX-License-Identifier: MIT
/** Tests that did not run because their guest was lost: they share one reason, which is told once. */
import type { TestCase, TestModule } from 'vitest/node'
import { notRunNote } from '../pool/unfinished.ts'

/** The tests of a file that did not run. */
export interface NotRun {
  readonly count: number
  /** `2 tests not run: kernel panic: ...` */
  readonly text: string
}

/** Whether a test did not run because its guest was lost. */
export function isNotRun(test: TestCase): boolean {
  return noteOf(test) !== undefined
}

/** @returns undefined if all tests of the file ran */
export function notRunOf(module: TestModule): NotRun | undefined {
  const notes = [...module.children.allTests()].flatMap(test => noteOf(test) ?? [])
  // The first one says why.
  const note = notes.find(each => each !== notRunNote) ?? notes[0]
  const count = notes.length
  return note === undefined
    ? undefined
    : { count, text: `${count} ${count === 1 ? 'test' : 'tests'} ${note}` }
}

function noteOf(test: TestCase): string | undefined {
  const result = test.result()
  return result.state === 'skipped' && result.note?.startsWith(notRunNote) ? result.note : undefined
}
