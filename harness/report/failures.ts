// SPDX-License-Identifier: MIT
import type { TestCase, TestModule, TestSuite, Vitest } from 'vitest/node'
import { type ThrownError, thrownError } from '../../guest/agent/thrown-error.ts'
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
  readonly error: ThrownError
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
  const nowhere = { kernel: undefined, file: undefined, test: undefined, location: undefined }
  return { ...nowhere, name: 'an error outside of tests', error: thrownError(thrown), rank: ranks.length }
}

/** The errors of a file, a suite or a test, each a copy of its own; none of a test that was expected to fail. */
export function errorsOf(entity: TestModule | TestSuite | TestCase): ThrownError[] {
  if (entity.type !== 'test') return entity.errors().map(error => thrownError(error))
  return entity.result().state === 'failed' ? errorsOfAttempts(entity) : []
}

/** The errors of all attempts of a test, also of one that has passed in the end. */
export function errorsOfAttempts(test: TestCase): ThrownError[] {
  return (test.result().errors ?? []).map(error => thrownError(error))
}

function failureOf(entity: TestModule | TestSuite | TestCase, error: ThrownError): Failure {
  const module = entity.type === 'module' ? entity : entity.module
  const file = module.moduleId
  const rank = ranks.findIndex(names => names.includes(error.name))
  return {
    kernel: module.project.name,
    file,
    name: module.relativeModuleId,
    test: entity.type === 'module' ? undefined : entity.fullName,
    error,
    rank: rank < 0 ? ranks.length : rank,
    location: entity.type === 'module' || !entity.location ? undefined : { file, ...entity.location },
  }
}
