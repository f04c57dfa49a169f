// SPDX-License-Identifier: MIT
/**
 * Works out what a specification leaves to rules: numbers, inheritance, constants, references. The rules are
 * those of the kernel's tools (tools/net/ynl/pyynl/lib/nlspec.py of 7.3).
 */
import type { SpecificationDocument } from './document.ts'
import type {
  AttributeSetSpecification,
  AttributeSpecification,
  Checks,
  Constant,
  Content,
  Definition,
  Enumeration,
  Exchange,
  Limit,
  Operation,
  Protocol,
  Specification,
  StructMember,
  StructSpecification,
} from './specification.ts'

/** Where something is written: the keys and indices that lead there. */
export type DocumentPath = readonly (string | number)[]

/** Throws the error about what is written at a place. */
export type Fail = (path: DocumentPath, message: string) => never

/** What becomes of what is wrong. */
export interface Complaints {
  readonly fail: Fail
  /** What is wrong, but changes nothing in messages: it may return. */
  readonly remark: (path: DocumentPath, message: string) => void
}

type DefinitionDocument = NonNullable<SpecificationDocument['definitions']>[number]
type SetDocument = SpecificationDocument['attribute-sets'][number]
type AttributeDocument = SetDocument['attributes'][number]
type OperationDocument = SpecificationDocument['operations']['list'][number]
type Documented = { readonly name: string }

const integerTypes = new Set(['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64', 'uint', 'sint'])
const elementTypes = new Set([...integerTypes, 'binary', 'string', 'nest'])
/** The highest command of generic netlink, which has 8 bits, and the highest type of a netlink message. */
const HIGHEST_COMMAND = 0xff
const HIGHEST_MESSAGE_TYPE = 0xffff

/** Without the keys whose value is undefined. */
function present<T extends object>(values: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T
}

/** Works it out. */
export function resolveSpecification(
  document: SpecificationDocument,
  protocol: Protocol,
  complaints: Complaints,
): Specification {
  const { fail } = complaints
  const { name, doc, version = 1, protonum } = document
  if (protocol === 'netlink-raw' && protonum === undefined)
    fail([], 'protonum is missing: netlink-raw has the number of a protocol')
  const definitions = resolveDefinitions(document, fail)
  const attributeSets = resolveSets(document, definitions, complaints)
  const subMessages = resolveSubMessages(document, definitions, attributeSets, fail)
  const sets = byName(attributeSets)
  checkSelectors(document, attributeSets, byName(subMessages), fail)
  const groups = (document['mcast-groups']?.list ?? []).map(group =>
    present<Specification['groups'][number]>({
      name: group.name,
      value: group.value,
      flags: group.flags ?? [],
    }),
  )
  unique(groups, ['mcast-groups', 'list'], 'group', fail)
  const operations = resolveOperations(document, protocol, definitions, sets, byName(groups), complaints)
  return present<Specification>({
    name,
    protocol,
    doc: doc.trim(),
    version,
    protocolNumber: protonum,
    kernelPolicy: document['kernel-policy'] ?? 'split',
    definitions: [...definitions.values()],
    attributeSets,
    subMessages,
    operations,
    groups,
  })
}

function byName<T extends Documented>(items: readonly T[]): Map<string, T> {
  return new Map(items.map(item => [item.name, item]))
}

function unique(
  items: readonly Documented[],
  path: DocumentPath,
  what: string,
  complain: Complaints['remark'],
): void {
  const seen = new Set<string>()
  for (const [index, { name }] of items.entries()) {
    if (seen.has(name)) complain([...path, index, 'name'], `a second ${what} is named ${name}`)
    seen.add(name)
  }
}

/** Constants by the names that limits use: their own, and that of C, which has the prefix. */
function constantsOf(document: SpecificationDocument): Map<string, Constant> {
  const constants = (document.definitions ?? []).filter(it => it.type === 'const')
  return new Map(
    constants.flatMap(it => {
      const constant = constantOf(it)
      return [
        [`${it['name-prefix'] ?? ''}${it.name}`, constant],
        [it.name, constant],
      ] as const
    }),
  )
}

function resolveDefinitions(document: SpecificationDocument, fail: Fail): Map<string, Definition> {
  const written = document.definitions ?? []
  unique(written, ['definitions'], 'definition', fail)
  const found = new Map<string, Definition>()
  for (const [index, definition] of written.entries())
    if (definition.type === 'const') found.set(definition.name, constantOf(definition))
    else if (definition.type !== 'struct')
      found.set(definition.name, enumerationOf(definition, ['definitions', index], fail))
  const all = new Map<string, Definition>()
  for (const [index, definition] of written.entries()) {
    const made =
      definition.type === 'struct'
        ? structOf(definition, ['definitions', index], found, constantsOf(document), fail)
        : found.get(definition.name)
    if (made) all.set(definition.name, made)
  }
  checkStructs(written, all, fail)
  return all
}

function constantOf({ name, doc, value }: Extract<DefinitionDocument, { type: 'const' }>): Constant {
  return present<Constant>({ kind: 'const', name, doc: doc?.trim(), value })
}

function enumerationOf(
  definition: Extract<DefinitionDocument, { type: 'enum' | 'flags' }>,
  path: DocumentPath,
  fail: Fail,
): Enumeration {
  let next = definition['value-start'] ?? 0
  const entries = definition.entries.map((entry, index) => {
    const { name, value = next, doc } = typeof entry === 'string' ? { name: entry } : entry
    if (definition.type === 'flags' && (value < 0 || value > 63))
      fail([...path, 'entries', index], `the flag ${name} is bit ${value}: there are bits 0 to 63`)
    next = value + 1
    return present<Enumeration['entries'][number]>({ name, value, doc: doc?.trim() })
  })
  unique(entries, [...path, 'entries'], 'entry', fail)
  const { type: kind, name, doc } = definition
  return present<Enumeration>({ kind, name, doc: doc?.trim(), entries })
}

function structOf(
  definition: Extract<DefinitionDocument, { type: 'struct' }>,
  path: DocumentPath,
  enumerations: ReadonlyMap<string, Definition>,
  constants: ReadonlyMap<string, Constant>,
  fail: Fail,
): StructSpecification {
  const members = definition.members.map((member, index) => {
    const at = [...path, 'members', index]
    const needsLength = member.type === 'pad' || member.type === 'string' || member.type === 'binary'
    if (needsLength && member.len === undefined && member.struct === undefined)
      fail(at, `${member.name} has no len: a member of type ${member.type} has one`)
    if (member.enum !== undefined) enumerationNamed(member.enum, [...at, 'enum'], enumerations, fail)
    const length = limitOf(member.len, constants, [...at, 'len'], fail)
    if (typeof length === 'string') fail([...at, 'len'], `no constant with a value is named ${length}`)
    return present<StructMember>({
      name: member.name,
      type: member.type,
      doc: member.doc?.trim(),
      length: length === undefined ? undefined : Number(length),
      byteOrder: member['byte-order'],
      enumeration: member.enum,
      asFlags: member['enum-as-flags'],
      displayHint: member['display-hint'],
      struct: member.struct,
    })
  })
  unique(members, [...path, 'members'], 'member', fail)
  return present<StructSpecification>({
    kind: 'struct',
    name: definition.name,
    doc: definition.doc?.trim(),
    members,
  })
}

/** Structs hold structs that are there, and none holds itself. */
function checkStructs(
  written: readonly DefinitionDocument[],
  all: ReadonlyMap<string, Definition>,
  fail: Fail,
): void {
  const indices = new Map(written.map(({ name }, index) => [name, index]))
  const done = new Set<string>()
  const check = (name: string, above: readonly string[], from: DocumentPath): void => {
    const definition = all.get(name)
    if (definition?.kind !== 'struct') fail(from, `no struct is named ${name}`)
    if (above.includes(name)) fail(from, `the struct ${name} holds itself`)
    if (done.has(name)) return
    for (const [index, { struct }] of definition.members.entries())
      if (struct !== undefined)
        check(struct, [...above, name], ['definitions', indices.get(name) ?? 0, 'members', index, 'struct'])
    done.add(name)
  }
  for (const [index, { type, name }] of written.entries())
    if (type === 'struct') check(name, [], ['definitions', index])
}

function enumerationNamed(
  name: string,
  path: DocumentPath,
  definitions: ReadonlyMap<string, Definition>,
  fail: Fail,
): Enumeration {
  const found = definitions.get(name)
  if (found?.kind !== 'enum' && found?.kind !== 'flags') fail(path, `no enum or flags are named ${name}`)
  return found
}

/** A number, a constant's, that of `u8-max` and the like, or the name of one that only C headers have. */
function limitOf(
  limit: bigint | string | undefined,
  constants: ReadonlyMap<string, Constant>,
  path: DocumentPath,
  fail: Fail,
): Limit | undefined {
  if (typeof limit !== 'string') return limit
  const [, base = limit, less] = /^(.*?)( - 1)?$/.exec(limit) ?? []
  const [, sign, bits, end] = /^([us])(8|16|32|64)-(min|max)$/.exec(base) ?? []
  const constant = constants.get(base)
  let value: bigint | undefined
  if (constant !== undefined) {
    if (typeof constant.value === 'string')
      fail(path, `the constant ${base} is a text, where a number is needed`)
    value = constant.value
  } else if (bits !== undefined) {
    const width = BigInt(bits) - (sign === 's' ? 1n : 0n)
    value = end === 'max' ? (1n << width) - 1n : sign === 's' ? -(1n << width) : 0n
  } else if (!/^[A-Z0-9_]+$/.test(base)) {
    // what is written in capitals is a C header's
    fail(path, `no constant is named ${base}`)
  }
  return value === undefined ? limit : less === undefined ? value : value - 1n
}

function resolveSets(
  document: SpecificationDocument,
  definitions: ReadonlyMap<string, Definition>,
  { fail, remark }: Complaints,
): AttributeSetSpecification[] {
  const written = document['attribute-sets']
  unique(written, ['attribute-sets'], 'attribute set', fail)
  const names = new Set(written.map(({ name }) => name))
  const constants = constantsOf(document)
  const whole = new Map(written.filter(set => set['subset-of'] === undefined).map(set => [set.name, set]))
  const numbers = new Map([...whole].map(([name, set]) => [name, numbersOf(set, written.indexOf(set), fail)]))
  return written.map((set, index) => {
    const path = ['attribute-sets', index]
    const superset = set['subset-of']
    const inherited = superset === undefined ? undefined : whole.get(superset)
    if (superset !== undefined && inherited === undefined)
      fail(
        [...path, 'subset-of'],
        names.has(superset) ? `${superset} is a subset itself` : `no attribute set is named ${superset}`,
      )
    // the kernel's devlink.yaml names one twice
    unique(set.attributes, [...path, 'attributes'], 'attribute', inherited ? remark : fail)
    const attributes = set.attributes.map((attribute, position) => {
      const at = [...path, 'attributes', position]
      const above = inherited?.attributes.find(({ name }) => name === attribute.name)
      if (inherited !== undefined && above === undefined)
        fail([...at, 'name'], `${superset} has no attribute ${attribute.name}`)
      const value = numbers.get(superset ?? set.name)?.get(attribute.name) ?? 0
      return attributeOf({ ...above, ...attribute }, value, at, { definitions, constants, sets: names }, fail)
    })
    return present<AttributeSetSpecification>({
      name: set.name,
      doc: set.doc?.trim(),
      subsetOf: superset,
      attributes: [...byName(attributes).values()],
    })
  })
}

/** The types of attributes by name: as written, else one more than the one before, from 1 on. */
function numbersOf({ attributes }: SetDocument, index: number, fail: Fail): Map<string, number> {
  const found = new Map<string, number>()
  const names = new Map<number, string>()
  let next = 1
  for (const [position, { name, value = next }] of attributes.entries()) {
    const path = ['attribute-sets', index, 'attributes', position]
    const other = names.get(value)
    if (other !== undefined) fail(path, `${name} has the value ${value}, as ${other} has`)
    names.set(value, name)
    found.set(name, value)
    next = value + 1
  }
  return found
}

/** What attributes refer to. */
interface Names {
  readonly definitions: ReadonlyMap<string, Definition>
  readonly constants: ReadonlyMap<string, Constant>
  readonly sets: ReadonlySet<string>
}

function attributeOf(
  written: AttributeDocument,
  value: number,
  path: DocumentPath,
  { definitions, constants, sets }: Names,
  fail: Fail,
): AttributeSpecification {
  const { name, type, struct, checks = {} } = written
  const nested = written['nested-attributes']
  const subType = written['sub-type']
  if (type === undefined) fail(path, `type is missing: ${name} is no part of another set`)
  if (nested !== undefined && !sets.has(nested))
    fail([...path, 'nested-attributes'], `no attribute set is named ${nested}`)
  const holdsNests = type === 'nest' || type === 'nest-type-value' || subType === 'nest'
  if (holdsNests && nested === undefined) fail(path, `nested-attributes is missing: ${name} holds attributes`)
  if (type === 'nest-type-value' && (written['type-value'] ?? []).length === 0)
    fail(path, `type-value is missing: ${name} is of type nest-type-value`)
  if (type === 'indexed-array' && subType === undefined)
    fail(path, `sub-type is missing: ${name} is an array`)
  if (subType !== undefined && !elementTypes.has(subType))
    fail([...path, 'sub-type'], `elements of type ${subType} are not known`)
  if (type === 'binary' && subType !== undefined && !/^[us](8|16|32|64)$/.test(subType))
    fail([...path, 'sub-type'], `elements of a binary are integers of fixed size, not ${subType}`)
  if (struct !== undefined && definitions.get(struct)?.kind !== 'struct')
    fail([...path, 'struct'], `no struct is named ${struct}`)
  if (written.enum !== undefined) enumerationNamed(written.enum, [...path, 'enum'], definitions, fail)
  if (type === 'sub-message')
    for (const key of ['sub-message', 'selector'] as const)
      if (written[key] === undefined) fail(path, `${key} is missing: ${name} is a sub-message`)
  const numbered = (key: 'min' | 'max' | 'min-len' | 'max-len' | 'exact-len') =>
    limitOf(checks[key], constants, [...path, 'checks', key], fail)
  const mask = checks['flags-mask']
  if (mask !== undefined) enumerationNamed(mask, [...path, 'checks', 'flags-mask'], definitions, fail)
  return present<AttributeSpecification>({
    name,
    value,
    type,
    doc: written.doc?.trim(),
    multi: written['multi-attr'] ?? false,
    byteOrder: written['byte-order'],
    enumeration: written.enum,
    asFlags: written['enum-as-flags'],
    nested,
    subType,
    typeValue: written['type-value'],
    struct,
    subMessage: written['sub-message'],
    selector: written.selector,
    displayHint: written['display-hint'],
    checks: present<Checks>({
      minimum: numbered('min'),
      maximum: numbered('max'),
      flagsMask: mask,
      minimumLength: numbered('min-len'),
      maximumLength: numbered('max-len'),
      exactLength: numbered('exact-len'),
      unterminated: checks['unterminated-ok'] || undefined,
    }),
  })
}

function resolveSubMessages(
  document: SpecificationDocument,
  definitions: ReadonlyMap<string, Definition>,
  attributeSets: readonly AttributeSetSpecification[],
  fail: Fail,
): Specification['subMessages'] {
  const written = document['sub-messages'] ?? []
  unique(written, ['sub-messages'], 'sub-message', fail)
  const sets = byName(attributeSets)
  return written.map(({ name, formats }, index) => {
    const values = new Set<string>()
    return {
      name,
      formats: formats.map((format, position) => {
        const path = ['sub-messages', index, 'formats', position]
        const { value, 'fixed-header': fixedHeader, 'attribute-set': attributeSet } = format
        if (values.has(value)) fail([...path, 'value'], `a second format of ${name} has the value ${value}`)
        values.add(value)
        checkHeader(fixedHeader, [...path, 'fixed-header'], definitions, fail)
        if (attributeSet !== undefined && !sets.has(attributeSet))
          fail([...path, 'attribute-set'], `no attribute set is named ${attributeSet}`)
        return present<Specification['subMessages'][number]['formats'][number]>({
          value,
          fixedHeader,
          attributeSet,
        })
      }),
    }
  })
}

/** A selector is an attribute of the same set, or of one around it. */
function checkSelectors(
  document: SpecificationDocument,
  sets: readonly AttributeSetSpecification[],
  subMessages: ReadonlyMap<string, unknown>,
  fail: Fail,
): void {
  const all = new Set(sets.flatMap(set => set.attributes.map(({ name }) => name)))
  for (const [index, set] of document['attribute-sets'].entries())
    for (const [position, attribute] of set.attributes.entries()) {
      const path = ['attribute-sets', index, 'attributes', position]
      const { selector, 'sub-message': subMessage } = attribute
      if (subMessage !== undefined && !subMessages.has(subMessage))
        fail([...path, 'sub-message'], `no sub-message is named ${subMessage}`)
      if (selector !== undefined && !all.has(selector))
        fail([...path, 'selector'], `no attribute is named ${selector}`)
    }
}

function checkHeader(
  name: string | undefined,
  path: DocumentPath,
  definitions: ReadonlyMap<string, Definition>,
  fail: Fail,
): void {
  if (name !== undefined && definitions.get(name)?.kind !== 'struct') fail(path, `no struct is named ${name}`)
}

/** The names of a header's members, which the kernel's rt-*.yaml of 6.12 lists among the attributes. */
function membersOf(
  header: string | undefined,
  definitions: ReadonlyMap<string, Definition>,
): ReadonlySet<string> {
  const struct = header === undefined ? undefined : definitions.get(header)
  return new Set(struct?.kind === 'struct' ? struct.members.map(({ name }) => name) : [])
}

interface Numbers {
  readonly request?: number
  readonly reply?: number
}

function resolveOperations(
  document: SpecificationDocument,
  protocol: Protocol,
  definitions: ReadonlyMap<string, Definition>,
  sets: ReadonlyMap<string, AttributeSetSpecification>,
  groups: ReadonlyMap<string, unknown>,
  { fail, remark }: Complaints,
): Operation[] {
  const { list, 'enum-model': model = 'unified', 'fixed-header': usualHeader } = document.operations
  unique(list, ['operations', 'list'], 'operation', fail)
  checkHeader(usualHeader, ['operations', 'fixed-header'], definitions, fail)
  const named = byName(list)
  const numbers = (model === 'unified' ? unifiedNumbers : directionalNumbers)(list, fail)
  const highest = protocol === 'netlink-raw' ? HIGHEST_MESSAGE_TYPE : HIGHEST_COMMAND
  return list.map((written, index) => {
    const path = ['operations', 'list', index]
    const { name, notify, mcgrp: group, event } = written
    const { request, reply } = numbers[index] ?? {}
    for (const number of [request, reply])
      if (number !== undefined && number > highest)
        fail([...path, 'name'], `${name} has the number ${number}: the highest is ${highest}`)
    if (notify !== undefined && !named.has(notify))
      fail([...path, 'notify'], `no operation is named ${notify}`)
    if (group !== undefined && !groups.has(group)) fail([...path, 'mcgrp'], `no group is named ${group}`)
    const header = written['fixed-header'] ?? usualHeader
    checkHeader(header, [...path, 'fixed-header'], definitions, fail)
    const attributeSet =
      written['attribute-set'] ?? (notify === undefined ? undefined : named.get(notify)?.['attribute-set'])
    const set = attributeSet === undefined ? undefined : sets.get(attributeSet)
    if (attributeSet !== undefined && set === undefined)
      fail([...path, 'attribute-set'], `no attribute set is named ${attributeSet}`)
    const isReserved = !(written.do || written.dump || event || notify !== undefined)
    if (set === undefined && !isReserved) fail(path, `attribute-set is missing: ${name} is a message`)
    const content = (of: { attributes?: string[] | undefined }, at: DocumentPath): Content => {
      const known = new Set(set?.attributes.map(attribute => attribute.name))
      const inHeader = membersOf(header, definitions)
      const attributes = of.attributes?.filter((attribute, position) => {
        if (known.has(attribute)) return true
        if (!inHeader.has(attribute))
          remark([...at, 'attributes', position], `${attributeSet} has no attribute ${attribute}`)
        return false
      })
      return present<Content>({ attributes: attributes && [...new Set(attributes)] })
    }
    const exchange = (kind: 'do' | 'dump'): Exchange | undefined => {
      const of = written[kind]
      return (
        of &&
        present<Exchange>({
          request: of.request && content(of.request, [...path, kind, 'request']),
          reply: of.reply && content(of.reply, [...path, kind, 'reply']),
        })
      )
    }
    return present<Operation>({
      name,
      doc: written.doc.trim(),
      request,
      reply,
      attributeSet,
      fixedHeader: header,
      flags: written.flags ?? [],
      dontValidate: written['dont-validate'] ?? [],
      condition: written['config-cond'],
      do: exchange('do'),
      dump: exchange('dump'),
      notify,
      event: event && content(event, [...path, 'event']),
      group,
    })
  })
}

/** One enumeration for both directions: as written, else one more than the one before, from 1 on. */
function unifiedNumbers(list: readonly OperationDocument[], fail: Fail): Numbers[] {
  const names = new Map<number, string>()
  let next = 1
  return list.map(({ name, value = next }, index) => {
    const other = names.get(value)
    if (other !== undefined)
      fail(['operations', 'list', index], `${name} has the number ${value}, as ${other} has`)
    names.set(value, name)
    next = value + 1
    return { request: value, reply: value }
  })
}

/** Requests and replies are numbered each on their own; `value` is that of the message that it stands with. */
function directionalNumbers(list: readonly OperationDocument[], fail: Fail): Numbers[] {
  let request = 1
  let reply = 1
  return list.map((written, index) => {
    if (written.notify !== undefined || written.event !== undefined) {
      reply = written.value ?? reply
      return { reply: reply++ }
    }
    const exchange = written.do ?? written.dump
    if (exchange === undefined)
      fail(
        ['operations', 'list', index],
        `${written.name} has neither do, dump, notify nor event, which the directional model needs`,
      )
    request = exchange.request?.value ?? request
    reply = exchange.reply?.value ?? reply
    return { request: request++, ...(exchange.reply && { reply: reply++ }) }
  })
}
