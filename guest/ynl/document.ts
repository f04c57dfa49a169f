// SPDX-License-Identifier: MIT
/**
 * A specification as it is written: the kernel's schemas (Documentation/netlink/{genetlink,genetlink-c,
 * genetlink-legacy,netlink-raw}.yaml of 7.3), with the free names that those of 6.12 allow.
 */
import * as v from 'valibot'
import type { Protocol } from './specification.ts'

/** The levels of the format, each with all that the one before has. */
export const protocols = ['genetlink', 'genetlink-c', 'genetlink-legacy', 'netlink-raw'] as const

const text = v.string()
/** Names are in generated code. */
const name = v.pipe(
  v.string(),
  v.regex(/^[0-9A-Za-z_-][0-9A-Za-z_ -]*$/, 'a name of letters, digits, - and _'),
  v.maxLength(100, 'a name of at most 100 characters'),
  v.notValue('__proto__', 'a name that objects may have'),
)
/** YAML's integers are read as bigints. */
const integer = v.bigint()
/** One that fits into 32 bits. */
const uint = v.pipe(
  v.bigint(),
  v.minValue(0n, 'a number from 0 on'),
  v.maxValue(0xffff_ffffn, 'a number of at most 32 bits'),
  v.transform(Number),
)
const int = v.pipe(
  v.bigint(),
  v.minValue(-0x8000_0000n, 'a number of at most 32 bits'),
  v.maxValue(0xffff_ffffn, 'a number of at most 32 bits'),
  v.transform(Number),
)
/** The type of an attribute, in 14 bits. */
const attributeNumber = v.pipe(
  v.bigint(),
  v.minValue(0n, 'a number from 0 on'),
  v.maxValue(0x3fffn, 'a number of at most 14 bits'),
  v.transform(Number),
)
/** A length: a number or the name of a constant, also less one. */
const length = v.union(
  [v.pipe(v.bigint(), v.minValue(0n)), v.pipe(v.string(), v.regex(/^[0-9A-Za-z_-]+( - 1)?$/))],
  'a number from 0 on, or the name of a constant',
)
const limit = v.union(
  [v.bigint(), v.pipe(v.string(), v.regex(/^[0-9A-Za-z_-]+$/))],
  'a number, or the name of a constant',
)
const byteOrder = v.picklist(['little-endian', 'big-endian'])
const displayHint = v.picklist(['hex', 'mac', 'fddi', 'ipv4', 'ipv6', 'ipv4-or-v6', 'uuid'])
const integers = ['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64'] as const
const structTypes = [...integers, 'string', 'binary'] as const
const attributeTypes = [
  ...integers,
  ...(['uint', 'sint', 'flag', 'string', 'binary', 'bitfield32', 'nest', 'indexed-array'] as const),
  ...(['nest-type-value', 'pad', 'unused'] as const),
] as const
const flags = v.array(v.picklist(['admin-perm', 'uns-admin-perm']))
const nullable = v.nullable(text)

/** The schema of what is written at a level. */
export function documentSchema(protocol: Protocol) {
  /** A key that only these levels have. */
  const only = <S extends v.GenericSchema>(levels: readonly Protocol[], schema: S) =>
    v.optional(
      levels.includes(protocol)
        ? schema
        : (v.never(`no key of protocol ${protocol}, but of ${levels.join(', ')}`) as unknown as S),
    )
  const c = ['genetlink-c', 'genetlink-legacy', 'netlink-raw'] as const
  const legacy = ['genetlink-legacy', 'netlink-raw'] as const
  const generic = ['genetlink', 'genetlink-c', 'genetlink-legacy'] as const
  const raw = ['netlink-raw'] as const

  /** The schemas allow them in all definitions. */
  const common = {
    name,
    doc: v.optional(text),
    header: v.optional(text),
    scope: v.optional(v.picklist(['uapi', 'kernel', 'user'])),
    'render-max': v.optional(v.boolean()),
    'enum-name': only(c, nullable),
    'name-prefix': only(c, text),
    'enum-cnt-name': only(c, text),
  }
  const constant = v.strictObject({
    ...common,
    type: v.literal('const'),
    value: v.optional(v.union([integer, text], 'a number or a text')),
  })
  const enumeration = v.strictObject({
    ...common,
    type: v.picklist(['enum', 'flags']),
    'value-start': v.optional(int),
    entries: v.array(
      v.lazy(
        entry =>
          (typeof entry === 'string'
            ? name
            : v.strictObject({ name, value: v.optional(int), doc: v.optional(text) })) as v.GenericSchema<
            EntryDocument,
            EntryOutput
          >,
      ),
    ),
  })
  const struct = v.strictObject({
    ...common,
    type: v.literal('struct'),
    members: v.array(
      v.strictObject({
        name,
        type: v.picklist(protocol === 'netlink-raw' ? [...structTypes, 'pad'] : structTypes),
        len: v.optional(length),
        'byte-order': v.optional(byteOrder),
        doc: v.optional(text),
        enum: v.optional(name),
        'enum-as-flags': only(legacy, v.boolean()),
        'display-hint': v.optional(displayHint),
        struct: v.optional(name),
      }),
    ),
  })
  const types = protocol === 'netlink-raw' ? [...attributeTypes, 'sub-message' as const] : attributeTypes
  const attribute = v.strictObject({
    name,
    type: v.optional(v.picklist(types)),
    doc: v.optional(text),
    value: v.optional(attributeNumber),
    'type-value': v.optional(v.array(name)),
    'byte-order': v.optional(byteOrder),
    'multi-attr': v.optional(v.boolean()),
    'nested-attributes': v.optional(name),
    enum: v.optional(name),
    'enum-as-flags': v.optional(v.boolean()),
    checks: v.optional(
      v.strictObject({
        'flags-mask': v.optional(name),
        min: v.optional(limit),
        max: v.optional(limit),
        'min-len': v.optional(length),
        'max-len': v.optional(length),
        'exact-len': v.optional(length),
        'unterminated-ok': v.optional(v.boolean()),
      }),
    ),
    'sub-type': v.optional(v.picklist(types)),
    'display-hint': v.optional(displayHint),
    'name-prefix': only(c, text),
    struct: only(legacy, name),
    'sub-message': only(raw, name),
    selector: only(raw, name),
  })
  const messageContent = v.strictObject({
    attributes: v.optional(v.array(name)),
    value: only(legacy, uint),
  })
  const exchange = v.strictObject({
    request: v.optional(messageContent),
    reply: v.optional(messageContent),
    pre: v.optional(text),
    post: v.optional(text),
  })
  const operation = v.strictObject({
    name,
    doc: text,
    value: v.optional(uint),
    'attribute-set': v.optional(name),
    flags: v.optional(flags),
    'dont-validate': v.optional(v.array(v.picklist(['strict', 'dump', 'dump-strict']))),
    'config-cond': only(generic, text),
    'fixed-header': only(legacy, name),
    do: v.optional(exchange),
    dump: v.optional(exchange),
    notify: v.optional(name),
    event: v.optional(v.strictObject({ attributes: v.optional(v.array(name)) })),
    mcgrp: v.optional(text),
  })
  return v.strictObject({
    name: v.pipe(text, v.regex(/^[^\p{Cc}]+$/u, 'a name without control characters')),
    doc: text,
    protocol: v.optional(v.picklist(protocols)),
    protonum: only(raw, uint),
    'uapi-header': v.optional(text),
    'c-family-name': only(c, text),
    'c-version-name': only(c, text),
    'max-by-define': only(c, v.boolean()),
    'cmd-max-name': only(c, text),
    'cmd-cnt-name': only(c, text),
    'kernel-policy': only(legacy, v.picklist(['split', 'per-op', 'global'])),
    version: only(
      ['genetlink-legacy'],
      v.pipe(
        integer,
        v.minValue(1n, 'a number from 1 on'),
        v.maxValue(255n, 'at most 255'),
        v.transform(Number),
      ),
    ),
    definitions: v.optional(
      v.array(
        v.variant(
          'type',
          legacy.includes(protocol as never) ? [constant, enumeration, struct] : [constant, enumeration],
        ) as unknown as v.GenericSchema<
          unknown,
          v.InferOutput<typeof constant | typeof enumeration | typeof struct>
        >,
      ),
    ),
    'attribute-sets': v.array(
      v.strictObject({
        name,
        doc: v.optional(text),
        'subset-of': v.optional(name),
        'name-prefix': v.optional(text),
        'enum-name': v.optional(nullable),
        'attr-cnt-name': only(c, text),
        'attr-max-name': only(c, text),
        header: only(c, text),
        attributes: v.array(attribute),
      }),
    ),
    'sub-messages': only(
      raw,
      v.array(
        v.strictObject({
          name,
          formats: v.array(
            v.strictObject({
              value: text,
              'fixed-header': v.optional(name),
              'attribute-set': v.optional(name),
            }),
          ),
        }),
      ),
    ),
    operations: v.strictObject({
      'enum-model': v.optional(
        v.picklist(legacy.includes(protocol as never) ? ['unified', 'directional'] : ['unified']),
      ),
      'name-prefix': v.optional(text),
      'enum-name': v.optional(nullable),
      'async-prefix': v.optional(text),
      'async-enum': v.optional(nullable),
      'fixed-header': only(legacy, name),
      list: v.array(operation),
    }),
    'mcast-groups': v.optional(
      v.strictObject({
        list: v.array(
          v.strictObject({
            name: text,
            'c-define-name': only(c, text),
            flags: v.optional(flags),
            value: only(raw, uint),
          }),
        ),
      }),
    ),
    'kernel-family': only(
      generic,
      v.strictObject({ headers: v.optional(v.array(text)), 'sock-priv': v.optional(text) }),
    ),
  })
}

/** An entry as written. */
type EntryDocument = unknown
type EntryOutput = string | { readonly name: string; readonly value?: number; readonly doc?: string }

/** What a specification's document has. */
export type SpecificationDocument = v.InferOutput<ReturnType<typeof documentSchema>>
