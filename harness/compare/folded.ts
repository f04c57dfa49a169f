// SPDX-License-Identifier: MIT
/** Findings that show one change: tests that break alike, requests that are answered alike, a report of the kernel. */
import { type Finding, isOfMany, messageOf } from './finding.ts'

/** A change, with what else shows it. */
export interface Folded {
  readonly first: Finding
  readonly others: readonly Finding[]
}

/** In the order in which the first of each comes. */
export function folded(findings: readonly Finding[]): Folded[] {
  const groups = Map.groupBy(findings, (finding, at) => keyOf(finding) ?? at)
  return [...groups.values()].flatMap(all => {
    // What was seen often shows it best, in single requests.
    const [first] = all.toSorted(
      (a, b) => Number(isOfMany(a)) - Number(isOfMany(b)) || (b.count ?? 1) - (a.count ?? 1),
    )
    return first ? [{ first, others: all.filter(each => each !== first) }] : []
  })
}

/** What the others are, on one line; '' for none. */
export function othersOf({ first, others }: Folded): string {
  if (first.follows) return followingOf(others)
  if (first.kind === 'log') {
    const lines = others.flatMap(each => levelledLine(each) ?? [])
    return lines.length === 0 ? '' : `the same of: ${listOf(lines)}`
  }
  const isInFile = isOfTest(first)
  const places = new Set(others.map(({ where }) => where))
  places.delete(first.where)
  const names = [...places].map(where => (isInFile ? where.slice(fileOf(where).length + 3) : where))
  if (names.length === 0) return ''
  const list = listOf(names)
  if (first.kind === 'behaviour' || first.kind === 'time') return `the same of: ${list}`
  return isInFile ? `and in this file: ${list}` : `and in: ${list}`
}

/** What may follow from other changes, as a probe asks other things after another answer. */
function followingOf(others: readonly Finding[]): string {
  const more =
    others.length > 0 ? `, and with it ${listOf(others.map(({ text, where }) => text ?? where))}` : ''
  return `only where the sides have asked differently since an earlier change${more}`
}

function listOf(names: readonly string[]): string {
  const shown = names.length > SHOWN ? [...names.slice(0, SHOWN), `${names.length - SHOWN} others`] : names
  return shown.join('; ')
}

const SHOWN = 4

/** The same for findings that are one change; undefined for one that stands by itself. */
function keyOf(finding: Finding): string | undefined {
  const { kind, where, was, is, text, kernel, matters, follows } = finding
  const common = [kind, kernel, matters]
  if (follows) return JSON.stringify([...common, 'follows'])
  if (isOfTest(finding) && text === undefined)
    return JSON.stringify([...common, fileOf(where), was, is?.split(':', 1)[0]])
  // Files as a whole, and what the kernel reports in any of them.
  if ((kind === 'test' || ofKernel.has(kind)) && text === undefined)
    return JSON.stringify([...common, was, is])
  // An operation, and what it is answered by.
  if (kind === 'time')
    return JSON.stringify([...common, where.slice(0, where.lastIndexOf(': ')), text?.slice(where.length)])
  if (levelledLine(finding) !== undefined) return JSON.stringify([...common, 'level', was, is])
  if (kind === 'behaviour' && text?.startsWith(`${where}: `)) {
    // Who asks and listens hears what the group hears.
    const heard = text.slice(where.length).replace(/ the requester, as in (?=group )/, ' ')
    const change = ofAnyMessage(heard, where)
    return JSON.stringify([...common, isOfMany(finding) ? change.replace(/\b\d+ x /g, '') : change])
  }
  return undefined
}

/** The line in quotes whose level has changed. */
function levelledLine({ kind, text = '' }: Finding): string | undefined {
  return kind === 'log' ? /^the kernel logs ('.*') at level .*, was [^']*$/s.exec(text)?.[1] : undefined
}

/**
 * A change of a part without the name of its message, where that is the operation's own; if the part is new, gone or
 * turned round, without its value.
 */
function ofAnyMessage(change: string, where: string): string {
  const own = ` of ${messageOf(where)}`
  const at = change.indexOf(own)
  const rest = change.slice(at + own.length)
  if (at === -1 || !/^(,|:| is )/.test(rest)) return change
  const [kept] = /^.*?( is new: | is gone, was | is in another byte order: )/s.exec(rest) ?? [rest]
  return `${change.slice(0, at)}${kept}`
}

/** What any test may show. */
const ofKernel: ReadonlySet<Finding['kind']> = new Set(['loss', 'splat', 'taint', 'leak'])

function isOfTest({ kind, where }: Finding): boolean {
  return kind === 'test' && where.includes(' > ')
}

function fileOf(where: string): string {
  return where.split(' > ', 1)[0] ?? ''
}
