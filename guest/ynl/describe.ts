// SPDX-License-Identifier: MIT
/** What a family is, for people: as text and as Markdown. */
import { rangeOf } from './draft.ts'
import type { AttributeFacts, FamilyFacts, OperationFacts, RequestFacts } from './facts.ts'

/** A family as lines of text, without a newline at the end. */
export function familyText(facts: FamilyFacts): string {
  const { name, version, headerSize, operations, policies, groups } = facts
  const header = headerSize === 0 ? '' : `, with a header of ${headerSize} bytes`
  return [
    `${name}: a family of generic netlink, version ${version}${header}`,
    operations.length === 0 ? '  no operations' : '  operations',
    ...columns(operations.map(operationCells)).map(line => `    ${line}`),
    ...policies.flatMap(({ number, attributes }) => [
      `  policy ${number}${attributes.length === 0 ? ': no attribute is taken' : ''}`,
      ...columns(attributes.map(attributeCells)).map(line => `    ${line}`),
    ]),
    groups.length === 0 ? '  no groups' : `  groups: ${groups.join(', ')}`,
  ].join('\n')
}

/** A family as Markdown, without a newline at the end. */
export function familyMarkdown(facts: FamilyFacts): string {
  const { name, version, headerSize, operations, policies, groups } = facts
  const header = headerSize === 0 ? '' : `, with a header of ${headerSize} bytes`
  return [
    `## ${escaped(name)}\n\nA family of generic netlink, version ${version}${header}.`,
    operations.length === 0
      ? 'It has no operations.'
      : table(['operation', 'privilege', 'requests'], operations.map(operationCells)),
    ...policies.map(({ number, attributes }) =>
      attributes.length === 0
        ? `### Policy ${number}\n\nNo attribute is taken.`
        : `### Policy ${number}\n\n${table(['attribute', 'type', 'limits'], attributes.map(attributeCells))}`,
    ),
    groups.length === 0
      ? 'It has no multicast groups.'
      : `Multicast groups: ${groups.map(escaped).join(', ')}.`,
  ].join('\n\n')
}

function operationCells({ number, name, privilege, ...kinds }: OperationFacts): string[] {
  const privileges = {
    none: 'anybody',
    admin: 'CAP_NET_ADMIN',
    'namespace admin': 'CAP_NET_ADMIN of the namespace',
  }
  const request = (kind: 'do' | 'dump', facts: RequestFacts | undefined) => {
    if (facts === undefined) return []
    return [facts.policy === undefined ? `${kind} (no policy)` : `${kind} (policy ${facts.policy})`]
  }
  return [
    labelled(number, name),
    privileges[privilege],
    [...request('do', kinds.do), ...request('dump', kinds.dump)].join(', '),
  ]
}

function attributeCells(facts: AttributeFacts): string[] {
  return [labelled(facts.value, facts.name), typeOf(facts), limits(facts).join(', ')]
}

/** The type and limits of an attribute: `u32, 0 to 10`. What is in a nest is left out. */
export function attributeText({ policy: _, ...facts }: AttributeFacts): string {
  return [typeOf(facts), ...limits(facts)].join(', ')
}

function typeOf({ type }: Pick<AttributeFacts, 'type'>): string {
  return type.toLowerCase().replace('_', '-')
}

function labelled(number: number, name: string | undefined): string {
  return name === undefined ? `${number}` : `${number} ${name}`
}

/** What is not the type's own range. */
function limits(facts: AttributeFacts): string[] {
  const { type, minimum, maximum, minimumLength, maximumLength, mask, policy } = facts
  const [least, most] = rangeOf(type)
  const from = minimum !== undefined && minimum !== `${least}`
  const to = maximum !== undefined && maximum !== `${most}`
  const isExact = minimumLength !== undefined && minimumLength === maximumLength
  return [
    ...(from && to ? [`${minimum} to ${maximum}`] : from ? [`from ${minimum}`] : to ? [`to ${maximum}`] : []),
    ...(mask === undefined ? [] : [`bits 0x${BigInt(mask).toString(16)}`]),
    ...(isExact ? [`${minimumLength} bytes`] : []),
    ...(!isExact && minimumLength ? [`at least ${minimumLength} bytes`] : []),
    ...(!isExact && maximumLength !== undefined ? [`at most ${maximumLength} bytes`] : []),
    ...(policy === undefined ? [] : [`policy ${policy}`]),
  ]
}

/** Rows with cells below each other. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  return rows.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escaped).join(' | ')} |`
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')
}

function escaped(text: string): string {
  return text.replaceAll(/[\\|`*_<>[\]]/g, '\\$&')
}
