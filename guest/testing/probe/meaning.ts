// SPDX-License-Identifier: MIT
/** What a specification adds to what the kernel tells of a family: names, good values, and what is answered. */
import {
  type Attribute,
  type AttributePolicy,
  MalformedError,
  type Message,
  parseAttributes,
  parseGenericHeader,
} from '../../netlink/index.ts'
import { Codec, type Values } from '../../ynl/codec.ts'
import type {
  AttributeSpecification,
  Exchange,
  Specification,
  Operation as SpecifiedOperation,
} from '../../ynl/specification.ts'
import type { Kind, Operation } from './family.ts'
import { SpecifiedValues } from './specified-values.ts'

type Asked = Pick<Operation, 'command' | 'kind'>

/** Types that an answer may lack at any time, or that say nothing. */
const absentable: readonly string[] = ['flag', 'pad', 'unused']

/** The meaning of a family's messages. */
export class Meaning {
  readonly specification: Specification
  readonly #codec: Codec
  readonly #values: SpecifiedValues
  readonly #requests: ReadonlyMap<number, SpecifiedOperation>
  readonly #replies: ReadonlyMap<number, SpecifiedOperation>
  readonly #notifications: ReadonlySet<number>
  readonly #sets: ReadonlyMap<string, readonly AttributeSpecification[]>
  /** The attributes that answers had, by the operation and its way. */
  readonly #seen = new Map<string, Set<string>>()

  constructor(specification: Specification) {
    this.specification = specification
    this.#codec = new Codec(specification)
    this.#values = new SpecifiedValues(specification)
    const { operations, attributeSets } = specification
    const isNotification = (it: SpecifiedOperation) => it.notify !== undefined || it.event !== undefined
    const asked = operations.filter(it => !isNotification(it) && it.attributeSet !== undefined)
    this.#requests = new Map(asked.flatMap(it => (it.request === undefined ? [] : [[it.request, it]])))
    this.#replies = new Map(
      operations
        .filter(it => it.attributeSet !== undefined)
        .flatMap(it => (it.reply === undefined ? [] : [[it.reply, it]])),
    )
    this.#notifications = new Set(
      operations.flatMap(it => [it.reply, it.request]).filter(it => it !== undefined),
    )
    this.#sets = new Map(attributeSets.map(({ name, attributes }) => [name, attributes]))
  }

  /** The name of a command. */
  commandName(command: number): string | undefined {
    return this.#requests.get(command)?.name
  }

  /** The name of an attribute of a command. */
  attributeName(command: number, type: number): string | undefined {
    return this.#attribute(command, type)?.name
  }

  /** The command of that name. */
  commandOf(name: string): number | undefined {
    return [...this.#requests].find(([, it]) => it.name === name)?.[0]
  }

  /** The names of commands. */
  get commandNames(): string[] {
    return [...this.#requests.values()].map(({ name }) => name)
  }

  /** The types that attributes of that name have, in all sets that commands have. */
  typesOf(name: string): number[] {
    const sets = new Set([...this.#requests.values()].map(({ attributeSet = '' }) => attributeSet))
    const types = [...sets].flatMap(set =>
      (this.#sets.get(set) ?? []).flatMap(it => (it.name === name ? [it.value] : [])),
    )
    return [...new Set(types)]
  }

  /** The types that a request takes; undefined where the specification does not say. */
  requestTypes({ command, kind }: Asked): number[] | undefined {
    const names = this.#exchange(command, kind)?.request?.attributes
    if (names === undefined) return undefined
    const set = this.#setOf(command)
    return names.flatMap(name => set.find(it => it.name === name)?.value ?? [])
  }

  /** What is known of an attribute that the kernel tells no policy of. */
  policyOf(command: number, type: number): AttributePolicy | undefined {
    const attribute = this.#attribute(command, type)
    if (attribute === undefined) return undefined
    const { byteOrder } = attribute
    const width = Number(/^[us](\d+)$/.exec(attribute.type)?.[1] ?? 0) / 8
    if (width > 0)
      return byteOrder === 'big-endian' && width > 1
        ? { type: `BE${width * 8}` }
        : { type: attribute.type.toUpperCase() }
    if (attribute.type === 'string') return { type: 'STRING' }
    if (attribute.type === 'nest') return { type: 'NESTED' }
    if (attribute.type === 'indexed-array') return { type: 'NESTED_ARRAY' }
    if (attribute.type === 'flag') return { type: 'FLAG' }
    return {}
  }

  /** A good payload of an attribute that has a meaning beyond its policy; undefined for others. */
  payload(command: number, type: number, variant: number, hasPolicy: boolean): Buffer | undefined {
    const attribute = this.#attribute(command, type)
    const set = this.#requests.get(command)?.attributeSet
    if (attribute === undefined || set === undefined) return undefined
    // Plain numbers and texts are made from the kernel's limits, which are nearer.
    if (hasPolicy && isPlain(attribute)) return undefined
    const names = [attribute.name, ...(attribute.selector === undefined ? [] : [attribute.selector])]
    const values = this.#values.set(set, variant, names)
    if (values[attribute.name] === undefined) return undefined
    const bytes = Buffer.from(this.#codec.attributeSet(set).encode(values as Values))
    return parseAttributes(bytes).find(each => each.type === type)?.payload
  }

  /** What is wrong with a message that answers a request, or that a group was told. */
  faultsOf(message: Message, asked: Asked | undefined): string[] {
    const { command } = parseGenericHeader(message)
    const operation =
      this.#replies.get(command) ?? (asked === undefined ? undefined : this.#requests.get(asked.command))
    if (operation === undefined || !this.#notifications.has(command))
      return [`the specification has no message of the command ${command}`]
    const what =
      asked === undefined
        ? `a notification ${operation.name}`
        : `the answer to ${this.commandName(asked.command) ?? command}`
    try {
      const values = this.#codec.decode(operation, message)
      if (asked !== undefined) this.#remember(asked, values)
      return [
        ...unknownIn(values).map(
          ({ type, path }) => `${what} has an attribute ${path}${type} that the specification does not have`,
        ),
        ...(asked === undefined ? [] : this.#unlisted(asked, values)).map(
          name => `${what} has ${name}, which the specification has elsewhere, but not there`,
        ),
        ...this.#repeated(operation, message).map(
          name => `${what} has ${name} several times, and the specification does not say multi-attr`,
        ),
      ]
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      return [`${what} is not as the specification says: ${error.message}`]
    }
  }

  /** Attributes that the specification says are answered, and no answer of an operation has had. */
  missing(): string[] {
    return [...this.#seen].flatMap(([key, seen]) => {
      const [command, kind] = key.split(' ') as [string, Kind]
      const operation = this.#requests.get(Number(command))
      const names = this.#exchange(Number(command), kind)?.reply?.attributes ?? []
      const set = this.#setOf(Number(command))
      return names
        .filter(name => !seen.has(name))
        .filter(name => !absentable.includes(set.find(it => it.name === name)?.type ?? 'unused'))
        .map(
          name =>
            `no answer to ${operation?.name} (${kind}) has ${name}, which the specification says it has`,
        )
    })
  }

  /** Names of a set's attributes that are not among those of an answer, where the specification lists these. */
  #unlisted({ command, kind }: Asked, values: Values): string[] {
    const listed = this.#exchange(command, kind)?.reply?.attributes
    const names = new Set(this.#setOf(command).map(({ name }) => name))
    return listed === undefined ? [] : Object.keys(values).filter(it => names.has(it) && !listed.includes(it))
  }

  #repeated(operation: SpecifiedOperation, message: Message): string[] {
    const set = this.#sets.get(operation.attributeSet ?? '') ?? []
    const counts = new Map<number, number>()
    for (const { type } of message.attributes(this.#codec.payload(operation).header.size))
      counts.set(type, (counts.get(type) ?? 0) + 1)
    return set.flatMap(({ name, value, multi, type }) =>
      (counts.get(value) ?? 0) > 1 && !multi && type !== 'pad' ? [name] : [],
    )
  }

  #remember({ command, kind }: Asked, values: Values): void {
    const key = `${command} ${kind}`
    const seen = this.#seen.get(key) ?? new Set()
    for (const name of Object.keys(values)) seen.add(name)
    this.#seen.set(key, seen)
  }

  #exchange(command: number, kind: Kind): Exchange | undefined {
    return this.#requests.get(command)?.[kind]
  }

  #setOf(command: number): readonly AttributeSpecification[] {
    return this.#sets.get(this.#requests.get(command)?.attributeSet ?? '') ?? []
  }

  #attribute(command: number, type: number): AttributeSpecification | undefined {
    return this.#setOf(command).find(({ value }) => value === type)
  }
}

/** Whether a policy alone tells good values. */
function isPlain({ type, enumeration, byteOrder, displayHint, checks }: AttributeSpecification): boolean {
  const isMeant = enumeration ?? byteOrder ?? displayHint ?? checks.flagsMask
  return isMeant === undefined && /^([us]\d+|[us]int|string|flag)$/.test(type)
}

/** Attributes without a name, also in nests. */
function unknownIn(values: Values, path = ''): { readonly type: number; readonly path: string }[] {
  const own = (values.unknown ?? []).map(({ type }: Attribute) => ({ type, path }))
  const nests = Object.entries(values).flatMap(([name, value]) =>
    name === 'unknown'
      ? []
      : [value].flat().flatMap(each => (isNest(each) ? unknownIn(each, `${path}${name}.`) : [])),
  )
  return [...own, ...nests]
}

function isNest(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)
}
