// SPDX-License-Identifier: MIT
/**
 * A first draft of a specification, from what the kernel tells of a family: numbers, types and limits are
 * right; names are made of numbers, and nobody knows what is answered. Attributes of the kernel's types
 * NLA_BE16 and NLA_BE32 are missing, because nlctrl leaves them out (net/netlink/policy.c of 7.3).
 */
import type { AttributeFacts, FamilyFacts, OperationFacts, PolicyFacts } from './facts.ts'
import type {
  AttributeSetSpecification,
  AttributeSpecification,
  AttributeType,
  Checks,
  Definition,
  Enumeration,
  Operation,
  Specification,
} from './specification.ts'

/** The name of the set of attributes of which nothing is known. */
const ANY = 'any'
/** The name of the struct of a header. */
const HEADER = 'header'

const types: Readonly<Record<string, AttributeType>> = {
  ...{ FLAG: 'flag', U8: 'u8', U16: 'u16', U32: 'u32', U64: 'u64', S8: 's8', S16: 's16', S32: 's32' },
  ...{ S64: 's64', BINARY: 'binary', STRING: 'string', NUL_STRING: 'string', NESTED: 'nest' },
  ...{ NESTED_ARRAY: 'indexed-array', BITFIELD32: 'bitfield32', SINT: 'sint', UINT: 'uint' },
}

/** The draft. */
export function draftSpecification(facts: FamilyFacts): Specification {
  const { name, version, headerSize, operations, policies, groups } = facts
  const flags: Enumeration[] = []
  const sets = policies.map(policy => setOf(policy, flags))
  const drafted = operations.map(operation => operationOf(operation, headerSize, sets))
  const isAnyUsed =
    drafted.some(({ attributeSet }) => attributeSet === ANY) ||
    sets.some(({ attributes }) => attributes.some(({ nested }) => nested === ANY))
  const header: Definition[] =
    headerSize === 0
      ? []
      : [{ kind: 'struct', name: HEADER, members: [{ name: 'bytes', type: 'binary', length: headerSize }] }]
  return {
    name,
    protocol: 'genetlink-legacy',
    doc: `A draft, from what the kernel tells of ${name}: give the names, and say what is answered.`,
    // families of version 0 are asked by any
    version: Math.max(version, 1),
    kernelPolicy: 'split',
    definitions: [...header, ...flags],
    attributeSets: [...sets, ...(isAnyUsed ? [{ name: ANY, attributes: [] }] : [])],
    subMessages: [],
    operations: drafted,
    groups: groups.map(name => ({ name, flags: [] })),
  }
}

function setName(policy: number): string {
  return `policy-${policy}`
}

function setOf({ number, attributes }: PolicyFacts, flags: Enumeration[]): AttributeSetSpecification {
  return {
    name: setName(number),
    attributes: attributes.flatMap(facts => {
      const type = types[facts.type]
      return type === undefined ? [] : attributeOf(facts, type, setName(number), flags)
    }),
  }
}

function attributeOf(
  facts: AttributeFacts,
  type: AttributeType,
  set: string,
  flags: Enumeration[],
): AttributeSpecification {
  const { value, policy, mask } = facts
  const holds = type === 'nest' || type === 'indexed-array'
  const bits = mask === undefined ? undefined : flagsOf(`${set}-attr-${value}-bits`, BigInt(mask))
  if (bits !== undefined) flags.push(bits)
  return {
    name: `attr-${value}`,
    value,
    type,
    multi: false,
    ...(holds && { nested: policy === undefined ? ANY : setName(policy) }),
    ...(type === 'indexed-array' && { subType: 'nest' as const }),
    ...(bits !== undefined && type === 'bitfield32' && { enumeration: bits.name }),
    checks: checksOf(facts, type === 'bitfield32' ? undefined : bits?.name),
  }
}

function flagsOf(name: string, mask: bigint): Enumeration {
  const entries = Array.from({ length: 64 }, (_, bit) => bit)
    .filter(bit => (mask >> BigInt(bit)) & 1n)
    .map(bit => ({ name: `bit-${bit}`, value: bit }))
  return { kind: 'flags', name, entries }
}

/** Limits that the type has by itself are left out. */
function checksOf(facts: AttributeFacts, flagsMask: string | undefined): Checks {
  const { type, minimum, maximum, minimumLength, maximumLength } = facts
  const [least, most] = rangeOf(type)
  const isExact = minimumLength !== undefined && minimumLength === maximumLength
  return {
    ...(minimum !== undefined && minimum !== `${least}` && { minimum: BigInt(minimum) }),
    ...(maximum !== undefined && maximum !== `${most}` && { maximum: BigInt(maximum) }),
    ...(flagsMask !== undefined && { flagsMask }),
    ...(isExact && { exactLength: BigInt(minimumLength) }),
    ...(!isExact && minimumLength && { minimumLength: BigInt(minimumLength) }),
    ...(!isExact && maximumLength !== undefined && { maximumLength: BigInt(maximumLength) }),
    ...(type === 'STRING' && { unterminated: true as const }),
  }
}

/** The range of an integer's type, as the kernel tells it of attributes without limits. */
export function rangeOf(type: string): readonly [least: bigint, most: bigint] {
  const [, sign, width = '64'] = /^([US])(?:INT|(\d+))$/.exec(type) ?? []
  const bits = BigInt(width)
  return sign === 'S' ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n]
}

/** A `do` and a `dump` with different policies have one set: the one that has all attributes of the other. */
function operationOf(
  facts: OperationFacts,
  headerSize: number,
  sets: AttributeSetSpecification[],
): Operation {
  const policies = [facts.do?.policy, facts.dump?.policy].filter(it => it !== undefined)
  const attributeSet = policies.length === 0 ? ANY : commonSet(policies, sets)
  const exchange = (policy: number | undefined) => {
    const own = sets.find(({ name }) => policy !== undefined && name === setName(policy))
    return { request: own === undefined ? {} : { attributes: own.attributes.map(({ name }) => name) } }
  }
  return {
    name: `op-${facts.number}`,
    doc: 'To be described.',
    request: facts.number,
    reply: facts.number,
    attributeSet,
    ...(headerSize > 0 && { fixedHeader: HEADER }),
    flags: facts.privilege === 'none' ? [] : [facts.privilege === 'admin' ? 'admin-perm' : 'uns-admin-perm'],
    dontValidate: [],
    ...(facts.do && { do: exchange(facts.do.policy) }),
    ...(facts.dump && { dump: exchange(facts.dump.policy) }),
  }
}

/** The name of a set with all attributes of these policies; of an attribute in several the first one's counts. */
function commonSet(policies: readonly number[], sets: AttributeSetSpecification[]): string {
  const named = policies.map(setName)
  const found = named.flatMap(name => sets.find(set => set.name === name) ?? [])
  const values = (set: AttributeSetSpecification) => new Set(set.attributes.map(({ value }) => value))
  const whole = found.find(set =>
    found.every(other => [...values(other)].every(value => values(set).has(value))),
  )
  if (whole !== undefined) return whole.name
  const name = named.join('-and-')
  if (!sets.some(set => set.name === name)) {
    const attributes = new Map(found.toReversed().flatMap(set => set.attributes.map(it => [it.value, it])))
    sets.push({ name, attributes: [...attributes.values()].sort((a, b) => a.value - b.value) })
  }
  return name
}
