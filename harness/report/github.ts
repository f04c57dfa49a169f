// SPDX-License-Identifier: MIT
import { GithubActionsReporter, type Reporter, type Vitest } from 'vitest/node'
import { thrownError } from '../../guest/agent/thrown-error.ts'
import { type Annotation, bestPlace, compilerErrors, workflowCommands } from './annotations.ts'
import { type Failure, failuresOf } from './failures.ts'
import type { Place } from './place.ts'
import { type FindSource, sourcePlace } from './source-files.ts'
import type { KernelSummary } from './summary.ts'
import { textOf } from './text.ts'

/** A run's failures as workflow commands, the worst first: kernels without modules, lost guests, reports, tests. */
export function githubReport(vitest: Vitest, kernels: readonly KernelSummary[], find: FindSource): string {
  return workflowCommands([
    ...kernels.flatMap(({ label, obstacles }) =>
      obstacles.flatMap(({ message, details }) => compilerErrors(message, details, label)),
    ),
    ...failuresOf(vitest, kernels).map(failure => annotationOf(vitest, failure, find)),
  ])
}

/**
 * Vitest's own reporter for GitHub, but only for what tests say by `annotate()`: it has no limit, and leaves out
 * failures without a stack, such as a lost guest.
 */
export function testAnnotations(): Reporter {
  const vitests = new GithubActionsReporter({ jobSummary: { enabled: false } })
  return {
    onInit: vitest => vitests.onInit(vitest),
    onTestCaseAnnotate: (test, annotation) => vitests.onTestCaseAnnotate(test, annotation),
  }
}

function annotationOf(vitest: Vitest, failure: Failure, find: FindSource): Annotation {
  const { kernel, file, name, test, error, location } = failure
  return {
    title: test === undefined ? name : `${name} > ${test}`,
    // What Vitest adds below a message is in its log.
    message: textOf(error),
    place: bestPlace(
      [sourcePlace(error.message, find), nearest(vitest, kernel, error), location],
      beginningOfFile(file ?? error.VITEST_TEST_PATH),
    ),
    ...(kernel === undefined ? {} : { kernel }),
  }
}

/** @param file of an error outside of tests the one that ran then, as Vitest says it */
function beginningOfFile(file: unknown): Place | undefined {
  return typeof file === 'string' ? { file, line: 1 } : undefined
}

/** The line of the tests' code that an error comes from, as Vitest's own reports have it. */
function nearest(vitest: Vitest, kernel: string | undefined, error: unknown): Place | undefined {
  // Nobody knows the kernel of an error outside of tests.
  const projects = vitest.projects.filter(({ name }) => kernel === undefined || name === kernel)
  for (const project of projects.length > 0 ? projects : [vitest.getRootProject()]) {
    const stack = vitest.logger.formatError(thrownError(error), { project, showCodeFrame: false }).nearest
    if (stack) return { file: stack.file, line: stack.line, column: stack.column }
  }
  return undefined
}
