// SPDX-License-Identifier: MIT
/** Writes specifications as YAML: what is written is read as the same. */
import { stringify } from 'yaml'
import type {
  AttributeSetSpecification,
  AttributeSpecification,
  Checks,
  Content,
  Definition,
  Exchange,
  Operation,
  Specification,
  StructMember,
} from './specification.ts'

/** The licence that the kernel's tools want to see in the first line, which all of its specifications have. */
const LICENSE = '((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)'

/** A specification as YAML. Numbers are written out where a rule would not give them. */
export function formatSpecification(specification: Specification): string {
  const { name, protocol, doc, version, protocolNumber, kernelPolicy } = specification
  const { definitions, attributeSets, subMessages, operations, groups } = specification
  const isLegacy = protocol === 'genetlink-legacy' || protocol === 'netlink-raw'
  const document = withoutAbsent({
    name,
    protocol,
    doc,
    protonum: protocolNumber,
    version: protocol === 'genetlink-legacy' && version !== 1 ? version : undefined,
    'kernel-policy': isLegacy && kernelPolicy !== 'split' ? kernelPolicy : undefined,
    definitions: someOf(definitions.map(definitionOf)),
    'attribute-sets': attributeSets.map(setOf),
    'sub-messages': someOf(
      subMessages.map(({ name, formats }) => ({
        name,
        formats: formats.map(({ value, fixedHeader, attributeSet }) =>
          withoutAbsent({ value, 'fixed-header': fixedHeader, 'attribute-set': attributeSet }),
        ),
      })),
    ),
    operations: operationsOf(operations),
    'mcast-groups':
      groups.length === 0
        ? undefined
        : {
            list: groups.map(({ name, value, flags }) =>
              withoutAbsent({ name, value, flags: someOf(flags) }),
            ),
          },
  })
  return `# SPDX-License-Identifier: ${LICENSE}\n---\n${stringify(document, { aliasDuplicateObjects: false, lineWidth: 100 })}`
}

function withoutAbsent(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

function someOf<T>(items: readonly T[]): readonly T[] | undefined {
  return items.length === 0 ? undefined : items
}

function definitionOf(definition: Definition): Record<string, unknown> {
  const { kind: type, name, doc } = definition
  if (definition.kind === 'const') return withoutAbsent({ name, type, value: definition.value, doc })
  if (definition.kind === 'struct')
    return withoutAbsent({ name, type, doc, members: definition.members.map(memberOf) })
  return withoutAbsent({
    name,
    type,
    doc,
    entries: definition.entries.map(entry => withoutAbsent({ ...entry })),
  })
}

function memberOf(member: StructMember): Record<string, unknown> {
  const { name, type, length, byteOrder, enumeration, asFlags, displayHint, struct, doc } = member
  return withoutAbsent({
    ...{ name, type, len: length, 'byte-order': byteOrder, enum: enumeration, 'enum-as-flags': asFlags },
    ...{ 'display-hint': displayHint, struct, doc },
  })
}

function setOf({ name, doc, subsetOf, attributes }: AttributeSetSpecification): Record<string, unknown> {
  let next = 1
  return withoutAbsent({
    name,
    'subset-of': subsetOf,
    doc,
    attributes: attributes.map(attribute => {
      const value = subsetOf === undefined && attribute.value !== next ? attribute.value : undefined
      next = attribute.value + 1
      return attributeOf(attribute, value)
    }),
  })
}

function attributeOf(attribute: AttributeSpecification, value: number | undefined): Record<string, unknown> {
  const { name, type, doc, multi, byteOrder, enumeration, asFlags, nested, subType } = attribute
  const { typeValue, struct, subMessage, selector, displayHint, checks } = attribute
  return withoutAbsent({
    ...{ name, value, type, 'sub-type': subType, 'byte-order': byteOrder, 'type-value': typeValue },
    ...{ 'multi-attr': multi || undefined, 'nested-attributes': nested, struct, enum: enumeration },
    ...{ 'enum-as-flags': asFlags, 'sub-message': subMessage, selector, 'display-hint': displayHint },
    checks: Object.keys(checks).length === 0 ? undefined : checksOf(checks),
    doc,
  })
}

function checksOf(checks: Checks): Record<string, unknown> {
  const { minimum, maximum, flagsMask, minimumLength, maximumLength, exactLength, unterminated } = checks
  return withoutAbsent({
    ...{ min: minimum, max: maximum, 'flags-mask': flagsMask },
    ...{ 'min-len': minimumLength, 'max-len': maximumLength },
    ...{ 'exact-len': exactLength, 'unterminated-ok': unterminated },
  })
}

function operationsOf(operations: readonly Operation[]): Record<string, unknown> {
  const isUnified = operations.every(({ request, reply }) => request === reply)
  const headers = new Set(operations.map(({ fixedHeader }) => fixedHeader))
  const [header] = headers
  const common = headers.size === 1 ? header : undefined
  return withoutAbsent({
    'enum-model': isUnified ? undefined : 'directional',
    'fixed-header': common,
    list: (isUnified ? unified : directional)(operations).map(({ operation, own, request, reply }) => {
      const { name, doc, attributeSet, fixedHeader, flags, dontValidate, condition, notify, event, group } =
        operation
      // a notification has the set of what it is like
      const isInherited =
        notify !== undefined && operations.find(it => it.name === notify)?.attributeSet === attributeSet
      const first = operation.do ? 'do' : 'dump'
      const exchange = (kind: 'do' | 'dump') => {
        const values = kind === first ? { request, reply } : {}
        return operation[kind] && exchangeOf(operation[kind], values)
      }
      return withoutAbsent({
        ...{ name, doc, value: own, 'attribute-set': isInherited ? undefined : attributeSet },
        'fixed-header': fixedHeader === common ? undefined : fixedHeader,
        ...{ flags: someOf(flags), 'dont-validate': someOf(dontValidate), 'config-cond': condition },
        ...{ do: exchange('do'), dump: exchange('dump'), notify, event: event && contentOf(event) },
        mcgrp: group,
      })
    }),
  })
}

interface Numbered {
  readonly operation: Operation
  /** Its `value`. */
  readonly own?: number | undefined
  /** The `value` of its request and reply. */
  readonly request?: number | undefined
  readonly reply?: number | undefined
}

function unified(operations: readonly Operation[]): Numbered[] {
  let next = 1
  return operations.map(operation => {
    const { request = next } = operation
    const own = request === next ? undefined : request
    next = request + 1
    return { operation, own }
  })
}

function directional(operations: readonly Operation[]): Numbered[] {
  let request = 1
  let reply = 1
  return operations.map(operation => {
    if (operation.notify !== undefined || operation.event !== undefined) {
      const own = operation.reply === reply ? undefined : operation.reply
      reply = (operation.reply ?? reply) + 1
      return { operation, own }
    }
    const asked = operation.request === request ? undefined : operation.request
    const answered = operation.reply === undefined || operation.reply === reply ? undefined : operation.reply
    request = (operation.request ?? request) + 1
    if (operation.reply !== undefined) reply = operation.reply + 1
    return { operation, request: asked, reply: answered }
  })
}

function exchangeOf(
  { request, reply }: Exchange,
  values: { readonly request?: number | undefined; readonly reply?: number | undefined },
): Record<string, unknown> {
  return withoutAbsent({
    request:
      request || values.request !== undefined
        ? { ...withoutAbsent({ value: values.request }), ...contentOf(request ?? {}) }
        : undefined,
    reply:
      reply || values.reply !== undefined
        ? { ...withoutAbsent({ value: values.reply }), ...contentOf(reply ?? {}) }
        : undefined,
  })
}

function contentOf({ attributes }: Content): Record<string, unknown> {
  return withoutAbsent({ attributes })
}
