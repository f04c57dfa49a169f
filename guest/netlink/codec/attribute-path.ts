// SPDX-License-Identifier: MIT
/** Names for the attributes that an extended acknowledgement names by offsets and types. */
import { type Attribute, parseAttributes } from './attribute.ts'
import { NLA_HDRLEN, NLMSG_HDRLEN } from './constants.ts'
import type { ExtendedAck } from './error-message.ts'
import { MalformedError } from './errors.ts'
import { align } from './integers.ts'
import type { Payload } from './schema.ts'
import type { Nest } from './value.ts'

/** The schema of a request, with any header and attributes. */
export type RequestSchema = Payload

/** The attributes of an extended acknowledgement, as paths: `linkinfo.data`, `groups[1].name`. */
export interface AttributePaths {
  /** Of the offending attribute. */
  readonly attribute?: string
  /** Of the attribute that is missing. */
  readonly missing?: string
}

/**
 * The paths of the attributes that an extended acknowledgement names.
 * @param request the whole message that was sent
 * @param schema of its payload; attributes that it does not have appear as numbers
 */
export function attributePaths(
  request: Buffer,
  { offset, missingType, missingNest }: ExtendedAck,
  schema: RequestSchema,
): AttributePaths {
  const root: Nest = { set: schema.attributes, skip: 0 }
  const start = NLMSG_HDRLEN + align(schema.header.size)
  const at = (target: number) => find(root, request, start, request.length, target)
  const attribute = offset === undefined ? undefined : at(offset)?.path
  const nest = missingNest === undefined ? { path: '', nest: root } : at(missingNest)
  return {
    ...(attribute !== undefined && { attribute }),
    ...(missingType !== undefined &&
      nest !== undefined && {
        missing: join(nest.path, nest.nest?.set.field(missingType)?.name ?? `${missingType}`),
      }),
  }
}

interface Found {
  readonly path: string
  /** The attributes inside this one. */
  readonly nest: Nest | undefined
}

/** The attribute at `target`, or the innermost one around it. */
function find(nest: Nest, bytes: Buffer, start: number, end: number, target: number): Found | undefined {
  const inside = attempt(() => parseAttributes(bytes.subarray(0, end), start)) ?? []
  const index = inside.findIndex(a => target >= a.offset && target < a.offset + NLA_HDRLEN + a.length)
  const attribute: Attribute | undefined = inside[index]
  if (attribute === undefined) return undefined

  const field = nest.indexed ? undefined : nest.set.field(attribute.type)
  const name = nest.indexed ? `[${index}]` : (field?.name ?? `${attribute.type}`)
  const inner = nest.indexed
    ? { set: nest.set, skip: nest.skip }
    : field?.value.nest?.(siblingsOf(inside, nest, bytes))
  const payload = attribute.offset + NLA_HDRLEN
  if (target >= payload && inner !== undefined) {
    const skip = inner.indexed ? 0 : inner.skip
    const found = find(inner, bytes, payload + skip, payload + attribute.length, target)
    if (found !== undefined) return { path: join(name, found.path), nest: found.nest }
  }
  return { path: name, nest: inner }
}

/** The readable attributes of a level with a malformed one. */
function siblingsOf(inside: readonly Attribute[], { set }: Nest, bytes: Buffer): Record<string, unknown> {
  const siblings: Record<string, unknown> = {}
  for (const { type, offset, length } of inside) {
    const field = set.field(type)
    const start = offset + NLA_HDRLEN
    if (field !== undefined && field.value.nest === undefined)
      siblings[field.name] = attempt(() => field.value.read(bytes, start, start + length, {}))
  }
  return siblings
}

function join(path: string, name: string): string {
  return path === '' || name.startsWith('[') ? path + name : `${path}.${name}`
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch (error) {
    if (error instanceof MalformedError) return undefined
    throw error
  }
}
