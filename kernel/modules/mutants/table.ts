// SPDX-License-Identifier: MIT
/** A module with one thing wrong: a patch and a row of the table. */
export interface Mutant {
  /** The patch is NAME.patch. */
  readonly name: string
  /** The module it breaks: the first part of its name. */
  readonly module: string
  readonly description: string
}

/** The rows `| name | description |` of the table in README.md. */
export function mutantsOf(readme: string): Mutant[] {
  return [...readme.matchAll(/^\| ([a-z]+)(-[a-z\d-]+) \| (.+) \|$/gm)].map(
    ([, module = '', rest = '', description = '']) => ({ name: module + rest, module, description }),
  )
}
