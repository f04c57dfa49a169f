// SPDX-License-Identifier: MIT
/** Whether a specification and what the kernel tells of the family agree. */
import { rangeOf } from './draft.ts'
import type { AttributeFacts, FamilyFacts, OperationFacts, PolicyFacts, RequestFacts } from './facts.ts'
import type {
  AttributeSpecification,
  AttributeType,
  Limit,
  Operation,
  Specification,
} from './specification.ts'

/** The facts with the names of operations and attributes that a specification has for them. */
export function withNames(facts: FamilyFacts, specification: Specification): FamilyFacts {
  const sets = setsOfPolicies(facts, specification)
  const named = operationsByNumber(specification)
  return {
    ...facts,
    operations: facts.operations.map(operation => {
      const name = named.get(operation.number)?.name
      return { ...operation, ...(name !== undefined && { name }) }
    }),
    policies: facts.policies.map(({ number, attributes }) => ({
      number,
      attributes: attributes.map(attribute => {
        const name = sets.get(number)?.get(attribute.value)?.name
        return { ...attribute, ...(name !== undefined && { name }) }
      }),
    })),
  }
}

/**
 * Where specification and kernel differ, a line each: operations, privileges, attributes of requests, their
 * types and limits, groups.
 */
export function differences(facts: FamilyFacts, specification: Specification): string[] {
  const named = operationsByNumber(specification)
  const told = new Map(facts.operations.map(operation => [operation.number, operation]))
  const sets = setsOfPolicies(facts, specification)
  return [
    ...facts.operations.flatMap(operation => {
      const written = named.get(operation.number)
      if (written !== undefined)
        return operationDifferences(operation, written, facts, sets, specification.kernelPolicy)
      return [`operation ${operation.number}: only the kernel has it`]
    }),
    ...[...named]
      .filter(([number, { do: single, dump }]) => !told.has(number) && (single || dump))
      .map(([number, { name }]) => `operation ${number} (${name}): the kernel does not have it`),
    ...facts.policies.flatMap(({ number, attributes }) =>
      attributes.flatMap(attribute => {
        const written = sets.get(number)?.get(attribute.value)
        return written === undefined
          ? []
          : attributeDifferences(attribute, written, specification).map(
              text => `policy ${number}, attribute ${attribute.value} (${written.name}): ${text}`,
            )
      }),
    ),
    ...missing(
      facts.groups,
      specification.groups.map(({ name }) => name),
    ).map(name => `group ${name}: only the kernel has it`),
    ...missing(
      specification.groups.map(({ name }) => name),
      facts.groups,
    ).map(name => `group ${name}: the kernel does not have it`),
  ]
}

type Attributes = ReadonlyMap<number, AttributeSpecification>

function missing(names: readonly string[], from: readonly string[]): string[] {
  return names.filter(name => !from.includes(name))
}

function operationsByNumber({ operations }: Specification): Map<number, Operation> {
  return new Map(
    operations
      .filter(({ do: single, dump, attributeSet }) => single || dump || attributeSet !== undefined)
      .flatMap(operation =>
        operation.request === undefined || operation.notify !== undefined || operation.event !== undefined
          ? []
          : [[operation.request, operation]],
      ),
  )
}

/** The attributes of each policy, as the specification has them: of operations, and of the nests below. */
function setsOfPolicies(facts: FamilyFacts, specification: Specification): Map<number, Attributes> {
  const sets = new Map(
    specification.attributeSets.map(({ name, attributes }) => [
      name,
      new Map(attributes.map(attribute => [attribute.value, attribute])),
    ]),
  )
  const policies = new Map(facts.policies.map(policy => [policy.number, policy]))
  const named = operationsByNumber(specification)
  const found = new Map<number, Attributes>()
  const visit = (policy: number | undefined, set: string | undefined): void => {
    const attributes = set === undefined ? undefined : sets.get(set)
    if (policy === undefined || attributes === undefined || found.has(policy)) return
    found.set(policy, attributes)
    for (const inner of policies.get(policy)?.attributes ?? [])
      visit(inner.policy, attributes.get(inner.value)?.nested)
  }
  for (const operation of facts.operations)
    for (const kind of ['do', 'dump'] as const)
      visit(operation[kind]?.policy, named.get(operation.number)?.attributeSet)
  return found
}

function operationDifferences(
  facts: OperationFacts,
  written: Operation,
  { policies }: FamilyFacts,
  sets: ReadonlyMap<number, Attributes>,
  kernelPolicy: Specification['kernelPolicy'],
): string[] {
  const say = (text: string) => `operation ${facts.number} (${written.name}): ${text}`
  const wanted = written.flags.includes('admin-perm')
    ? 'admin'
    : written.flags.includes('uns-admin-perm')
      ? 'namespace admin'
      : 'none'
  return [
    ...(wanted === facts.privilege
      ? []
      : [say(`its privilege is ${wanted}, in the kernel ${facts.privilege}`)]),
    ...(['do', 'dump'] as const).flatMap(kind => {
      const told = facts[kind]
      const exchange = written[kind]
      if (told === undefined) return exchange === undefined ? [] : [say(`the kernel has no ${kind}`)]
      if (exchange === undefined) return [say(`only the kernel has a ${kind}`)]
      return requestDifferences(told, exchange.request?.attributes, policies, sets, {
        // Of a policy that operations share, one takes what the others do.
        isShared: isShared(kernelPolicy, written, kind),
      }).map(text => say(`${kind}: ${text}`))
    }),
  ]
}

/** The attributes of a request that only one of both knows. */
function requestDifferences(
  { policy }: RequestFacts,
  written: readonly string[] | undefined,
  policies: readonly PolicyFacts[],
  sets: ReadonlyMap<number, Attributes>,
  { isShared }: { readonly isShared: boolean },
): string[] {
  const told = policies.find(({ number }) => number === policy)
  if (policy === undefined || told === undefined || written === undefined) return []
  const known = [...(sets.get(policy)?.values() ?? [])]
  // nlctrl tells nothing of NLA_BE16 and NLA_BE32 (net/netlink/policy.c of 7.3)
  const untold = known.filter(it => it.byteOrder === 'big-endian' && /^u(16|32)$/.test(it.type))
  const hidden = untold.map(({ name }) => name)
  const names = told.attributes.map(({ value }) => sets.get(policy)?.get(value)?.name ?? `${value}`)
  return [
    ...missing(written, [...names, ...hidden]).map(name => `the kernel does not take ${name}`),
    ...(isShared ? [] : missing(names, written)).map(name => `only the kernel takes ${name}`),
  ]
}

function isShared(
  kernelPolicy: Specification['kernelPolicy'],
  written: Operation,
  kind: 'do' | 'dump',
): boolean {
  if (kernelPolicy === 'per-op') return written[kind === 'do' ? 'dump' : 'do'] !== undefined
  return kernelPolicy === 'global'
}

const kernelTypes: Partial<Record<AttributeType, readonly string[]>> = {
  flag: ['FLAG'],
  binary: ['BINARY'],
  string: ['STRING', 'NUL_STRING'],
  bitfield32: ['BITFIELD32'],
  nest: ['NESTED'],
  'nest-type-value': ['NESTED'],
  'sub-message': ['NESTED', 'BINARY'],
  'indexed-array': ['NESTED', 'NESTED_ARRAY'],
}

/** The values of an enumeration, to which the kernel's code generator limits attributes without `checks`. */
function impliedRange(
  { enumeration, asFlags }: AttributeSpecification,
  { definitions }: Specification,
): readonly bigint[] {
  const definition = definitions.find(({ name }) => name === enumeration)
  if (definition?.kind !== 'enum' || asFlags) return []
  return definition.entries.map(({ value }) => BigInt(value)).sort((a, b) => Number(a - b))
}

function attributeDifferences(
  facts: AttributeFacts,
  written: AttributeSpecification,
  specification: Specification,
): string[] {
  const { type, checks } = written
  // the kernel's code generator makes a binary of a string of a given length
  const isExactText = type === 'string' && checks.exactLength !== undefined
  const known = isExactText ? ['BINARY'] : (kernelTypes[type] ?? [type.toUpperCase()])
  // of a binary with a length, or of a number in network order, an old policy has the length alone
  if (!known.includes(facts.type)) return [`its type is ${type}, in the kernel ${facts.type.toLowerCase()}`]
  const [least, most] = rangeOf(facts.type)
  const limit = (what: string, own: Limit | undefined, told: bigint | undefined): string[] =>
    typeof own === 'string' || own === told
      ? []
      : [`its ${what} is ${own ?? 'not limited'}, in the kernel ${told ?? 'not limited'}`]
  const number = (text: string | undefined, usual: bigint): bigint | undefined =>
    text === undefined || BigInt(text) === usual ? undefined : BigInt(text)
  const own = (value: Limit | undefined, usual: bigint) => (value === usual ? undefined : value)
  if (/^[US](\d+|INT)$/.test(facts.type)) {
    const implied = impliedRange(written, specification)
    const told = { minimum: number(facts.minimum, least), maximum: number(facts.maximum, most) }
    const isImplied = (limit: bigint | undefined, by: bigint | undefined) =>
      limit !== undefined && limit === by
    return [
      ...(isImplied(told.minimum, implied[0])
        ? []
        : limit('minimum', own(checks.minimum, least), told.minimum)),
      ...(isImplied(told.maximum, implied.at(-1))
        ? []
        : limit('maximum', own(checks.maximum, most), told.maximum)),
    ]
  }
  const bytes = (value: number | undefined) => (value === undefined ? undefined : BigInt(value))
  // structs and arrays have a length without checks
  if (written.struct !== undefined || written.subType !== undefined) return []
  // nlctrl tells a least length only beside a greatest one (net/netlink/policy.c of 7.3)
  const isToldOf = facts.minimumLength !== undefined || checks.exactLength !== undefined
  return facts.type === 'BINARY' || facts.type.endsWith('STRING')
    ? [
        ...(isToldOf
          ? limit(
              'least length',
              checks.exactLength ?? checks.minimumLength,
              bytes(facts.minimumLength || undefined),
            )
          : []),
        ...limit('greatest length', checks.exactLength ?? checks.maximumLength, bytes(facts.maximumLength)),
      ]
    : []
}
