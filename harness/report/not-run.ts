// SPDX-License-Identifier: MIT
/** Tests that did not run because something before them has failed: they share a reason, which is told once. */
import type { TestCase, TestModule } from 'vitest/node'
import { notRunNote } from '../../guest/agent/protocol.ts'

/** Tests of a file that did not run for one reason. */
export interface NotRun {
  readonly count: number
  /** `2 tests not run: kernel panic: ...` */
  readonly text: string
}

/** Whether a test did not run because its guest was lost, or a hook before it has failed. */
export function isNotRun(test: TestCase): boolean {
  return noteOf(test) !== undefined
}

/** The tests of a file that did not run, by reasons. */
export function notRunOf(module: TestModule): NotRun[] {
  const groups: { note: string; count: number }[] = []
  for (const test of module.children.allTests()) {
    const note = noteOf(test)
    if (note === undefined) continue
    const group = groups.at(-1)
    // The first one of a group says why.
    if (group === undefined || note !== notRunNote) groups.push({ note, count: 1 })
    else group.count++
  }
  return groups.map(({ note, count }) => ({
    count,
    text: `${count} ${count === 1 ? 'test' : 'tests'} ${note}`,
  }))
}

/** All that in one text; undefined if all tests ran. */
export function notRunText(module: TestModule): string | undefined {
  const all = notRunOf(module)
  return all.length === 0 ? undefined : all.map(({ text }) => text).join('; ')
}

function noteOf(test: TestCase): string | undefined {
  const result = test.result()
  return result.state === 'skipped' && result.note?.startsWith(notRunNote) ? result.note : undefined
}
