// SPDX-License-Identifier: MIT
import {
  closeSync,
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
import { makeFolder } from '../base/folders.ts'
import { addRecord, type RunRecord } from './blob.ts'
import type { KernelSummary } from './summary.ts'

/**
 * Checks before the run that a report can be written; makes its folder.
 * @param again whether it is read and rewritten later, which a pipe or device cannot be
 * @throws UsageError that names the report and what is in its way
 */
export function requireWritable(file: string, again = false): void {
  try {
    makeFolder(path.dirname(file))
    const before = statSync(file, { throwIfNoEntry: false })
    if (before?.isDirectory()) throw new Error('it is a folder')
    if (again && before && !before.isFile()) throw new Error('it is no regular file')
    // Opening a FIFO would wait for its reader.
    if (before?.isFIFO()) return
    const { blocks, bfree } = statfsSync(path.dirname(file))
    if ((before?.isFile() ?? true) && blocks > 0 && bfree === 0) throw new Error('no space is left there')
    const opened = openSync(file, 'a')
    try {
      // A full device (/dev/full) refuses even 0 bytes.
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
 * Checks that Vitest has written a report: it does not tell when it fails to.
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
 * Adds `kernels` to Vitest's JSON report: a {@link KernelSummary} each, with the reason if one did not run at
 * all.
 */
export function completeJson(file: string, kernels: readonly KernelSummary[]): void {
  writing(file, () => {
    const report = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    // Vitest does not know of shards that are missing.
    const incomplete = kernels.some(kernel => kernel.error !== undefined || kernel.incomplete !== undefined)
    writeFileSync(file, JSON.stringify({ ...report, ...(incomplete ? { success: false } : {}), kernels }))
  })
}

/** Adds the run's record to the blob that Vitest has written. */
export function completeBlob(file: string, record: Omit<RunRecord, 'version'>): void {
  writing(file, () => writeFileSync(file, addRecord(readFileSync(file, 'utf8'), record)))
}

/** Writes a report; makes the folder. What other steps of a GitHub job have in its summary stays. */
export function writeReport(file: string, text: string): void {
  const { GITHUB_STEP_SUMMARY: summary } = process.env
  writing(file, () => {
    makeFolder(path.dirname(file))
    writeFileSync(file, text, { flag: summary !== undefined && path.resolve(summary) === file ? 'a' : 'w' })
  })
}

function writing(file: string, work: () => void): void {
  try {
    work()
  } catch (error) {
    throw new MachineryError(`cannot write the report ${file}: ${messageOf(error)}`, { cause: error })
  }
}
