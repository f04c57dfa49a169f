import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { MachineryError, messageOf } from '../base/errors.ts'
import { markdownTable, matrixTable } from './matrix-table.ts'
import { type KernelSummary, summaryLines } from './summary.ts'

/**
 * Adds to Vitest's JSON report what it has no place for: `kernels`, a {@link KernelSummary} each, with the reason of one
 * that did not run at all.
 */
export function completeJson(file: string, kernels: readonly KernelSummary[]): void {
  writing(file, () => {
    const report = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    writeFileSync(file, JSON.stringify({ ...report, kernels }))
  })
}

/** Writes the table of suites and kernels as Markdown, into a folder that is made where it is not there, as Vitest does. */
export function writeMarkdown(file: string, kernels: readonly KernelSummary[], total: number): void {
  writing(file, () => {
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, markdownTable(matrixTable(kernels), summaryLines(kernels, total)))
  })
}

function writing(file: string, work: () => void): void {
  try {
    work()
  } catch (error) {
    throw new MachineryError(`cannot write the report ${file}: ${messageOf(error)}`, { cause: error })
  }
}
