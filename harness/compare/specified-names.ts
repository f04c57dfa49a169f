// SPDX-License-Identifier: MIT
/** The names that specifications have for commands and attributes. What is compared has numbers, on both sides. */
import { withNames } from '../../guest/ynl/agreement.ts'
import type { FamilyFacts } from '../../guest/ynl/facts.ts'
import type { AttributeSetSpecification, Operation, Specification } from '../../guest/ynl/specification.ts'
import type { Finding, Sides } from './finding.ts'
import type { Exchange, NormalMessage } from './recorded.ts'

type Set = AttributeSetSpecification | undefined

export class SpecifiedNames {
  readonly #specifications: readonly Specification[]

  constructor(specifications: readonly Specification[]) {
    this.#specifications = specifications
  }

  /** What nlctrl tells of a family, with names. */
  family(facts: FamilyFacts): FamilyFacts {
    const own = this.#specifications.find(({ name }) => name === facts.name)
    return own ? withNames(facts, own) : facts
  }

  /** A finding with names in all that people read of it; titles of tests are what they are. */
  finding(finding: Finding): Finding {
    const { kind, where, text, request, show, sides } = finding
    const isOfMessages = kind === 'behaviour' || kind === 'time'
    const told = [...(isOfMessages ? [where, text] : []), request].join('\n')
    const own = this.#specifications.find(each => isOf(each, told))
    if (!own) return finding
    const set = setOf(own, told.slice(told.indexOf(`${own.name} command `)))
    const named = (line: string) => commandsNamed(own, attributesNamed(own, set, line))
    const [, place = '', shown = ''] = /^(in [^\n]*\n)?(.*)$/s.exec(show ?? '') ?? []
    return {
      ...finding,
      ...(request === undefined ? {} : { request: commandsNamed(own, requestNamed(own, set, request)) }),
      ...(isOfMessages
        ? {
            where: named(where),
            ...(text === undefined ? {} : { text: named(text) }),
            ...(show === undefined ? {} : { show: `${place}${named(shown)}` }),
            ...(sides === undefined ? {} : { sides: sidesNamed(own, sides) }),
          }
        : {}),
    }
  }
}

function isOf({ name }: Specification, text: string): boolean {
  return text.includes(`${name} command `)
}

function sidesNamed(own: Specification, { test, base, head }: Sides): Sides {
  const named = (exchange: Exchange): Exchange => {
    const { operation, answers, told } = exchange
    const messages = (all: readonly NormalMessage[]) =>
      all.map(each => messageNamed(own, isOf(own, operation) ? operation : each.what, each))
    return {
      ...exchange,
      operation: commandsNamed(own, operation),
      answers: messages(answers),
      told: told.map(each => ({ ...each, messages: messages(each.messages) })),
    }
  }
  return { test, base: base.map(named), head: head.map(named) }
}

/** @param operation whose attributes it has */
function messageNamed(own: Specification, operation: string, { what, parts }: NormalMessage): NormalMessage {
  const set = isOf(own, operation) ? setOf(own, operation) : undefined
  const name = (part: string) => (isOf(own, operation) ? attributesNamed(own, set, part) : part)
  return { what: commandsNamed(own, what), parts: parts.map(([part, value]) => [name(part), value] as const) }
}

/** By the number of its request, or else of its reply or notification. */
function operationOf({ operations }: Specification, number: number): Operation | undefined {
  return (
    operations.find(({ request, notify, event }) => request === number && !notify && !event) ??
    operations.find(({ request, reply }) => request === number || reply === number)
  )
}

function commandsNamed(specification: Specification, text: string): string {
  const { name: family } = specification
  return text.replaceAll(/(\S+) command (\d+)/g, (all, name: string, number: string) => {
    const operation = name.endsWith(family) ? operationOf(specification, Number(number)) : undefined
    return operation ? `${name} ${operation.name}` : all
  })
}

/** The attributes of the first command that is named. */
function setOf(specification: Specification, where: string): Set {
  const number = / command (\d+)/.exec(where)?.[1]
  const operation = number === undefined ? undefined : operationOf(specification, Number(number))
  return setNamed(specification, operation?.attributeSet)
}

function setNamed({ attributeSets }: Specification, name: string | undefined): Set {
  return attributeSets.find(set => set.name === name)
}

/** "attribute 1.attribute 2" */
function attributesNamed(specification: Specification, first: Set, text: string): string {
  return text
    .replaceAll(/attribute \d+(?:#\d+)?(?:\.attribute \d+(?:#\d+)?)*/g, path => {
      let set = first
      const names = path.split('.').map(part => {
        const [, number = '', times = ''] = /(\d+)(#\d+)?/.exec(part) ?? []
        const attribute = set?.attributes.find(({ value }) => value === Number(number))
        set = setNamed(specification, attribute?.nested)
        return attribute ? `${attribute.name}${times}` : part
      })
      return names.join('.')
    })
    .replaceAll(
      /(missing attribute(?: in the extended ack of \S+(?: is new| is gone, was)?)?:?) (\d+)\b/g,
      (all, before, number) => {
        const attribute = first?.attributes.find(({ value }) => value === Number(number))
        return attribute ? `${before} ${attribute.name}` : all
      },
    )
}

/** Lines "  1: 00000007", deeper ones of nests. */
function requestNamed(specification: Specification, first: Set, text: string): string {
  const sets: Set[] = [first]
  return text.replaceAll(/^( +)(\d+):/gm, (all, indent: string, number: string) => {
    const depth = indent.length / 2
    const attribute = sets[depth - 1]?.attributes.find(({ value }) => value === Number(number))
    sets[depth] = setNamed(specification, attribute?.nested)
    return attribute ? `${indent}${attribute.name}:` : all
  })
}
