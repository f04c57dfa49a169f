// SPDX-License-Identifier: MIT
/**
 * What the kernel's core refuses before the module is asked: validate_nla() and __nla_validate_parse() of
 * lib/nlattr.c, 5.10 to 7.3. Of a policy the kernel tells less than it checks (limits of NLA_POLICY_MIN_LEN,
 * functions, big-endian integers, reject messages): where that may matter, the outcome is open.
 */
import { type AttributePolicy, NLA_F_NESTED, NLA_HDRLEN, NLA_TYPE_MASK } from '../../netlink/index.ts'
import type { Family, Policy } from './family.ts'

/** A refusal by the core. */
export interface Refusal {
  /** The errno's name. */
  readonly code: string
  /** The extended acknowledgement, absent for none. */
  readonly message?: string
  /** From the first byte of the message. */
  readonly offset?: number
  readonly policy?: AttributePolicy
}

/** One of these refusals is certain; or it is the module that answers, as far as can be known. */
export type Outcome = readonly [Refusal, ...Refusal[]] | 'open'

/** How a command's attributes are checked. */
export interface Rules {
  readonly policies: Family['policies']
  /** Whether the command is checked strictly: NL_VALIDATE_STRICT. */
  readonly strict: boolean
  /** The highest type of the outermost attributes; undefined where the kernel does not tell. */
  readonly maximum: number | undefined
}

/** MAX_POLICY_RECURSION_DEPTH of lib/nlattr.c. */
export const deepest = 10

/** Bytes of integers. */
export const widths: Readonly<Record<string, number>> = {
  U8: 1,
  U16: 2,
  U32: 4,
  U64: 8,
  S8: 1,
  S16: 2,
  S32: 4,
  S64: 8,
}

const failed = 'Attribute failed policy validation'
const badLength = 'invalid attribute length'

/** @param start where the attributes begin in the whole message */
export function outcomeOf(message: Buffer, start: number, policy: Policy, rules: Rules): Outcome {
  return parse(message, start, message.length, policy, rules.maximum, rules, 0)
}

function parse(
  message: Buffer,
  start: number,
  end: number,
  policy: Policy,
  maximum: number | undefined,
  rules: Rules,
  depth: number,
): Outcome {
  if (depth >= deepest) return [{ code: 'EINVAL', message: 'allowed policy recursion depth exceeded' }]
  const length = end - start < NLA_HDRLEN ? 0 : message.readUInt16LE(start)
  if (length < NLA_HDRLEN || length > end - start)
    return end === start || !rules.strict
      ? 'open'
      : [{ code: 'EINVAL', message: 'bytes leftover after parsing attributes' }]
  // What follows is only certain if this one passes, which functions of the module may decide.
  const raw = message.readUInt16LE(start + 2)
  const type = raw & NLA_TYPE_MASK
  if (type === 0 || (maximum !== undefined && type > maximum))
    return rules.strict ? [{ code: 'EINVAL', message: 'Unknown attribute type', offset: start }] : 'open'
  const own = policy.get(type)
  if (own === undefined) return 'open'
  return check(message, start, raw, own, rules, depth)
}

function check(
  message: Buffer,
  offset: number,
  raw: number,
  policy: AttributePolicy,
  rules: Rules,
  depth: number,
): Outcome {
  const { strict } = rules
  const { type = '' } = policy
  const payload = message.subarray(offset + NLA_HDRLEN, offset + message.readUInt16LE(offset))
  const { length } = payload
  const told = toldOf(policy)
  const refusal = (code: string, text: string): Refusal => ({ code, message: text, offset, policy: told })

  // The exact length comes first; only strict checks, which may begin at some type, refuse it at once.
  const width = widths[type]
  if (width !== undefined && length !== width) {
    // What is told as U64 may be NLA_MSECS, which is at least so long.
    const isVague = type === 'U64'
    if (length > width) return strict && !isVague ? [refusal('EINVAL', badLength)] : 'open'
    return strict && !isVague
      ? [refusal('EINVAL', badLength)]
      : [refusal('EINVAL', badLength), refusal('ERANGE', failed)]
  }

  const isNest = type === 'NESTED' || type === 'NESTED_ARRAY'
  const isMarked = (raw & NLA_F_NESTED) !== 0
  if (isNest !== isMarked) {
    if (!strict) return 'open'
    return [refusal('EINVAL', isNest ? 'NLA_F_NESTED is missing' : 'NLA_F_NESTED not expected')]
  }

  switch (type) {
    case 'FLAG':
      return length > 0 ? [refusal('ERANGE', failed)] : 'open'
    case 'UINT':
    case 'SINT':
      // NLA_MSECS is told as UINT.
      if (length < 4) return [refusal('EINVAL', badLength), refusal('ERANGE', failed)]
      if (length !== 4 && length !== 8)
        return length < 8 ? [refusal('EINVAL', badLength), refusal('ERANGE', failed)] : 'open'
      return inRange(payload, policy, refusal, offset)
    case 'BITFIELD32':
      if (length !== 8) return [refusal('ERANGE', failed)]
      return isBitfield(payload, policy.bitfieldMask ?? 0) ? 'open' : [refusal('EINVAL', failed)]
    case 'NUL_STRING': {
      const { maximumLength } = policy
      const searched = maximumLength === undefined ? length : Math.min(length, maximumLength + 1)
      if (!payload.subarray(0, searched).includes(0)) return [refusal('EINVAL', failed)]
      return stringLength(payload, policy) ? 'open' : [refusal('ERANGE', failed)]
    }
    case 'STRING':
      return stringLength(payload, policy) ? 'open' : [refusal('ERANGE', failed)]
    case 'BINARY': {
      const { minimumLength = 0, maximumLength = Infinity } = policy
      const outOfRange = refusal('ERANGE', 'binary attribute size out of range')
      if (length < minimumLength) return [outOfRange]
      // .len, a range, or NLA_POLICY_EXACT_LEN_WARN, which only warns of what is not checked strictly
      if (length <= maximumLength) return 'open'
      if (minimumLength === 0) return [refusal('ERANGE', failed), outOfRange]
      return strict ? [outOfRange, refusal('EINVAL', badLength)] : 'open'
    }
    case 'NESTED':
    case 'NESTED_ARRAY':
      if (length === 0) return 'open'
      if (length < NLA_HDRLEN) return [refusal('ERANGE', failed)]
      return within(message, offset + NLA_HDRLEN, offset + NLA_HDRLEN + length, policy, rules, depth)
  }
  return width === undefined ? 'open' : inRange(payload, policy, refusal, offset)
}

/** The attributes inside a nest, or inside the first element of an array. */
function within(
  message: Buffer,
  start: number,
  end: number,
  policy: AttributePolicy,
  rules: Rules,
  depth: number,
): Outcome {
  const inner = policy.policyIndex === undefined ? undefined : rules.policies.get(policy.policyIndex)
  if (inner === undefined) return 'open'
  if (policy.type === 'NESTED') return parse(message, start, end, inner, policy.maximumType, rules, depth + 1)
  const length = message.readUInt16LE(start)
  if (length < NLA_HDRLEN || length > end - start || length === NLA_HDRLEN) return 'open'
  if (length < 2 * NLA_HDRLEN) return [{ code: 'ERANGE', message: 'Array element too short', offset: start }]
  return parse(message, start + NLA_HDRLEN, start + length, inner, policy.maximumType, rules, depth + 1)
}

function inRange(
  payload: Buffer,
  policy: AttributePolicy,
  refusal: (code: string, text: string) => Refusal,
  offset: number,
): Outcome {
  const { type = '', mask, minimum, maximum } = policy
  const bits = payload.length * 8
  const value = integerIn(payload, type.startsWith('S'))
  if (mask !== undefined)
    return value & ~mask & ((1n << BigInt(bits)) - 1n)
      ? [{ code: 'EINVAL', message: 'reserved bit set', offset }]
      : 'open'
  const isWithin = value >= (minimum ?? value) && value <= (maximum ?? value)
  return isWithin ? 'open' : [refusal('ERANGE', 'integer out of range')]
}

function integerIn(payload: Buffer, isSigned: boolean): bigint {
  const unsigned = BigInt(`0x${Buffer.from(payload).reverse().toString('hex') || '0'}`)
  return isSigned ? BigInt.asIntN(payload.length * 8, unsigned) : unsigned
}

/** validate_nla_bitfield32() */
function isBitfield(payload: Buffer, valid: number): boolean {
  const value = payload.readUInt32LE(0)
  const selector = payload.readUInt32LE(4)
  return valid !== 0 && (selector & ~valid) === 0 && (value & ~valid) === 0 && (value & ~selector) === 0
}

function stringLength(payload: Buffer, { maximumLength }: AttributePolicy): boolean {
  if (payload.length < 1) return false
  const text = payload.at(-1) === 0 ? payload.length - 1 : payload.length
  return maximumLength === undefined || text <= maximumLength
}

/** What an extended acknowledgement tells of a policy: without the place of a nest's. */
function toldOf({ policyIndex: _, maximumType: __, ...policy }: AttributePolicy): AttributePolicy {
  return policy
}
