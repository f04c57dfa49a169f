// SPDX-License-Identifier: MIT
/** One test of a file by its name: its id is its place, which another test has if the file defines others. */

import { visibleName } from './visible.ts'

/** The parts of Vitest's tasks that name them. */
export interface NamedTask {
  readonly id: string
  readonly name: string
  readonly type: string
  mode?: string
  readonly tasks?: readonly NamedTask[]
}

/** A test by its own name and those of its suites, outer ones first. */
export interface WantedTest {
  readonly names: readonly string[]
  /** Which of those that have these names, from 0 on. */
  readonly nth: number
}

/** A test with its suites, outer ones first. */
export type TaskPath = readonly NamedTask[]

/** All tests of a file, in their order. */
export function testPaths(file: NamedTask): TaskPath[] {
  const below = (task: NamedTask): TaskPath[] =>
    task.type === 'test' ? [[task]] : (task.tasks ?? []).flatMap(below).map(path => [task, ...path])
  return (file.tasks ?? []).flatMap(below)
}

/** The names of each test of a file. */
export function wantedTests(file: NamedTask): Map<string, WantedTest> {
  const seen = new Map<string, number>()
  return new Map(
    testPaths(file).map(path => {
      const names = path.map(({ name }) => visibleName(name))
      const key = JSON.stringify(names)
      const nth = seen.get(key) ?? 0
      seen.set(key, nth + 1)
      return [path.at(-1)?.id ?? '', { names, nth }]
    }),
  )
}

/** The test of these names, as the host shows them; undefined if the file has none. */
export function findTest(file: NamedTask, { names, nth }: WantedTest): TaskPath | undefined {
  return testPaths(file).filter(
    path =>
      path.length === names.length && path.every(({ name }, index) => visibleName(name) === names[index]),
  )[nth]
}

/** Skips all other tests of a file, and suites in which no test is left, as Vitest does for a filter. */
export function keepOnly(file: NamedTask, wanted: WantedTest): void {
  const kept = new Set(findTest(file, wanted))
  const skip = (task: NamedTask) => {
    if (!kept.has(task)) task.mode = 'skip'
    task.tasks?.forEach(skip)
  }
  file.tasks?.forEach(skip)
}
