// SPDX-License-Identifier: MIT
/** A specification's messages: schemas of the client's codec, made when they are first needed. */
import {
  type Attribute,
  AttributeSet,
  attr,
  type Fixed,
  fixed,
  flag,
  genlmsghdr,
  type Message,
  nested,
  nestedArray,
  Payload,
  padding,
  parseAttributes,
  repeated,
  type Struct,
  string,
  type Value,
} from '../netlink/index.ts'
import { checked } from './checks.ts'
import type {
  AttributeSetSpecification,
  AttributeSpecification,
  Enumeration,
  Operation,
  Specification,
  SubMessage,
} from './specification.ts'
import { type Definitions, plainValue, structOf } from './values.ts'

/**
 * The content of a message: its attributes, and the members of its fixed header, by their names in the
 * specification. Flags are lists of names, values of enumerations names, or numbers where they have none;
 * u64, uint and sint are bigints; binaries without a display hint are bytes; `unknown` has the attributes that
 * the specification does not have.
 */
export type Values = Readonly<Record<string, unknown>> & { readonly unknown?: readonly Attribute[] }

/** What precedes the attributes. */
interface Header {
  readonly generic?: { readonly command: number; readonly version: number }
  readonly own?: Values
}

/** Makes schemas of a specification. */
export class Codec {
  readonly #specification: Specification
  readonly #isChecked: boolean
  readonly #enumerations: ReadonlyMap<string, Enumeration>
  readonly #written: ReadonlyMap<string, AttributeSetSpecification>
  readonly #subMessages: ReadonlyMap<string, SubMessage>
  readonly #sets = new Map<string, AttributeSet<Values>>()
  readonly #structs = new Map<string, Struct<Values>>()
  readonly #payloads = new Map<string, Payload<Header, Values>>()
  readonly #wanted: ReadonlyMap<string, ReadonlySet<string>>
  /** The attributes around those that are read or written just now, the nearest last. */
  readonly #around: Values[] = []
  readonly #definitions: Definitions = {
    enumeration: name => known(this.#enumerations, name),
    struct: name => this.#struct(name),
  }

  /** @param options.checked whether values that the specification's `checks` exclude are refused on writing */
  constructor(specification: Specification, { checked = false }: { readonly checked?: boolean } = {}) {
    this.#specification = specification
    this.#isChecked = checked
    const { definitions, attributeSets, subMessages } = specification
    this.#enumerations = new Map(
      definitions.flatMap(it => (it.kind === 'enum' || it.kind === 'flags' ? [[it.name, it]] : [])),
    )
    this.#written = new Map(attributeSets.map(set => [set.name, set]))
    this.#subMessages = new Map(subMessages.map(it => [it.name, it]))
    this.#wanted = wantedSelectors(specification)
  }

  /** The schema of a set of attributes. */
  attributeSet(name: string): AttributeSet<Values> {
    const made = this.#sets.get(name)
    if (made) return made
    const { attributes } = known(this.#written, name)
    const fields = attributes
      .filter(({ type }) => type !== 'unused')
      .map(it => [it.name, [it.value, this.#valueOf(it)]] as const)
    const set = new AttributeSet<Values>(Object.fromEntries(fields))
    this.#sets.set(name, set)
    return set
  }

  /** The schema of an operation's messages: also names attributes in errors. */
  payload({ attributeSet, fixedHeader }: Operation): Payload<Header, Values> {
    const key = `${attributeSet ?? ''} ${fixedHeader ?? ''}`
    const made = this.#payloads.get(key)
    if (made) return made
    const own = fixedHeader === undefined ? undefined : this.#struct(fixedHeader)
    const isGeneric = this.#specification.protocol !== 'netlink-raw'
    const set = attributeSet === undefined ? new AttributeSet<Values>({}) : this.attributeSet(attributeSet)
    const payload = new Payload<Header, Values>(headerOf(isGeneric, own), set)
    this.#payloads.set(key, payload)
    return payload
  }

  /** The parts of a message. @throws RangeError, TypeError with the name of what does not fit */
  encode(operation: Operation, command: number, values: Values): Buffer[] {
    const members = this.#members(operation)
    const entries = Object.entries(values)
    const own = Object.fromEntries(entries.filter(([name]) => members.has(name)))
    const attributes = Object.fromEntries(entries.filter(([name]) => !members.has(name))) as Values
    const generic = { command, version: this.#specification.version }
    return this.payload(operation).encode({ header: { generic, own }, attributes })
  }

  /** The content of a message. @throws MalformedError with the path of what does not fit */
  decode(operation: Operation, message: Message): Values {
    const { header, attributes } = this.payload(operation).decode(message)
    return { ...attributes, ...header.own }
  }

  #members({ fixedHeader }: Operation): ReadonlySet<string> {
    return new Set(fixedHeader === undefined ? [] : Object.keys(this.#struct(fixedHeader).fields))
  }

  #struct(name: string): Struct<Values> {
    const made = this.#structs.get(name)
    if (made) return made
    const definition = this.#specification.definitions.find(it => it.name === name)
    if (definition?.kind !== 'struct') throw new TypeError(`no struct is named ${name}`)
    const layout = structOf(definition, this.#definitions) as Struct<Values>
    this.#structs.set(name, layout)
    return layout
  }

  #valueOf(attribute: AttributeSpecification): Value<unknown> {
    const single = this.#singleValue(attribute)
    const value = this.#isChecked ? checked(single, attribute, this.#definitions) : single
    const whole = attribute.multi ? repeated(value) : value
    return this.#looksAround(attribute) ? this.#withSurroundings(whole) : whole
  }

  #singleValue(attribute: AttributeSpecification): Value<unknown> {
    const { type, nested: inner, subType } = attribute
    const nest = () => nested(() => this.attributeSet(inner ?? ''))
    switch (type) {
      case 'flag':
        return flag
      case 'string':
        return string
      case 'pad':
        return padding
      case 'nest':
        return nest()
      case 'indexed-array':
        return nestedArray(
          subType === 'nest'
            ? nest()
            : subType === 'string'
              ? string
              : plainValue(
                  { ...attribute, subType: undefined as never },
                  subType ?? 'binary',
                  this.#definitions,
                ),
        )
      case 'nest-type-value':
        return this.#keyedNests(attribute.typeValue ?? [], inner ?? '')
      case 'sub-message':
        return this.#subMessage(
          known(this.#subMessages, attribute.subMessage ?? ''),
          attribute.selector ?? '',
        )
      default:
        return plainValue(attribute, type, this.#definitions)
    }
  }

  /** Nests whose types are numbers of their own: a list with an object for each innermost nest. */
  #keyedNests(keys: readonly string[], inner: string): Value<readonly Values[]> {
    const read = (buffer: Buffer, start: number, end: number, depth: number): Values[] =>
      depth === keys.length
        ? [this.attributeSet(inner).decode(buffer, start, end)]
        : parseAttributes(buffer.subarray(0, end), start).flatMap(attribute => {
            const from = attribute.offset + 4
            const rows = read(buffer, from, from + attribute.length, depth + 1)
            return rows.map(row => ({ [keys[depth] ?? '']: attribute.type, ...row }))
          })
    const write = (row: Values): Buffer => {
      const rest = Object.fromEntries(Object.entries(row).filter(([name]) => !keys.includes(name)))
      return keys.reduceRight<Buffer>(
        (content, key) => attr.nested(Number(row[key]), content),
        this.attributeSet(inner).encode(rest as Values),
      )
    }
    return {
      kind: 'nest',
      read: (buffer, start, end) => read(buffer, start, end, 0),
      write: (type, rows) => attr.nested(type, ...rows.map(write)),
    }
  }

  /** What another attribute selects: the members of a header and attributes; bytes where no format is known. */
  #subMessage({ formats }: SubMessage, selector: string): Value<unknown> {
    const values = new Map(
      formats.map(({ value, fixedHeader, attributeSet }) => [value, { own: fixedHeader, set: attributeSet }]),
    )
    const find = (siblings: Values) => {
      const scope = [siblings, ...this.#around.toReversed()].find(it => Object.hasOwn(it, selector))
      const format = values.get(String(scope?.[selector]))
      return (
        format && {
          own: format.own === undefined ? undefined : this.#struct(format.own),
          set: format.set === undefined ? undefined : this.attributeSet(format.set),
        }
      )
    }
    return {
      kind: 'nest',
      depends: true,
      read: (buffer, start, end, siblings) => {
        const format = find(siblings)
        if (format === undefined || (!format.own && !format.set)) return buffer.subarray(start, end)
        const own = format.own?.read(buffer, start, end, {})
        if (format.set === undefined) return own
        const from = Math.min(start + (format.own?.size ?? 0), end)
        return { ...format.set.decode(buffer, from, end), ...own }
      },
      write: (type, value, siblings) => {
        if (value instanceof Uint8Array) return attr.binary(type, value)
        const format = find(siblings)
        if (format === undefined)
          throw new RangeError(`${selector} selects none of ${[...values.keys()].join(', ')}`)
        const header = Buffer.alloc(format.own?.size ?? 0)
        const members = new Set(Object.keys(format.own?.fields ?? {}))
        const entries = Object.entries(value as Values)
        const own = Object.fromEntries(entries.filter(([name]) => members.has(name)))
        const rest = Object.fromEntries(entries.filter(([name]) => !members.has(name)))
        format.own?.put(header, own as Values, 0)
        if (format.set === undefined) return attr.binary(type, header)
        return attr.nested(type, header, format.set.encode(rest as Values))
      },
      nest: siblings => {
        const format = find(siblings as Values)
        return format?.set && { set: format.set, skip: format.own?.size ?? 0 }
      },
    }
  }

  /** Whether what is in an attribute may look for its selector around itself. */
  #looksAround({ nested: inner, subMessage }: AttributeSpecification): boolean {
    const formats = subMessage === undefined ? [] : known(this.#subMessages, subMessage).formats
    const within = [inner, ...formats.map(({ attributeSet }) => attributeSet)]
    return within.some(set => set !== undefined && (this.#wanted.get(set)?.size ?? 0) > 0)
  }

  /** Read and written last, when what is inside can look at the attributes beside it. */
  #withSurroundings(value: Value<unknown>): Value<unknown> {
    const within = <T>(siblings: Values, work: () => T): T => {
      this.#around.push(siblings)
      try {
        return work()
      } finally {
        this.#around.pop()
      }
    }
    return {
      ...value,
      depends: true,
      read: (buffer, start, end, siblings) =>
        within(siblings, () => value.read(buffer, start, end, siblings)),
      write: (type, content, siblings) => within(siblings, () => value.write(type, content, siblings)),
    }
  }
}

function headerOf(isGeneric: boolean, own: Struct<Values> | undefined): Fixed<Header> {
  const skip = isGeneric ? genlmsghdr.size : 0
  return fixed<Header>(
    'header',
    skip + (own?.size ?? 0),
    4,
    (buffer, offset) => ({
      ...(isGeneric && { generic: genlmsghdr.get(buffer, offset) }),
      ...(own && { own: own.get(buffer, offset + skip) }),
    }),
    (buffer, header, offset) => {
      if (isGeneric && header.generic) genlmsghdr.put(buffer, { ...header.generic, reserved: 0 }, offset)
      if (own && header.own) own.put(buffer, header.own, offset + skip)
    },
  )
}

function known<T>(map: ReadonlyMap<string, T>, name: string): T {
  const found = map.get(name)
  if (found === undefined) throw new TypeError(`the specification has no ${name}`)
  return found
}

/** By set: the selectors that are looked for around it, because what is in it does not have them. */
function wantedSelectors({ attributeSets, subMessages }: Specification): Map<string, Set<string>> {
  const formats = new Map(subMessages.map(it => [it.name, it.formats]))
  const wanted = new Map(attributeSets.map(({ name }) => [name, new Set<string>()]))
  // sets may hold each other: until nothing is added
  for (let isChanged = true; isChanged; ) {
    isChanged = false
    for (const { name, attributes } of attributeSets) {
      const found = wanted.get(name)
      const own = new Set(attributes.map(attribute => attribute.name))
      const below = attributes.flatMap(({ selector, nested: inner, subMessage }) => [
        ...(selector === undefined ? [] : [selector]),
        ...[inner, ...(formats.get(subMessage ?? '') ?? []).map(({ attributeSet }) => attributeSet)].flatMap(
          set => [...(wanted.get(set ?? '') ?? [])],
        ),
      ])
      for (const selector of below)
        if (!own.has(selector) && found && !found.has(selector)) {
          found.add(selector)
          isChanged = true
        }
    }
  }
  return wanted
}
