import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { MachineryError, messageOf, UsageError } from '../base/errors.ts'
import { markdownTable, matrixTable } from './matrix-table.ts'
import { type KernelSummary, summaryLines } from './summary.ts'

/**
 * Looks whether a report can be written, before anything runs for it; its folder is made if need be.
 * @param again whether it is read and written once more, which a pipe or device is not for
 * @throws UsageError that names the report and what is in its way
 */
export function requireWritable(file: string, again = false): void {
  try {
    mkdirSync(path.dirname(file), { recursive: true })
    const before = statSync(file, { throwIfNoEntry: false })
    if (before?.isDirectory()) throw new Error('it is a folder')
    if (again && before && !before.isFile()) throw new Error('it is no regular file')
    // Opening one would wait for its reader.
    if (before?.isFIFO()) return
    const { blocks, bfree } = statfsSync(path.dirname(file))
    if ((before?.isFile() ?? true) && blocks > 0 && bfree === 0) throw new Error('no space is left there')
    const opened = openSync(file, 'a')
    try {
      // A device (/dev/full) that takes nothing refuses even no bytes.
      writeSync(opened, new Uint8Array(0))
    } finally {
      closeSync(opened)
      if (!before) rmSync(file)
    }
  } catch (error) {
    throw new UsageError(`cannot write the report ${file}: ${messageOf(error)}`, { cause: error })
  }
}

/**
 * Looks whether Vitest has written a report, of which it does not tell.
 * @param since milliseconds since 1970
 */
export function requireWritten(file: string, since: number): void {
  writing(file, () => {
    const status = statSync(file)
    if (status.isFile() && (status.size === 0 || status.mtimeMs < since - 1))
      throw new Error('nothing was written')
  })
}

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
