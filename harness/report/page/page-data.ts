// SPDX-License-Identifier: MIT
/** All that a page shows, as its script finds it: what both sides of the page know. */
import type { SequenceDiagram } from '../../../guest/agent/protocol.ts'
import type { FailureDetails } from '../../pool/failure-details.ts'
import type { KernelReport } from '../../verdict/describe-splat.ts'

export interface PageData {
  /** The version of this package. */
  readonly version: string
  /** When it was made, in milliseconds since 1970. */
  readonly time: number
  /** Milliseconds of the whole run. */
  readonly total: number
  /** Whether all that was to run has passed. */
  readonly ok: boolean
  readonly kernels: readonly PageKernel[]
  /** In the order of kernels, then of names. */
  readonly files: readonly PageFile[]
  /** What is told of the configuration's known reports. */
  readonly remarks: readonly string[]
  /** Errors that belong to no test and no file. */
  readonly unhandled: readonly PageError[]
}

export interface PageKernel {
  readonly label: string
  /** `uname -r`; '' if there was no kernel. */
  readonly release: string
  readonly origin: string
  /** Why it did not run, or what of its run is missing. */
  readonly problem: string | undefined
  /** What the compiler has said, if that is why; else ''. */
  readonly details: string
  /** The median of its guests' times to a loaded worker, in milliseconds. */
  readonly bootTime: number | undefined
}

/** A test file on a kernel. */
export interface PageFile {
  readonly kernel: string
  /** From the project's folder. */
  readonly name: string
  readonly ok: boolean
  /** Milliseconds of its guest's worker until the file runs, of loading it, and of its tests and hooks. */
  readonly phases: { readonly start: number; readonly load: number; readonly run: number }
  /** What failed outside of its tests; undefined if nothing did. */
  readonly outside: PageFailure | undefined
  /** How many tests did not run, and why; undefined if all did. */
  readonly missed: string | undefined
  readonly tests: readonly PageTest[]
}

export type PageStatus = 'failed' | 'passed' | 'skipped' | 'not run'

export interface PageTest {
  /** Unique on the page, and the same for each run of the same suites. */
  readonly id: string
  /** With its suites. */
  readonly name: string
  readonly status: PageStatus
  /** Milliseconds; 0 if it did not run. */
  readonly duration: number
  /** Why it was skipped or did not run. */
  readonly note?: string
  /** Attempts after the first one. */
  readonly retries?: number
  readonly failure?: PageFailure
}

export interface PageFailure {
  readonly errors: readonly PageError[]
  /** Of a test one for each attempt that failed, else one for each suite whose hook has failed. */
  readonly conversations: readonly SequenceDiagram[]
  /** Undefined where nothing was recorded. */
  readonly details: Pick<FailureDetails, 'loss' | 'evidence'> | undefined
  /** As dmesg shows it; '' if the kernel logged nothing. */
  readonly kernelLog: string
  /** What it printed; the end of much. */
  readonly output: string
  /** The command that runs it again. */
  readonly again: string
}

export interface PageError {
  readonly name: string
  /** '' for a report of the kernel, which says it all. */
  readonly message: string
  readonly diff: string
  /** Places in the suites, innermost first: "suites/a.test.ts:12:3". */
  readonly places: readonly string[]
  readonly report?: KernelReport
  /** What the sources say at the first place: of the suites, or of the modules. */
  readonly excerpt?: PageExcerpt
}

/** Some lines of a source file. */
export interface PageExcerpt {
  readonly name: string
  /** The number of the first line, and of the one that it is about; from 1 on. */
  readonly first: number
  readonly line: number
  readonly lines: readonly string[]
}
