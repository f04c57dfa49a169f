// SPDX-License-Identifier: MIT
import type { RunnerTask, RunnerTestFile } from 'vitest'
import { notRunNote, type TestOutcome } from '../../guest/agent/protocol.ts'
import type { TaskEventPack, TaskPack } from './messages.ts'

/** Why a guest could not finish its files, as reports show it. */
export interface Interruption {
  /** One line: "kernel panic: ...". */
  readonly reason: string
  /** The end of its kernel log and console. */
  readonly evidence: string
  /** Whether QEMU or the host is the cause, and not what is tested. */
  readonly isMachinery?: boolean
}

/** What the pool knows about the files of a lost guest. */
export interface SeenSoFar {
  readonly files: Iterable<RunnerTestFile>
  /** The last event that Vitest was told of each task. */
  readonly lastEvents: ReadonlyMap<string, string>
  /** Results of ended tests, whether or not Vitest was told. */
  readonly outcomes: ReadonlyMap<string, TestOutcome>
  /** The test that was running. */
  readonly running: string | undefined
  /** When it began, in milliseconds since 1970. */
  readonly since: number
}

/** The name of errors that a lost guest causes, which tells them from a test's own. */
export const guestLostError = 'GuestLost'

/** A loss as an error of a test or file. */
export function lostError({ reason, evidence }: Interruption): {
  name: string
  message: string
  stack: string
} {
  return { name: guestLostError, message: [reason, evidence].filter(Boolean).join('\n\n'), stack: '' }
}

/**
 * What to report so that no test of a file stays open: ended tests keep their results, the running one fails
 * with the evidence, the others are skipped with a note, of which the first says why. A file that was lost outside any test
 * fails itself.
 */
export function reportUnfinished(seen: SeenSoFar, interruption: Interruption): [TaskPack[], TaskEventPack[]] {
  const packs: TaskPack[] = []
  const events: TaskEventPack[] = []
  const message = [interruption.reason, interruption.evidence].filter(Boolean).join('\n\n')
  // No frames: Vitest prints errors with the same stack once, below the names of all their tests.
  const error = { name: guestLostError, message, stack: `${guestLostError}: ${message}` }
  const visit = (task: RunnerTask): void => {
    const last = seen.lastEvents.get(task.id)
    if (last === 'test-finished' || last === 'suite-finished' || last === 'suite-failed-early') return
    if (task.type === 'test') {
      if (task.mode === 'skip' || task.mode === 'todo') return
      if (last !== 'test-prepare') events.push([task.id, 'test-prepare', undefined])
      packs.push([task.id, resultOf(task.id), task.meta])
      events.push([task.id, 'test-finished', undefined])
      return
    }
    if (last !== 'suite-prepare') events.push([task.id, 'suite-prepare', undefined])
    for (const child of task.tasks) visit(child)
    const isFile = 'filepath' in task
    const failed = isFile && seen.running === undefined
    packs.push([
      task.id,
      { state: isFile ? 'fail' : 'skip', ...(failed ? { errors: [error] } : {}) },
      task.meta,
    ])
    events.push([task.id, 'suite-finished', undefined])
  }
  const resultOf = (id: string): RunnerTask['result'] => {
    const outcome = seen.outcomes.get(id)
    if (outcome) return outcome as RunnerTask['result']
    if (id === seen.running)
      return { state: 'fail', startTime: seen.since, duration: Date.now() - seen.since, errors: [error] }
    const note = isTold ? notRunNote : `${notRunNote}: ${interruption.reason}`
    isTold = true
    // Vitest shows the note beside a skipped test, though its type does not have it.
    return { state: 'skip', note } as RunnerTask['result']
  }
  let isTold = false
  for (const file of seen.files) {
    isTold = false
    visit(file)
  }
  return [packs, events]
}
