// SPDX-License-Identifier: MIT
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { messageOf } from '../base/errors.ts'
import { makeFolder } from '../base/folders.ts'
import { lastLines } from '../base/process.ts'
import { understood } from '../base/system-errors.ts'
import { plainConsole } from '../guest/evidence.ts'
import type { Guest } from '../guest/guest.ts'
import { Capture } from '../verdict/capture.ts'
import type { KernelReport } from '../verdict/describe-splat.ts'
import {
  commandAgain,
  evidenceFolder,
  keepEvidence,
  placeOf,
  topOfEvidence,
} from '../verdict/evidence-folder.ts'
import type { Failure } from '../verdict/judge.ts'
import type { FailureDetails, LossDetails } from './failure-details.ts'
import type { FileRecord } from './file-record.ts'
import type { GuestSource } from './guest-source.ts'
import type { WorkerRequest } from './messages.ts'
import type { TestOutput } from './output.ts'

/** Lines of the kernel log, and of the console, that a failure carries as data. */
const LOG_LINES = 200
const CONSOLE_LINES = 200

/** An image of a guest's memory, among the evidence. */
const dumpName = 'memory.elf'

/** Images that may be half written when this process ends. */
const dumpFiles = new Set<string>()
process.once('exit', () => {
  for (const file of dumpFiles) rmSync(file, { force: true })
})

/**
 * A file for the image of a guest's memory: on the disk of the evidence, which is made after it. What processes have
 * left that were killed goes.
 */
export function newDumpFile(root: string, guest: string): string {
  const folder = path.join(root, topOfEvidence)
  makeFolder(folder)
  for (const name of readdirSync(folder)) {
    const [, owner] = /^(\d+)-.*\.memory\.elf$/.exec(name) ?? []
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) rmSync(path.join(folder, name), { force: true })
  }
  const file = path.join(folder, `${process.pid}-${guest}.${dumpName}`)
  dumpFiles.add(file)
  return file
}

/** Where the evidence of a file is, for people. @param side of a comparison */
export function evidenceLine(
  file: string,
  {
    label,
    side,
    folder,
  }: { readonly label: string; readonly side: string | undefined; readonly folder: string },
): string {
  return `  evidence of ${file} (${side === undefined ? label : `${label}, ${side}`}): ${folder}\n`
}

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
  /** By the test's id; '': the file's own. */
  readonly #reports = new Map<string, KernelReport[]>()
  #loss: LossDetails | undefined

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

  /**
   * Keeps the reports of failures, and adds to them where the evidence is.
   * @param test undefined: they are the file's own
   */
  named(failures: readonly Failure[], test?: string): Failure[] {
    return failures.map(({ name, message, report }) => {
      if (report) this.reported([report], test)
      return { name, message: [message, this.place].filter(Boolean).join('\n\n') }
    })
  }

  /** @param test undefined: the file's own */
  reported(reports: readonly KernelReport[], test: string | undefined): void {
    const key = test ?? ''
    this.#reports.set(key, [...(this.#reports.get(key) ?? []), ...reports])
  }

  /** The guest was lost in the time of a test, or outside of any. */
  lost(reason: string, stack: string): void {
    this.#loss = { reason, stack, console: lastLines(plainConsole(this.#guest.qemu.console), CONSOLE_LINES) }
  }

  /** Where the evidence is kept, as a line; '' if none is. */
  get place(): string {
    return this.#folder && `evidence: ${this.#folder}`
  }

  get #folder(): string {
    const { name } = this.#record
    if (!this.#source.identity || name === undefined) return ''
    return evidenceFolder(this.#guest.label, name, this.#only)
  }

  /** What a page shows of a failed test or, without one, of the file. */
  details(test?: string): FailureDetails {
    // Tests that had ended before the guest was lost have nothing to do with that.
    const isLost = this.#loss !== undefined && test === this.#record.running
    const since = test === undefined ? this.since : isLost ? this.#record.runningSince : undefined
    return {
      reports: this.#reports.get(test ?? '') ?? [],
      kernelLog: since === undefined ? '' : this.#guest.log.since(Math.max(since, this.since), LOG_LINES),
      loss: isLost ? this.#loss : undefined,
      evidence: this.#folder,
      again: commandAgain(this.#guest.label, this.#record.name ?? '', this.#guest.origin === 'forked'),
    }
  }

  /** Keeps the evidence of a guest in which a file failed, and says where. */
  keep(): void {
    this.capture?.close()
    this.keepSoFar()
  }

  /** The same while the file goes on. */
  keepSoFar(): void {
    const { identity } = this.#source
    const { name } = this.#record
    if (!identity || name === undefined) return
    if (!this.#record.hasFailed) return
    try {
      const folder = keepEvidence(this.#root, name, {
        guest: this.#guest,
        only: this.#only,
        identity,
        since: this.since,
        marks: this.#record.marks,
        output: this.#output.kept,
        capture: this.capture?.failed,
        failed: [...this.#record.failedTests.values()],
      })
      const { label } = this.#guest
      process.stderr.write(evidenceLine(name, { label, side: this.#source.recorder?.side, folder }))
    } catch (error) {
      process.stderr.write(
        `  no evidence could be kept: ${understood(error, true)?.message ?? messageOf(error)}\n`,
      )
    }
  }

  /** Puts the image of a lost guest's memory beside the rest, and says how large it is. */
  async keepDump(): Promise<void> {
    const { dumpFile, dumped } = this.#guest.qemu
    const dump = await dumped
    if (dump === undefined || dumpFile === undefined) return
    const of = `of ${this.#record.name} (${this.#guest.label})`
    const say = (text: string) => process.stderr.write(`  ${text}\n`)
    if ('reason' in dump) return void say(`no image of the memory ${of} could be kept: ${dump.reason}`)
    try {
      const place = path.join(this.#folder, dumpName)
      renameSync(dumpFile, path.join(this.#root, place))
      say(`memory ${of}, ${Math.round(dump.size / 1e6)} MB: ${place}`)
    } catch (error) {
      rmSync(dumpFile, { force: true })
      say(
        `no image of the memory ${of} could be kept: ${understood(error, true)?.message ?? messageOf(error)}`,
      )
    }
  }

  #newCapture(file: string): Capture {
    const { label, release } = this.#guest
    const { captureFolder } = this.#source
    const place = captureFolder && `${path.join(captureFolder, placeOf(label, file, this.#only))}.pcapng`
    return new Capture({ label, release, file }, place, text => process.stderr.write(`  ${text}\n`))
  }
}
