// SPDX-License-Identifier: MIT
import path from 'node:path'
import { messageOf } from '../base/errors.ts'
import { understood } from '../base/system-errors.ts'
import type { Guest } from '../guest/guest.ts'
import { Capture } from '../verdict/capture.ts'
import { evidenceFolder, keepEvidence, placeOf } from '../verdict/evidence-folder.ts'
import type { Failure } from '../verdict/judge.ts'
import type { FileRecord } from './file-record.ts'
import type { GuestSource } from './guest-source.ts'
import type { WorkerRequest } from './messages.ts'
import type { TestOutput } from './output.ts'

/** What is kept of a file in its guest: the evidence of a failure, and what its sockets have said. */
export class FileEvidence {
  /** What the sockets of its tests have said. */
  readonly capture: Capture | undefined
  /** The first kernel log record of the file. */
  since = 0
  readonly #root: string
  readonly #source: GuestSource
  readonly #guest: Guest
  readonly #record: FileRecord
  readonly #output: TestOutput
  /** The only test to run, where each has a guest of its own. */
  readonly #only: string | undefined

  /** Opens the file of --capture, which replaces that of an earlier run. */
  constructor(
    root: string,
    source: GuestSource,
    guest: Guest,
    request: WorkerRequest,
    { record, output }: { readonly record: FileRecord; readonly output: TestOutput },
  ) {
    const [tested] = request.context?.files ?? []
    this.#root = root
    this.#source = source
    this.#guest = guest
    this.#record = record
    this.#output = output
    this.#only = tested?.only?.id
    this.capture =
      tested && request.type === 'run' ? this.#newCapture(path.relative(root, tested.filepath)) : undefined
  }

  /** Adds to failures where the evidence is kept. */
  named(failures: readonly Failure[]): Failure[] {
    return failures.map(failure => ({
      ...failure,
      message: [failure.message, this.place].filter(Boolean).join('\n\n'),
    }))
  }

  /** Where the evidence is kept, as a line; '' if none is. */
  get place(): string {
    const { name } = this.#record
    if (!this.#source.identity || name === undefined) return ''
    return `evidence: ${evidenceFolder(this.#guest.label, name, this.#only)}`
  }

  /** Keeps the evidence of a guest in which a file failed, and says where. */
  keep(isInterrupted: boolean): void {
    this.capture?.close()
    const { identity } = this.#source
    const { name } = this.#record
    if (!identity || name === undefined) return
    if (!this.#record.hasFailed && !isInterrupted) return
    try {
      const folder = keepEvidence(this.#root, name, {
        guest: this.#guest,
        only: this.#only,
        identity,
        since: this.since,
        marks: this.#record.marks,
        output: this.#output.kept,
        capture: this.capture?.failed,
        failed: this.#record.failedTests(isInterrupted),
      })
      process.stderr.write(`  evidence of ${name} (${this.#guest.label}): ${folder}\n`)
    } catch (error) {
      process.stderr.write(`  no evidence could be kept: ${understood(error)?.message ?? messageOf(error)}\n`)
    }
  }

  #newCapture(file: string): Capture {
    const { label, release } = this.#guest
    const { captureFolder } = this.#source
    const place = captureFolder && `${path.join(captureFolder, placeOf(label, file, this.#only))}.pcapng`
    return new Capture({ label, release, file }, place, text => process.stderr.write(`  ${text}\n`))
  }
}
