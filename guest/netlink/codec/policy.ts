// SPDX-License-Identifier: MIT
/**
 * Attribute policies as the kernel describes them, in extended acknowledgements and in answers to
 * CTRL_CMD_GETPOLICY: enum netlink_policy_type_attr of include/uapi/linux/netlink.h.
 */
import { type Attribute, attr } from './attribute.ts'

const NL_POLICY_TYPE_ATTR_TYPE = 1
const NL_POLICY_TYPE_ATTR_MIN_VALUE_S = 2
const NL_POLICY_TYPE_ATTR_MAX_VALUE_S = 3
const NL_POLICY_TYPE_ATTR_MIN_VALUE_U = 4
const NL_POLICY_TYPE_ATTR_MAX_VALUE_U = 5
const NL_POLICY_TYPE_ATTR_MIN_LENGTH = 6
const NL_POLICY_TYPE_ATTR_MAX_LENGTH = 7
const NL_POLICY_TYPE_ATTR_POLICY_IDX = 8
const NL_POLICY_TYPE_ATTR_POLICY_MAXTYPE = 9
const NL_POLICY_TYPE_ATTR_BITFIELD32_MASK = 10
const NL_POLICY_TYPE_ATTR_MASK = 12

// enum netlink_attribute_type, without NL_ATTR_TYPE_
const typeNames =
  'INVALID FLAG U8 U16 U32 U64 S8 S16 S32 S64 BINARY STRING NUL_STRING NESTED NESTED_ARRAY BITFIELD32 SINT UINT'.split(
    ' ',
  )

/** The values that a family accepts for an attribute. What the kernel did not send is absent. */
export interface AttributePolicy {
  /** NL_ATTR_TYPE_ without its prefix: 'U32', 'NUL_STRING', 'NESTED' ...; 'TYPE' and a number if unknown. */
  type?: string
  /** The least value of an integer. */
  minimum?: bigint
  /** The greatest value of an integer. */
  maximum?: bigint
  /** The least number of bytes of a string or binary. */
  minimumLength?: number
  /** The greatest number of bytes of a string or binary. */
  maximumLength?: number
  /** The policy of the attributes inside a nested one: an index in a policy dump. */
  policyIndex?: number
  /** The highest attribute type in that policy. */
  maximumType?: number
  /** Valid bits of a bitfield32. */
  bitfieldMask?: number
  /** Valid bits of an unsigned integer. */
  mask?: bigint
}

/**
 * Reads a nest of NL_POLICY_TYPE_ATTR_* attributes; unknown ones are passed over.
 * @throws MalformedError
 */
export function parsePolicy(attributes: readonly Attribute[]): AttributePolicy {
  const policy: AttributePolicy = {}
  for (const attribute of attributes) {
    switch (attribute.type) {
      case NL_POLICY_TYPE_ATTR_TYPE: {
        const type = attribute.u32()
        policy.type = typeNames[type] ?? `TYPE${type}`
        break
      }
      case NL_POLICY_TYPE_ATTR_MIN_VALUE_S:
        policy.minimum = attribute.s64()
        break
      case NL_POLICY_TYPE_ATTR_MAX_VALUE_S:
        policy.maximum = attribute.s64()
        break
      case NL_POLICY_TYPE_ATTR_MIN_VALUE_U:
        policy.minimum = attribute.u64()
        break
      case NL_POLICY_TYPE_ATTR_MAX_VALUE_U:
        policy.maximum = attribute.u64()
        break
      case NL_POLICY_TYPE_ATTR_MIN_LENGTH:
        policy.minimumLength = attribute.u32()
        break
      case NL_POLICY_TYPE_ATTR_MAX_LENGTH:
        policy.maximumLength = attribute.u32()
        break
      case NL_POLICY_TYPE_ATTR_POLICY_IDX:
        policy.policyIndex = attribute.u32()
        break
      case NL_POLICY_TYPE_ATTR_POLICY_MAXTYPE:
        policy.maximumType = attribute.u32()
        break
      case NL_POLICY_TYPE_ATTR_BITFIELD32_MASK:
        policy.bitfieldMask = attribute.u32()
        break
      case NL_POLICY_TYPE_ATTR_MASK:
        policy.mask = attribute.u64()
        break
    }
  }
  return policy
}

/**
 * The NL_POLICY_TYPE_ATTR_* of a policy in an extended acknowledgement, as __netlink_policy_dump_write_attr() of
 * net/netlink/policy.c writes them there: without the index of a nest's policy.
 */
export function encodePolicy(policy: AttributePolicy): Buffer[] {
  const { type = 'INVALID', minimum, maximum, minimumLength, maximumLength, bitfieldMask, mask } = policy
  const isSigned = type.startsWith('S') && type !== 'STRING'
  const limit = isSigned ? attr.s64 : attr.u64
  const [least, greatest] = isSigned
    ? [NL_POLICY_TYPE_ATTR_MIN_VALUE_S, NL_POLICY_TYPE_ATTR_MAX_VALUE_S]
    : [NL_POLICY_TYPE_ATTR_MIN_VALUE_U, NL_POLICY_TYPE_ATTR_MAX_VALUE_U]
  return [
    ...(mask === undefined ? [] : [attr.u64(NL_POLICY_TYPE_ATTR_MASK, mask)]),
    ...(minimum === undefined ? [] : [limit(least, minimum)]),
    ...(maximum === undefined ? [] : [limit(greatest, maximum)]),
    ...(bitfieldMask === undefined ? [] : [attr.u32(NL_POLICY_TYPE_ATTR_BITFIELD32_MASK, bitfieldMask)]),
    ...(minimumLength === undefined ? [] : [attr.u32(NL_POLICY_TYPE_ATTR_MIN_LENGTH, minimumLength)]),
    ...(maximumLength === undefined ? [] : [attr.u32(NL_POLICY_TYPE_ATTR_MAX_LENGTH, maximumLength)]),
    attr.u32(NL_POLICY_TYPE_ATTR_TYPE, typeNames.indexOf(type)),
  ]
}
