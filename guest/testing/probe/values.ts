// SPDX-License-Identifier: MIT
/** Attributes made from their policies alone: good ones, and those at and beyond each limit. */
import { type AttributePolicy, attr, NLA_F_NESTED } from '../../netlink/index.ts'
import { widths } from './core-rules.ts'
import type { Family, Policy } from './family.ts'

/** Nests inside nests that a good value has; policies may refer to themselves. */
const NESTS = 3
/** Attributes of one nest that a good value has. */
const INSIDE = 32
/** Bytes of a binary of any length. */
const SOME_BYTES = 8
/** Bytes of a MAC address. */
const MAC = 6
/** Bytes of the longest binary that is taken for a struct of that size. */
const STRUCT = 256

/** Bytes of integers in network byte order: the kernel does not tell of them (net/netlink/policy.c of 7.3). */
export const networkWidths: Readonly<Record<string, number>> = { BE16: 2, BE32: 4 }

/** Makes good values. */
export interface Making {
  readonly policies: Family['policies']
  /** Values of another variant differ where their policies let them; those of the same are the same. */
  readonly variant: number
  /** How many elements arrays have that are tried; few of them if not given. */
  readonly counts?: readonly number[]
  /** Whether integers of a limited range are counted down from the greatest one: limits and times may be too small else. */
  readonly isDown?: boolean
  /** Values that attributes inside of nests must have, found by trying. */
  readonly inside?: ReadonlyMap<AttributePolicy, Buffer>
  /** Attributes that nests have to be without, found by trying. */
  readonly left?: ReadonlySet<AttributePolicy>
}

/** An attribute that its policy accepts. */
export function goodAttribute(
  type: number,
  policy: AttributePolicy | undefined,
  making: Making,
  depth = 0,
): Buffer {
  const isNest = policy?.type === 'NESTED' || policy?.type === 'NESTED_ARRAY'
  const payload = (policy && making.inside?.get(policy)) ?? goodPayload(policy, making, depth)
  return attr.binary(isNest ? type | NLA_F_NESTED : type, payload)
}

/** Attributes of all types of a policy that it accepts. */
export function goodAttributes(policy: Policy, making: Making, depth = 0): Buffer {
  const chosen = [...policy]
    .filter(([, own]) => making.left?.has(own) !== true)
    .sort(([a], [b]) => a - b)
    .slice(0, INSIDE)
  return Buffer.concat(chosen.map(([type, own]) => goodAttribute(type, own, making, depth)))
}

/** The payload of an attribute that its policy accepts. */
export function goodPayload(policy: AttributePolicy | undefined, making: Making, depth = 0): Buffer {
  const { variant, policies } = making
  const { type = '', minimumLength = 0, maximumLength } = policy ?? {}
  const width = widths[type]
  if (width !== undefined) return integer(goodInteger(policy ?? {}, variant, making.isDown), width)
  const networkWidth = networkWidths[type]
  if (networkWidth !== undefined) return Buffer.from(integer(BigInt(1 + variant), networkWidth)).reverse()
  switch (type) {
    case 'FLAG':
      return Buffer.alloc(0)
    case 'UINT':
    case 'SINT':
      return integer(goodInteger(policy ?? {}, variant, making.isDown), 4)
    case 'STRING':
    case 'NUL_STRING':
      return Buffer.from(`${text(variant, maximumLength ?? 15)}\0`)
    case 'BINARY': {
      const struct = maximumLength !== undefined && maximumLength <= STRUCT ? maximumLength : SOME_BYTES
      return pattern(Math.max(minimumLength, struct), variant)
    }
    case 'BITFIELD32': {
      const mask = policy?.bitfieldMask ?? 0
      const bit = (mask & -mask) >>> 0
      return Buffer.concat([integer(BigInt(bit), 4), integer(BigInt(bit), 4)])
    }
    case 'NESTED':
    case 'NESTED_ARRAY': {
      const inner = policy?.policyIndex === undefined ? undefined : policies.get(policy.policyIndex)
      if (inner === undefined || depth >= NESTS) return Buffer.alloc(0)
      const inside = goodAttributes(inner, making, depth + 1)
      return type === 'NESTED' ? inside : attr.nested(1, inside)
    }
    default:
      return integer(BigInt(1 + variant), 4)
  }
}

/** Variants of texts are of one length where they fit: t000, t001 ... */
function text(variant: number, longest: number): string {
  const digits = variant.toString(36)
  if (longest >= 5) return `t${digits.padStart(4, '0')}`
  return digits.slice(-Math.max(1, longest))
}

/** The greatest value to count down from: more may be more than there is room for. */
const GREAT = 60_000n

function goodInteger(
  { minimum = 0n, maximum, mask }: AttributePolicy,
  variant: number,
  isDown = false,
): bigint {
  if (mask !== undefined) return mask & -mask
  if (isDown && maximum !== undefined) {
    const top = maximum > GREAT && minimum < GREAT ? GREAT : maximum
    return top - (BigInt(variant) % (top - minimum + 1n))
  }
  const wanted = BigInt(1 + variant)
  if (maximum === undefined) return wanted > minimum ? wanted : minimum
  const span = maximum - minimum + 1n
  const least = minimum > 1n || maximum < 1n ? minimum : 1n
  return minimum + ((least - minimum + BigInt(variant)) % span)
}

/** An integer in this machine's byte order, cut to its width. */
export function integer(value: bigint, width: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value))
  return bytes.subarray(0, width)
}

function pattern(length: number, variant: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length; at++) bytes[at] = 1 + ((variant + at) % 255)
  // Of six bytes it may be a MAC address: one of a single station, locally administered.
  if (length === MAC) bytes.writeUInt32LE(4 * variant + 2)
  else if (length >= 4) bytes.writeUInt32LE(1 + variant)
  return bytes
}

/** A payload to try, and what is particular about it. */
export interface Trial {
  readonly what: string
  readonly payload: Buffer
  /** Bits to set in nla_type: NLA_F_NESTED and the like. */
  readonly flags?: number
}

/** The longest payload: nla_len has 16 bits. */
const LONGEST = 0xffff - 4

/** Lengths that are tried one by one where a limit is not told, as NLA_POLICY_MIN_LEN's: one more than an address has. */
const SHORT = 17

/** Payloads at, below and above each length that the policy has. */
export function lengthTrials(policy: AttributePolicy | undefined, making: Making): Trial[] {
  const good = goodPayload(policy, making, 0)
  const { type = '', minimumLength, maximumLength } = policy ?? {}
  const terminator = type === 'NUL_STRING' || type === 'STRING' ? 1 : 0
  const limits = [
    widths[type] ?? good.length,
    ...(type === 'UINT' || type === 'SINT' ? [4, 8] : []),
    ...(type === 'BITFIELD32' ? [8] : []),
    ...(minimumLength === undefined ? [] : [minimumLength]),
    ...(maximumLength === undefined ? [] : [maximumLength, maximumLength + terminator]),
  ]
  const isUntold = (type === 'BINARY' || type === '') && !minimumLength
  const short = isUntold ? Array.from({ length: SHORT + 1 }, (_, length) => length) : [0, 1]
  const lengths = [...short, ...limits.flatMap(limit => [limit - 1, limit, limit + 1]), LONGEST]
  return [...new Set(lengths)]
    .filter(length => length >= 0 && length <= LONGEST)
    .sort((a, b) => a - b)
    .map(length => ({ what: `${length} bytes`, payload: stretched(good, length, terminator === 1) }))
}

/** MAC addresses that are none of a single station, where it may be one. */
export function addressTrials(policy: AttributePolicy | undefined, making: Making): Trial[] {
  if (policy?.type !== 'BINARY' || goodPayload(policy, making).length !== MAC) return []
  return [
    { what: 'a multicast address', payload: Buffer.from('01005e000001', 'hex') },
    { what: 'the address of all', payload: Buffer.alloc(MAC, 0xff) },
    { what: 'the address of none', payload: Buffer.alloc(MAC) },
  ]
}

/** The same payload in another length: more of it, or less. */
function stretched(good: Buffer, length: number, isText: boolean): Buffer {
  const bytes = Buffer.alloc(length, isText ? 'x' : 0xa5)
  good.copy(bytes, 0, 0, Math.min(length, isText ? good.length - 1 : good.length))
  if (isText && length > 0) bytes[length - 1] = 0
  return bytes
}

/** Integers at, below and above the limits, as far as their width has them. */
export function rangeTrials(policy: AttributePolicy): Trial[] {
  const { type = '', minimum, maximum, mask, bitfieldMask } = policy
  if (type === 'BITFIELD32') return bitfieldTrials(bitfieldMask ?? 0)
  const networkWidth = networkWidths[type]
  const width = widths[type] ?? networkWidth ?? (type === 'UINT' || type === 'SINT' ? 8 : undefined)
  if (width === undefined) return []
  const bits = BigInt(width * 8)
  const [least, greatest] = type.startsWith('S')
    ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n]
    : [0n, (1n << bits) - 1n]
  const around = [minimum ?? least, maximum ?? greatest].flatMap(limit => [limit - 1n, limit, limit + 1n])
  const values =
    mask === undefined ? [...around, 0n, least, greatest] : [0n, mask, ...bitsOutside(mask, bits)]
  return [...new Set(values)]
    .filter(value => value >= least && value <= greatest)
    .map(value => ({
      what: `the value ${value}`,
      payload:
        networkWidth === undefined ? integer(value, width) : Buffer.from(integer(value, width)).reverse(),
    }))
}

/** The lowest and the highest bit that a mask does not have. */
function bitsOutside(mask: bigint, bits: bigint): bigint[] {
  const outside = ~mask & ((1n << bits) - 1n)
  if (outside === 0n) return []
  return [outside & -outside, outside]
}

/** struct nla_bitfield32: value, selector. */
function bitfieldTrials(mask: number): Trial[] {
  const pair = (value: number, selector: number): Trial => ({
    what: `value 0x${(value >>> 0).toString(16)}, selector 0x${(selector >>> 0).toString(16)}`,
    payload: Buffer.concat([integer(BigInt(value >>> 0), 4), integer(BigInt(selector >>> 0), 4)]),
  })
  const bit = mask & -mask
  return [pair(0, 0), pair(mask, mask), pair(bit, 0), pair(0, ~mask), pair(~mask, ~mask), pair(0, mask)]
}

/** Texts with and without NUL, at the longest, and empty. */
export function textTrials(policy: AttributePolicy): Trial[] {
  const { type, maximumLength = 32 } = policy
  if (type !== 'STRING' && type !== 'NUL_STRING') return []
  const trial = (what: string, content: string): Trial => ({ what, payload: Buffer.from(content, 'latin1') })
  return [
    trial('no bytes', ''),
    trial('only NUL', '\0'),
    trial('no NUL', 'x'.repeat(Math.min(4, maximumLength))),
    trial('NUL in the middle', 'a\0b'),
    trial('the longest without NUL', 'x'.repeat(maximumLength)),
    trial('the longest with NUL', `${'x'.repeat(maximumLength)}\0`),
    trial('one too long, with NUL', `${'x'.repeat(maximumLength + 1)}\0`),
    trial('bytes that are no UTF-8, format characters', '%s%n\xff\xfe\0'.slice(0, maximumLength + 1)),
  ]
}
