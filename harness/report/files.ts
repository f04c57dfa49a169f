// SPDX-License-Identifier: MIT
import {
  closeSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
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
import type { Failure } from './failures.ts'
import type { KernelSummary } from './summary.ts'

/**
 * Checks before the run that a report can be written; makes its folder.
 * @param again whether it is read and rewritten later, which a pipe or device cannot be
 * @throws UsageError that names the report and what is in its way
 */
export function requireWritable(file: string, again = false): void {
  if (file === '') throw new UsageError('cannot write a report without a name: give the option a file')
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
 * all; and the errors outside of tests, of which Vitest's report knows nothing.
 * @param report undefined if Vitest has not come to its end
 */
export function completedJson(
  report: string | undefined,
  kernels: readonly KernelSummary[],
  outside: readonly Failure[] = [],
): string {
  // Vitest does not know of shards that are missing.
  const incomplete = kernels.some(kernel => kernel.error !== undefined || kernel.incomplete !== undefined)
  const vitests = report === undefined ? { success: false } : JSON.parse(report)
  const errors = outside.map(({ error: { name, message, stack } }) => ({ name, message, stack }))
  return JSON.stringify({
    ...vitests,
    ...(incomplete || errors.length > 0 ? { success: false } : {}),
    ...(errors.length > 0 ? { unhandledErrors: errors } : {}),
    kernels,
  })
}

/** Adds the run's record to the blob that Vitest has written. */
export function completeBlob(file: string, record: Omit<RunRecord, 'version'>): void {
  writing(file, () => replace(file, addRecord(readFileSync(file, 'utf8'), record)))
}

/** The name of a report's place that is standard output. */
export const onStdout = '-'

/**
 * Writes a report, the whole of it or nothing; makes the folder. What other steps of a GitHub job have in its
 * summary stays.
 * @param file as on the command line
 * @throws MachineryError
 */
export function writeReport(file: string, text: string): void {
  if (file === onStdout) return void process.stdout.write(text)
  writing(file, () => {
    makeFolder(path.dirname(file))
    if (isSummary(file) || isStream(file)) writeFileSync(file, text, { flag: 'a' })
    else replace(file, text)
  })
}

/**
 * Removes a report of an earlier run, which nobody is to take for this one's if this one ends before it writes
 * its own. One that cannot be removed cannot be written either, and that is told.
 */
export function forgetReport(file: string): void {
  try {
    if (file !== onStdout && !isSummary(file) && !isStream(file) && statSync(file).isFile())
      rmSync(targetOf(file))
  } catch {
    // there is none
  }
}

/** The summary of a job on GitHub, to which its steps add. */
function isSummary(file: string): boolean {
  const { GITHUB_STEP_SUMMARY: summary } = process.env
  return summary !== undefined && path.resolve(summary) === path.resolve(file)
}

/** /dev/stdout and the like, which may be a file that somebody else writes, too. */
function isStream(file: string): boolean {
  return /^\/(?:dev\/(?!shm\/)|proc\/)/.test(path.resolve(file))
}

/** Where a link leads, also if nothing is there. */
function targetOf(file: string): string {
  const isLink = lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink()
  return isLink ? targetOf(path.resolve(path.dirname(file), readlinkSync(file))) : file
}

/** Puts a text in a file's place, beside which it is written: what is cut off has no report's name. */
function replace(file: string, text: string): void {
  const before = statSync(file, { throwIfNoEntry: false })
  // A pipe or a device stays what it is.
  if (before && !before.isFile()) return writeFileSync(file, text)
  const place = targetOf(file)
  const beside = `${place}.${process.pid}.part`
  try {
    writeFileSync(beside, text)
    renameSync(beside, place)
  } catch (error) {
    rmSync(beside, { force: true })
    // That of an earlier run.
    rmSync(place, { force: true })
    throw error
  }
}

function writing(file: string, work: () => void): void {
  try {
    work()
  } catch (error) {
    throw new MachineryError(`cannot write the report ${file}: ${messageOf(error)}`, { cause: error })
  }
}
