// SPDX-License-Identifier: MIT

/** A place in a source file. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column?: number | undefined
}
