// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import type { Specification } from '../../../guest/ynl/specification.ts'
import { UsageError } from '../../base/errors.ts'
import { readSpecification } from '../read-specification.ts'
import type { ProbedFamily } from './probed-families.ts'

/** A specification that was read. */
export interface GivenSpecification {
  /** Where it was, as given. */
  readonly file: string
  /** The family that it is of. */
  readonly name: string
  readonly text: string
  readonly specification: Specification
}

/**
 * Reads specifications.
 * @param onRemark is told of what looks wrong, in words with line and column
 * @throws UsageError for one that is not there, is wrong, or is of another protocol, and for two of one family
 */
export function readSpecifications(
  files: readonly string[],
  onRemark: (text: string) => void,
): GivenSpecification[] {
  const given: GivenSpecification[] = []
  for (const file of new Set(files)) {
    const { specification } = readSpecification(file, onRemark)
    const { name, protocol } = specification
    if (protocol === 'netlink-raw')
      throw new UsageError(`--spec: ${file} is no family of generic netlink: its protocol is ${protocol}`)
    const other = given.find(each => each.name === name)
    if (other) throw new UsageError(`--spec: ${other.file} and ${file} are both of the family ${name}`)
    given.push({ file, name, text: readFileSync(file, 'utf8'), specification })
  }
  return given
}

/** Gives families their specifications. @throws UsageError for one of a family that is not probed */
export function withSpecifications(
  families: readonly ProbedFamily[],
  given: readonly GivenSpecification[],
): ProbedFamily[] {
  for (const { file, name } of given)
    if (!families.some(family => family.name === name))
      throw new UsageError(
        `--spec: ${file} is of the family ${name}, and what is probed is ${families.map(family => family.name).join(', ')}`,
      )
  return families.map(family => {
    const found = given.find(({ name }) => name === family.name)
    return found === undefined ? family : { ...family, specification: found.text }
  })
}
