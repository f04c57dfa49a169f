// SPDX-License-Identifier: MIT
/** A specification is wrong, or uses what this version does not know. */
export class SpecificationError extends Error {
  /** The name under which it was read. */
  readonly file: string
  /** Where it is wrong, from 1 on. */
  readonly line: number
  /** From 1 on. */
  readonly column: number

  constructor(message: string, file: string, line: number, column: number) {
    super(`${file}:${line}:${column}: ${message}`)
    this.name = 'SpecificationError'
    this.file = file
    this.line = line
    this.column = column
  }
}
