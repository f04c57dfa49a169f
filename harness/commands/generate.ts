// SPDX-License-Identifier: MIT
import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { generatedMark, generateTypeScript } from '../../guest/ynl/generate.ts'
import { UsageError } from '../base/errors.ts'
import { requireWritable, writeReport } from '../report/files.ts'
import { readSpecification } from './read-specification.ts'

/** Options of `generate`. */
export interface GenerateOptions {
  /** The file to write; stdout without. */
  readonly output?: string
}

/**
 * Makes TypeScript of a specification.
 * @param file the specification
 * @throws UsageError for a specification that is wrong, and an output that is not to be written
 */
export function generate(file: string, { output }: GenerateOptions): void {
  const remark = (text: string) => process.stderr.write(`  ${text}\n`)
  const { specification, license } = readSpecification(file, remark)
  const source = path.basename(file)
  const code = generateTypeScript(specification, { source, ...(license !== undefined && { license }) })
  if (output === undefined) {
    process.stdout.write(code)
    return
  }
  requireGenerated(output)
  requireWritable(output)
  writeReport(output, code)
}

/** What somebody has written is not overwritten. */
function requireGenerated(output: string): void {
  if (!existsSync(output) || !statSync(output).isFile()) return
  const before = readFileSync(output, 'utf8')
  if (before !== '' && !before.startsWith(generatedMark))
    throw new UsageError(`${output} was not made by generate: choose another file, or remove it first`)
}
