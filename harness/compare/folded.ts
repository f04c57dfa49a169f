// SPDX-License-Identifier: MIT
/** Findings that show one change: tests of a file that break alike, requests that are answered alike. */
import type { Finding } from './finding.ts'

/** A change, with what else shows it. */
export interface Folded {
  readonly first: Finding
  readonly others: readonly Finding[]
}

/** In the order in which the first of each comes. */
export function folded(findings: readonly Finding[]): Folded[] {
  const groups = Map.groupBy(findings, (finding, at) => keyOf(finding) ?? at)
  return [...groups.values()].flatMap(all => {
    // What was seen often shows it best.
    const [first] = all.toSorted((a, b) => (b.count ?? 1) - (a.count ?? 1))
    return first ? [{ first, others: all.filter(each => each !== first) }] : []
  })
}

/** What the others are, on one line; '' for none. */
export function othersOf({ first, others }: Folded): string {
  const names = others.map(({ where }) =>
    first.kind === 'test' ? where.slice(fileOf(where).length + 3) : where,
  )
  if (names.length === 0) return ''
  const shown = names.length > SHOWN ? [...names.slice(0, SHOWN), `${names.length - SHOWN} others`] : names
  const list = shown.join('; ')
  return first.kind === 'test' ? `and in this file: ${list}` : `the same of: ${list}`
}

const SHOWN = 4

/** The same for findings that are one change; undefined for one that stands by itself. */
function keyOf({ kind, where, was, is, text, kernel, matters }: Finding): string | undefined {
  const common = [kind, kernel, matters]
  if (kind === 'test' && text === undefined && where.includes(' > '))
    return JSON.stringify([...common, fileOf(where), was, is?.split(':', 1)[0]])
  if (kind === 'behaviour' && text?.startsWith(`${where}: `))
    return JSON.stringify([...common, text.slice(where.length)])
  return undefined
}

function fileOf(where: string): string {
  return where.split(' > ', 1)[0] ?? ''
}
