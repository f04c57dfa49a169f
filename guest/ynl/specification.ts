// SPDX-License-Identifier: MIT
/**
 * What a YNL specification says (Documentation/netlink/specs of the kernel), with everything that it leaves to
 * rules worked out: numbers of attributes and operations, what subsets inherit, names of constants. All names
 * are those of the specification.
 */

/** The levels of the format, as the kernel's schemas name them (Documentation/netlink/*.yaml). */
export type Protocol = 'genetlink' | 'genetlink-c' | 'genetlink-legacy' | 'netlink-raw'

/** A netlink family: its messages, their attributes, its groups. */
export interface Specification {
  /** The family's name, for generic netlink the one that nlctrl knows. */
  readonly name: string
  /** The level of the format that it is written in. */
  readonly protocol: Protocol
  /** What it is, in words. */
  readonly doc: string
  /** The `version` in the genlmsghdr of its messages. */
  readonly version: number
  /** For netlink-raw: the number of the netlink protocol. */
  readonly protocolNumber?: number
  /** Whether the kernel has one policy for all operations, one for each, or also one for dumps. */
  readonly kernelPolicy: 'split' | 'per-op' | 'global'
  /** Constants, enumerations and structs, in order. */
  readonly definitions: readonly Definition[]
  /** The sets of attributes, in order. */
  readonly attributeSets: readonly AttributeSetSpecification[]
  /** What attributes hold whose layout another attribute selects. */
  readonly subMessages: readonly SubMessage[]
  /** The operations and notifications, in order. */
  readonly operations: readonly Operation[]
  /** The multicast groups, in order. */
  readonly groups: readonly GroupSpecification[]
}

/** Anything in a specification's `definitions`. */
export type Definition = Constant | Enumeration | StructSpecification

/** A constant. */
export interface Constant {
  /** Tells definitions apart. */
  readonly kind: 'const'
  /** Its name in the specification. */
  readonly name: string
  /** What it is, in words. */
  readonly doc?: string
  /** Absent where only a C header has the value. */
  readonly value?: bigint | string
}

/** An enumeration of values, or of bits. */
export interface Enumeration {
  /** The entries of `flags` are numbers of bits. */
  readonly kind: 'enum' | 'flags'
  /** Its name in the specification. */
  readonly name: string
  /** What it is, in words. */
  readonly doc?: string
  /** In order. */
  readonly entries: readonly EnumerationEntry[]
}

/** A value of an enumeration, by name. */
export interface EnumerationEntry {
  /** Its name in the specification. */
  readonly name: string
  /** The value; of flags the number of the bit. */
  readonly value: number
  /** What it is, in words. */
  readonly doc?: string
}

/** Types of numbers of a fixed size. */
export type IntegerType = 'u8' | 'u16' | 'u32' | 'u64' | 's8' | 's16' | 's32' | 's64'

/** How a value is meant to be shown. */
export type DisplayHint = 'hex' | 'mac' | 'fddi' | 'ipv4' | 'ipv6' | 'ipv4-or-v6' | 'uuid'

/** Of a number that is not in the machine's own byte order. */
export type ByteOrder = 'little-endian' | 'big-endian'

/** A struct: members one after the other. */
export interface StructSpecification {
  /** Tells definitions apart. */
  readonly kind: 'struct'
  /** Its name in the specification. */
  readonly name: string
  /** What it is, in words. */
  readonly doc?: string
  /** In order. */
  readonly members: readonly StructMember[]
}

/** A member of a struct. */
export interface StructMember {
  /** Its name in the specification. */
  readonly name: string
  /** The type of its values. */
  readonly type: IntegerType | 'string' | 'binary' | 'pad'
  /** What it is, in words. */
  readonly doc?: string
  /** Bytes of `string`, `binary` and `pad`. */
  readonly length?: number
  /** Without it the machine's own. */
  readonly byteOrder?: ByteOrder
  /** The name of the enumeration of its values. */
  readonly enumeration?: string
  /** The enumeration's values are numbers of bits here. */
  readonly asFlags?: boolean
  /** How it is meant to be shown. */
  readonly displayHint?: DisplayHint
  /** For `binary`: the name of the struct that it is. */
  readonly struct?: string
}

/** Types of attributes. */
export type AttributeType =
  | IntegerType
  | 'uint'
  | 'sint'
  | 'flag'
  | 'string'
  | 'binary'
  | 'bitfield32'
  | 'nest'
  | 'indexed-array'
  | 'nest-type-value'
  | 'sub-message'
  | 'pad'
  | 'unused'

/** A set of attributes. */
export interface AttributeSetSpecification {
  /** Its name in the specification. */
  readonly name: string
  /** What it is, in words. */
  readonly doc?: string
  /** The name of the set that this one is a part of. */
  readonly subsetOf?: string
  /** In order; those of a subset have what they inherit. */
  readonly attributes: readonly AttributeSpecification[]
}

/** An attribute of a set. */
export interface AttributeSpecification {
  /** Its name in the specification. */
  readonly name: string
  /** Its type in messages (nla_type). */
  readonly value: number
  /** The type of its values. */
  readonly type: AttributeType
  /** What it is, in words. */
  readonly doc?: string
  /** Whether a message may have several, which are a list. */
  readonly multi: boolean
  /** Without it the machine's own. */
  readonly byteOrder?: ByteOrder
  /** The name of the enumeration of its values. */
  readonly enumeration?: string
  /** The enumeration's values are numbers of bits here. */
  readonly asFlags?: boolean
  /** The name of the set of the attributes in it, or in its elements. */
  readonly nested?: string
  /** The type of the elements of a `binary` or `indexed-array`. */
  readonly subType?: AttributeType
  /** For `nest-type-value`: names of the numbers that the types of the nests between are. */
  readonly typeValue?: readonly string[]
  /** For `binary`: the name of the struct that it is. */
  readonly struct?: string
  /** For `sub-message`: the name of what may be in it. */
  readonly subMessage?: string
  /** For `sub-message`: the attribute that selects what is in it. */
  readonly selector?: string
  /** How it is meant to be shown. */
  readonly displayHint?: DisplayHint
  /** What the kernel demands of its value. */
  readonly checks: Checks
}

/** A number, or the name of one that only C headers have. */
export type Limit = bigint | string

/** What the kernel demands of a value. What is not checked is absent. */
export interface Checks {
  /** The least value of an integer. */
  readonly minimum?: Limit
  /** The greatest value of an integer. */
  readonly maximum?: Limit
  /** The name of the enumeration whose bits may be set. */
  readonly flagsMask?: string
  /** The least number of bytes; of strings without the NUL. */
  readonly minimumLength?: Limit
  /** The greatest number of bytes. */
  readonly maximumLength?: Limit
  /** The number of bytes. */
  readonly exactLength?: Limit
  /** A string need not end with a NUL. */
  readonly unterminated?: true
}

/** Layouts of a sub-message. */
export interface SubMessage {
  /** Its name in the specification. */
  readonly name: string
  /** In order. */
  readonly formats: readonly SubMessageFormat[]
}

/** A layout of a sub-message. */
export interface SubMessageFormat {
  /** The value of the selecting attribute. */
  readonly value: string
  /** The name of the struct that comes first. */
  readonly fixedHeader?: string
  /** The name of the set of the attributes that follow. */
  readonly attributeSet?: string
}

/** An operation of a family, or a notification. Neither `do` nor `dump` nor `notify` nor `event`: a number that is taken. */
export interface Operation {
  /** Its name in the specification. */
  readonly name: string
  /** What it is, in words. */
  readonly doc: string
  /** The command (netlink-raw: the message type) of requests; absent of notifications in the directional model. */
  readonly request?: number
  /** The command of replies and notifications. */
  readonly reply?: number
  /** The name of the set of its attributes. */
  readonly attributeSet?: string
  /** The name of the struct before the attributes. */
  readonly fixedHeader?: string
  /** Privileges that it takes. */
  readonly flags: readonly ('admin-perm' | 'uns-admin-perm')[]
  /** Checks of attributes that the kernel leaves out. */
  readonly dontValidate: readonly ('strict' | 'dump' | 'dump-strict')[]
  /** The kernel's option without which it is not there, without CONFIG_. */
  readonly condition?: string
  /** Single requests. */
  readonly do?: Exchange
  /** Dumps. */
  readonly dump?: Exchange
  /** For a notification: the operation whose reply it looks like. */
  readonly notify?: string
  /** For a notification of its own: its attributes. */
  readonly event?: Content
  /** The group that notifications go to. */
  readonly group?: string
}

/** A request and what answers it. Without `reply` there is an acknowledgement only. */
export interface Exchange {
  /** What is asked. */
  readonly request?: Content
  /** What is answered. */
  readonly reply?: Content
}

/** The attributes of a message by name; without `attributes` all of the set. */
export interface Content {
  /** Names of attributes of the operation's set. */
  readonly attributes?: readonly string[]
}

/** A multicast group. */
export interface GroupSpecification {
  /** Its name in the specification. */
  readonly name: string
  /** For netlink-raw: its number. */
  readonly value?: number
  /** Privileges that joining takes. */
  readonly flags: readonly ('admin-perm' | 'uns-admin-perm')[]
}
