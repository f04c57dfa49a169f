// SPDX-License-Identifier: MIT
/** Tests that do not run because a hook before them has failed: Vitest marks them as skipped, without a word. */
import type { RunnerTask, RunnerTestSuite } from 'vitest'
import { type NamedTask, testPaths } from './one-test.ts'
import { notRunNote } from './protocol.ts'

/** A task's new result, as Vitest's worker reports it. */
export type TaskPack = readonly [id: string, result: RunnerTask['result'], meta: RunnerTask['meta']]

/** Characters of the error that is the reason. */
const LONGEST = 200

/** Finds them. */
export class HinderedTests {
  /** The ids of tests that are to run, and have not begun. */
  readonly #waiting = new Set<string>()

  /** A file's tests are known. */
  collected(file: NamedTask): void {
    this.#waiting.clear()
    for (const path of testPaths(file)) {
      const test = path.at(-1)
      if (test?.mode === 'run' || test?.mode === 'queued') this.#waiting.add(test.id)
    }
  }

  /** A test runs. */
  began(test: string): void {
    this.#waiting.delete(test)
  }

  /** Gives those below a suite that has failed their notes. @returns their new results */
  by(suite: RunnerTestSuite): TaskPack[] {
    const [error] = suite.result?.errors ?? []
    if (error === undefined) return []
    const [line = ''] = `${error.name}: ${error.message}`.split('\n')
    const of = 'filepath' in suite ? '' : ` of "${suite.name}"`
    const reason = line.length > LONGEST ? `${line.slice(0, LONGEST)}...` : line
    const tests = testsBelow(suite).filter(
      test => test.result?.state === 'skip' && this.#waiting.delete(test.id),
    )
    return tests.map((test, index): TaskPack => {
      // The first one says why.
      const note = index === 0 ? `${notRunNote}: beforeAll${of} has failed: ${reason}` : notRunNote
      return [test.id, withNote(test, note), test.meta]
    })
  }
}

function testsBelow(suite: RunnerTestSuite): RunnerTask[] {
  return suite.tasks.flatMap(task => (task.type === 'suite' ? testsBelow(task) : [task]))
}

/** Vitest shows the note beside a skipped test, though its type does not have it. */
function withNote(test: RunnerTask, note: string): RunnerTask['result'] {
  test.result ??= { state: 'skip' }
  return Object.assign(test.result, { note })
}
