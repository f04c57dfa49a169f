// SPDX-License-Identifier: MIT
/** A specification's `checks`: what the kernel demands of an attribute, looked at before it is sent. */
import { parseAttributes, type Value } from '../netlink/index.ts'
import type { AttributeSpecification, Limit } from './specification.ts'
import { autoInteger, type Definitions, integer, isInteger } from './values.ts'

/** A value that is not written if the kernel would refuse it by its checks: a RangeError says which. */
export function checked(
  value: Value<unknown>,
  attribute: AttributeSpecification,
  definitions: Pick<Definitions, 'enumeration'>,
): Value<unknown> {
  if (Object.keys(attribute.checks).length === 0) return value
  const write: Value<unknown>['write'] = (type, content, siblings) => {
    const written = value.write(type, content, siblings)
    if (written.length > 0) check(written, attribute, definitions)
    return written
  }
  return { ...value, write }
}

function check(
  written: Buffer,
  { type, checks, byteOrder }: AttributeSpecification,
  definitions: Pick<Definitions, 'enumeration'>,
): void {
  const payload = parseAttributes(written)[0]?.payload ?? Buffer.alloc(0)
  if (type === 'string' || type === 'binary') checkLength(payload, type, checks)
  const isAuto = type === 'uint' || type === 'sint'
  if (!isAuto && !isInteger(type)) return
  const value: Value<number | bigint> = isAuto ? autoInteger(type, byteOrder) : integer(type, byteOrder)
  const number = BigInt(value.read(payload, 0, payload.length, {}))
  const { minimum, maximum, flagsMask } = checks
  if (isBelow(number, minimum)) throw new RangeError(`${number} is less than ${minimum}`)
  if (isAbove(number, maximum)) throw new RangeError(`${number} is more than ${maximum}`)
  if (flagsMask === undefined) return
  const { entries, kind } = definitions.enumeration(flagsMask)
  const mask = entries.reduce(
    (sum, { value }) => sum | (kind === 'flags' ? 1n << BigInt(value) : BigInt(value)),
    0n,
  )
  if ((number & ~mask) !== 0n) throw new RangeError(`${number} has bits that ${flagsMask} does not have`)
}

function checkLength(payload: Buffer, type: string, checks: AttributeSpecification['checks']): void {
  const { minimumLength, maximumLength, exactLength } = checks
  // of strings the NUL at the end is not counted (nla_strlen, NLA_NUL_STRING)
  const length = BigInt(type === 'string' && payload.at(-1) === 0 ? payload.length - 1 : payload.length)
  if (isBelow(length, exactLength) || isAbove(length, exactLength))
    throw new RangeError(`${length} bytes, not ${exactLength}`)
  if (isBelow(length, minimumLength)) throw new RangeError(`${length} bytes, less than ${minimumLength}`)
  if (isAbove(length, maximumLength)) throw new RangeError(`${length} bytes, more than ${maximumLength}`)
}

/** What only C headers know is not checked. */
function isBelow(number: bigint, limit: Limit | undefined): boolean {
  return typeof limit === 'bigint' && number < limit
}

function isAbove(number: bigint, limit: Limit | undefined): boolean {
  return typeof limit === 'bigint' && number > limit
}
