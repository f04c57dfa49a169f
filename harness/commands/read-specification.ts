// SPDX-License-Identifier: MIT
/** The user's specifications: files of YNL. */
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { parseSpecification } from '../../guest/ynl/reader.ts'
import type { Specification } from '../../guest/ynl/specification.ts'
import { SpecificationError } from '../../guest/ynl/specification-error.ts'
import { messageOf, UsageError } from '../base/errors.ts'

/** A specification that was read, and its licence as an SPDX expression. */
export interface SpecificationFile {
  readonly specification: Specification
  readonly license: string | undefined
}

/** Bytes that are read at most; the reader refuses less. */
const LARGEST = 4 << 20

/**
 * Reads a specification.
 * @param onRemark is told of what looks wrong, in words with line and column
 * @throws UsageError for a file that is not there, and with line and column for one that is wrong
 */
export function readSpecification(file: string, onRemark: (text: string) => void): SpecificationFile {
  const text = read(file)
  try {
    const onError = (remark: SpecificationError) => onRemark(remark.message)
    const specification = parseSpecification(text, { file: path.basename(file), onRemark: onError })
    const [, license] = /^# SPDX-License-Identifier: (.+?)\s*$/m.exec(text.slice(0, 1000)) ?? []
    return { specification, license }
  } catch (error) {
    if (error instanceof SpecificationError) throw new UsageError(error.message, { cause: error })
    throw error
  }
}

function read(file: string): string {
  try {
    const status = statSync(file)
    if (!status.isFile() || status.size > LARGEST)
      throw new Error(status.isFile() ? `it has ${status.size} bytes` : 'it is no file')
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`cannot read the specification ${file}: ${messageOf(error)}`, { cause: error })
  }
}
