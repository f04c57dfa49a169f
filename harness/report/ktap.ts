// SPDX-License-Identifier: MIT
/**
 * KTAP, the kernel's test anything protocol: a file of a kernel is a test with its suites and tests as
 * subtests (Documentation/dev-tools/ktap.rst of the kernel; version 2 adds nothing that is used here).
 */
import type { TestCase, TestModule, TestSuite, Vitest } from 'vitest/node'
import { notRunNote } from '../../guest/agent/protocol.ts'
import { errorsOf, errorsOfAttempts, failuresOutside } from './failures.ts'
import { isNotRun, notRunText } from './not-run.ts'
import type { KernelSummary } from './summary.ts'
import { oneLine, plain, textOf } from './text.ts'

/** A run's report; the kernels that did not run are in it. */
export function ktap({ state }: Pick<Vitest, 'state'>, kernels: readonly KernelSummary[]): string {
  const order = new Map(kernels.map(({ label }, index) => [label, index]))
  const rank = ({ project }: TestModule) => order.get(project.name) ?? 0
  const obstacles = kernels.filter(({ error }) => error !== undefined)
  const modules = state
    .getTestModules()
    .filter(({ project }) => !obstacles.some(({ label }) => label === project.name))
    .toSorted((a, b) => rank(a) - rank(b) || compare(a.relativeModuleId, b.relativeModuleId))
  const outside = failuresOutside({ state })
  const count = modules.length + obstacles.length + Math.min(outside.length, 1)
  const lines = [
    'KTAP version 2',
    `1..${count}`,
    ...modules.flatMap((module, index) =>
      subtest(module, index + 1, `${module.project.name} ${module.relativeModuleId}`),
    ),
    ...obstacles.flatMap(({ label, error = '', obstacles: reasons }, index) => [
      ...diagnosis(error),
      ...reasons.flatMap(({ details }) => (details === undefined ? [] : diagnosis(details))),
      `not ok ${modules.length + index + 1} ${named(label)} # ERROR did not run`,
    ]),
    ...outside.flatMap(({ error }) => diagnosis(textOf(error))),
    ...(outside.length > 0 ? [`not ok ${count} errors outside of tests`] : []),
  ]
  return `${lines.join('\n')}\n`
}

/** A file or a suite: its tests, then its own result. */
function subtest(entity: TestModule | TestSuite, number: number, name: string): string[] {
  const children = [...entity.children]
  const inner = [
    'KTAP version 2',
    `1..${children.length}`,
    ...children.flatMap((child, index) =>
      child.type === 'test' ? test(child, index + 1) : subtest(child, index + 1, child.name),
    ),
  ]
  const missed = entity.type === 'module' ? notRunText(entity) : undefined
  return [
    ...inner.map(line => `  ${line}`),
    ...errorsOf(entity).flatMap(error => diagnosis(textOf(error))),
    ...(missed ? diagnosis(missed) : []),
    `${entity.ok() ? 'ok' : 'not ok'} ${number} ${named(name)}${entity.state() === 'skipped' ? ' # SKIP' : ''}`,
  ]
}

function test(entity: TestCase, number: number): string[] {
  const result = entity.result()
  const name = `${number} ${named(entity.name)}`
  if (isNotRun(entity)) return [`not ok ${name} # ERROR ${notRunNote}`]
  if (result.state === 'skipped') {
    const todo = entity.options.mode === 'todo'
    return [`ok ${name} # ${todo ? 'TODO' : 'SKIP'}${result.note ? ` ${oneLine(result.note)}` : ''}`]
  }
  if (result.state === 'pending') return [`not ok ${name} # ERROR ${notRunNote}`]
  const errors = errorsOfAttempts(entity).flatMap(error => diagnosis(textOf(error)))
  return [...errors, `${result.state === 'passed' ? 'ok' : 'not ok'} ${name}`]
}

/** Diagnostic lines, which stand before the result that they explain. */
function diagnosis(text: string): string[] {
  return plain(text)
    .split('\n')
    .map(line => `# ${line}`.trimEnd())
}

/** A name on one line, in which # begins no directive. */
function named(name: string): string {
  return oneLine(name).replaceAll('#', '\\#')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
