// SPDX-License-Identifier: MIT
import type { SerializedError, TestCase, TestModule, TestSuite, Vitest } from 'vitest/node'
import { guestLostError } from '../pool/unfinished.ts'
import type { Place } from './place.ts'
import type { KernelSummary } from './summary.ts'

/** An error of a test, a suite or a file, or one outside of tests, which has no kernel and file. */
export interface Failure {
  readonly kernel: string | undefined
  /** The test file's path. */
  readonly file: string | undefined
  /** Its name in the project. */
  readonly name: string
  /** The full name of the test or suite; undefined for the file's own. */
  readonly test: string | undefined
  readonly error: SerializedError
  /** How bad it is; 0 is worst: a lost guest, then a report of the kernel, then the rest. */
  readonly rank: number
  /** Where the test is, if Vitest has been asked (includeTaskLocation). */
  readonly location: Place | undefined
}

/** By the names of the errors that the harness adds to tests; those of tests' own come last. */
const ranks = [
  [guestLostError, 'WorkerBroken'],
  ['KernelSplat', 'KernelTaint', 'ExpectedSplat', 'Leak'],
]

/** All errors of a run, the worst first; not those of kernels that did not run at all. */
export function failuresOf({ state }: Pick<Vitest, 'state'>, kernels: readonly KernelSummary[]): Failure[] {
  const order = kernels.filter(({ error }) => error === undefined).map(({ label }) => label)
  const ofTests = state
    .getTestModules()
    .filter(({ project }) => order.includes(project.name))
    .toSorted(
      (a, b) =>
        order.indexOf(a.project.name) - order.indexOf(b.project.name) ||
        (a.relativeModuleId < b.relativeModuleId ? -1 : 1),
    )
    .flatMap(module => [module, ...module.children.allSuites(), ...module.children.allTests()])
    .flatMap(entity => errorsOf(entity).map(error => failureOf(entity, error)))
  return [...ofTests, ...failuresOutside({ state })].toSorted((a, b) => a.rank - b.rank)
}

/** Errors outside of tests, which fail a run all the same. */
export function failuresOutside({ state }: Pick<Vitest, 'state'>): Failure[] {
  return state.getUnhandledErrors().map(outside)
}

function outside(thrown: unknown): Failure {
  const { name = 'Error', message = String(thrown) } = (thrown ?? {}) as Partial<SerializedError>
  const error = { ...(thrown as Partial<SerializedError>), name, message }
  const nowhere = { kernel: undefined, file: undefined, test: undefined, location: undefined }
  return { ...nowhere, name: 'an error outside of tests', error, rank: ranks.length }
}

/** The errors of a file, a suite or a test; none of one that was expected to fail. */
export function errorsOf(entity: TestModule | TestSuite | TestCase): readonly SerializedError[] {
  if (entity.type !== 'test') return entity.errors()
  const result = entity.result()
  return result.state === 'failed' ? result.errors : []
}

function failureOf(entity: TestModule | TestSuite | TestCase, error: SerializedError): Failure {
  const module = entity.type === 'module' ? entity : entity.module
  const file = module.moduleId
  const rank = ranks.findIndex(names => names.includes(error.name ?? ''))
  return {
    kernel: module.project.name,
    file,
    name: module.relativeModuleId,
    test: entity.type === 'module' ? undefined : entity.fullName,
    error: copied(error),
    rank: rank < 0 ? ranks.length : rank,
    location: entity.type === 'module' || !entity.location ? undefined : { file, ...entity.location },
  }
}

/** Causes that reports have: an error may be its own. */
const DEEPEST_CAUSE = 10

/**
 * An error as it was thrown, with its causes: Vitest (5.1.1) puts "Caused by: " before a cause's name each time that
 * it prints it, and keeps that.
 */
export function copied<T>(error: T, depth = 0): T {
  if (typeof error !== 'object' || error === null) return error
  const { cause, ...rest } = error as { readonly name?: unknown; readonly cause?: unknown }
  const { name } = rest
  const own = typeof name === 'string' ? { name: name.replace(/^(Caused by: )+/, '') } : {}
  const below = cause === undefined || depth === DEEPEST_CAUSE ? {} : { cause: copied(cause, depth + 1) }
  return { ...rest, ...own, ...below } as T
}
