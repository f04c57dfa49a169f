// SPDX-License-Identifier: MIT
import { inColumns } from '../base/columns.ts'
import { seconds } from '../base/progress.ts'
import type { Counts, KernelSummary, SuiteSummary } from './summary.ts'

/** A table of suites and kernels: a header, a row for each suite, and a last row with each kernel's total. */
export interface MatrixTable {
  readonly header: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** The results of each suite on each kernel. */
export function matrixTable(kernels: readonly KernelSummary[]): MatrixTable {
  const suites = [...new Set(kernels.flatMap(kernel => kernel.suites.map(({ suite }) => suite)))].sort()
  const cellOf = (kernel: KernelSummary, suite: string): string => {
    const summary = kernel.suites.find(each => each.suite === suite)
    return kernel.error === undefined && summary ? suiteCell(summary) : 'not run'
  }
  return {
    header: ['suite', ...kernels.map(({ label }) => label)],
    rows: [
      ...suites.map(suite => [suite, ...kernels.map(kernel => cellOf(kernel, suite))]),
      ['all', ...kernels.map(kernelCell)],
    ],
  }
}

/** The table for a terminal. */
export function textTable({ header, rows }: MatrixTable): string {
  return inColumns([header, ...rows])
}

function suiteCell(summary: SuiteSummary): string {
  return `${summary.ok ? '✓' : '✗'} ${counts(summary)} (${seconds(summary.duration)})`
}

function kernelCell(kernel: KernelSummary): string {
  if (kernel.error !== undefined) return '✗ did not run'
  const duration = kernel.suites.reduce((sum, suite) => sum + suite.duration, 0)
  const ok = kernel.incomplete === undefined && kernel.suites.every(suite => suite.ok)
  return `${ok ? '✓' : '✗'} ${counts(kernel)} (${seconds(duration)})`
}

/**
 * `45`, or `43, 1 failed, 1 not run`: the number of passed tests has no word, because most cells have nothing
 * else.
 */
function counts({ passed, failed, skipped, notRun }: Counts): string {
  const others = { failed, skipped, 'not run': notRun }
  return [
    String(passed),
    ...Object.entries(others).flatMap(([what, number]) => (number > 0 ? [`${number} ${what}`] : [])),
  ].join(', ')
}
