// SPDX-License-Identifier: MIT
/**
 * Vitest's TAP reporters (5.1.1), which leave out the errors of files and hooks, and call tests that a failed hook or a
 * lost guest kept from running skipped and ok.
 */
import type { RunnerTask } from 'vitest'
import { TapFlatReporter, TapReporter, type TestModule } from 'vitest/node'
import { notRunNote } from '../../guest/agent/protocol.ts'

export class CompleteTap extends TapReporter {
  override onTestRunEnd(modules: readonly TestModule[]): void {
    super.onTestRunEnd(modules.map(completed))
  }
}

export class CompleteFlatTap extends TapFlatReporter {
  override onTestRunEnd(modules: readonly TestModule[]): void {
    super.onTestRunEnd(modules.map(completed))
  }
}

/** All that the reporters look at. */
function completed(module: TestModule): TestModule {
  const { task } = module as unknown as { readonly task: RunnerTask }
  return { task: told(task) } as unknown as TestModule
}

/** A copy of a task in which what did not run has failed, and errors of hooks have a test of their own. */
function told(task: RunnerTask): RunnerTask {
  if (task.type !== 'suite') {
    const { note } = (task.result ?? {}) as { readonly note?: string }
    return note?.startsWith(notRunNote) ? failing(task, [{ name: 'NotRun', message: note }]) : task
  }
  const tasks = task.tasks.map(told)
  const errors = task.result?.errors ?? []
  if (errors.length > 0 && tasks.length > 0) {
    const [first] = tasks as [RunnerTask]
    tasks.push(failing({ ...first, type: 'test', name: 'outside of its tests' } as RunnerTask, errors))
  }
  const isHindered = tasks.some((each, index) => each !== task.tasks[index] && each.result?.state === 'fail')
  return { ...(isHindered ? failing(task, errors) : task), tasks } as RunnerTask
}

function failing(task: RunnerTask, errors: readonly object[]): RunnerTask {
  const { duration } = task.result ?? {}
  const result = { state: 'fail', errors, ...(duration === undefined ? {} : { duration }) }
  return { ...task, mode: 'run', annotations: [], result } as unknown as RunnerTask
}
