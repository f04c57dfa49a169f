// SPDX-License-Identifier: MIT
import path from 'node:path'
import { JsonReporter, type Reporter, ReportersMap, type Vitest } from 'vitest/node'
import { messageOf } from '../base/errors.ts'
import { isSystemError } from '../base/system-errors.ts'
import { forgetReport } from '../report/files.ts'

/** Vitest's reporters that write a file (5.1.1: those that read outputFile). */
export const fileReporters = ['blob', 'json', 'junit'] as const
type Writing = (typeof fileReporters)[number]

export function isWriting(name: string): name is Writing {
  return (fileReporters as readonly string[]).includes(name)
}

/** Vitest's JSON report for --json, which is completed before it is written. */
class JsonText extends JsonReporter {
  text: string | undefined

  constructor() {
    super({ stdout: true })
  }

  override onInit(vitest: Vitest): void {
    const log = (text: string) => {
      this.text = text
    }
    // A file of the command line is for another reporter of this kind.
    const config = Object.create(vitest.config, { outputFile: { value: undefined } })
    super.onInit(Object.create(vitest, { logger: { value: { log } }, config: { value: config } }))
  }
}

/**
 * Vitest's reporters that write files. A report that cannot be written is told of in a line, and changes no
 * result: without this Vitest ends with a stack and another status.
 */
export class VitestFiles {
  readonly #json = new JsonText()
  readonly #unwritten = new Set<Writing>()

  /** For --json. */
  get json(): Reporter {
    return this.#json
  }

  /** What that has come to; undefined if Vitest did not get so far. */
  get jsonText(): string | undefined {
    return this.#json.text
  }

  /** Whether a file could not be written, as has been told. */
  isUnwritten(name: Writing): boolean {
    return this.#unwritten.has(name)
  }

  /** One of Vitest's reporters by name. */
  reporter(name: Writing): Reporter {
    const reporter: Reporter = new ReportersMap[name]({})
    let vitest: Vitest | undefined
    const telling = async (work: () => unknown) => {
      try {
        if (!this.isUnwritten(name)) await work()
      } catch (error) {
        if (!isSystemError(error)) throw error
        this.#unwritten.add(name)
        this.#tell(fileOf(name, vitest), error)
      }
    }
    const { onInit, onTestRunEnd } = reporter
    reporter.onInit = started => {
      vitest = started
      return telling(() => onInit?.call(reporter, started))
    }
    reporter.onTestRunEnd = (...results) => telling(() => onTestRunEnd?.apply(reporter, results))
    return reporter
  }

  #tell(file: string | undefined, error: unknown): void {
    process.stderr.write(`error: cannot write the report ${file ?? 'of Vitest'}: ${messageOf(error)}\n`)
    // What is cut off is no report.
    if (file !== undefined) forgetReport(file)
  }
}

function fileOf(name: Writing, vitest: Vitest | undefined): string | undefined {
  const { outputFile, root = '' } = vitest?.config ?? {}
  const file = typeof outputFile === 'string' ? outputFile : outputFile?.[name]
  return file === undefined ? undefined : path.resolve(root, file)
}
