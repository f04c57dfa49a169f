// SPDX-License-Identifier: MIT
/** Findings that show one change: tests that break alike, requests that are answered alike, a report of the kernel. */
import {
  changedPart,
  type Finding,
  isOfDump,
  isOfMany,
  isOfValue,
  messageOf,
  ofHeader,
  reordered,
} from './finding.ts'
import { causeOfLog, logKeyOf, otherLogsOf } from './folded-logs.ts'
import { anyOutcome, causeOfMany } from './outcomes.ts'

/** A change, with what else shows it. */
export interface Folded {
  readonly first: Finding
  readonly others: readonly Finding[]
}

/** In the order in which the first of each comes. */
export function folded(findings: readonly Finding[]): Folded[] {
  const single = new Map(
    findings.flatMap(finding => {
      const part = isOfMany(finding) ? undefined : changedValue(finding)
      return part === undefined ? [] : [[part, finding] as const]
    }),
  )
  const causes = new Map(
    findings.flatMap(finding => {
      const cause = causeOf(finding, findings)
      return cause ? [[finding, cause] as const] : []
    }),
  )
  const groups = Map.groupBy(findings, (finding, at) => {
    const cause = causes.get(finding)
    const same = isOfMany(finding) ? single.get(changedValue(finding) ?? '') : undefined
    return keyOf(cause ?? same ?? finding) ?? (cause ? findings.indexOf(cause) : at)
  })
  return [...groups.values()].flatMap(all => {
    // A cause shows it best, and then what was seen often, in single requests.
    const [first] = all.toSorted(
      (a, b) =>
        Number(causes.has(a)) - Number(causes.has(b)) ||
        Number(isOfMany(a)) - Number(isOfMany(b)) ||
        (b.count ?? 1) - (a.count ?? 1) ||
        Number(a.request === undefined) - Number(b.request === undefined),
    )
    return first ? [{ first, others: all.filter(each => each !== first) }] : []
  })
}

/** The finding that this one cannot but follow from. */
function causeOf(finding: Finding, all: readonly Finding[]): Finding | undefined {
  const { kind, where, kernel, is, text } = finding
  const find = (isCause: (each: Finding) => boolean) =>
    all.find(each => each.kernel === kernel && isCause(each))
  // What the kernel reports, or what is left, fails the test.
  if (kind === 'test' && text === undefined)
    return find(each => ofKernel.has(each.kind) && `failed: ${each.is}` === is)
  // Entries are compared one by one.
  const isOfEntries = isOfValue(finding) || /: (\d+|no) entr(y|ies), was /.test(text ?? '')
  if (isOfDump(finding) && isOfEntries) return find(each => each.where === where && isReordering(each))
  // Where the requester alone listens.
  const [, group, change, what = ''] =
    (kind === 'behaviour' && /^(group .*) (is (?:no longer|now) told )(.*)$/s.exec(text ?? '')) || []
  if (group !== undefined)
    return find(({ text: own = '' }) => {
      const [, begin, its] = ownEvent.exec(own) ?? []
      return begin === `${group}: the requester ${change}of its own ` && its === countless(what)
    })
  return causeOfMany(finding, all) ?? causeOfLog(finding, all)
}

function isReordering({ where, text }: Finding): boolean {
  return text === `${where}: ${reordered}`
}

/** What the others are, on one line; '' for none. */
export function othersOf({ first, others }: Folded): string {
  if (first.follows && first.kind !== 'test') return followingOf(others)
  if (first.kind === 'log') return otherLogsOf(first, others, listOf)
  if (isReordering(first)) return orderedOf(others)
  const isInFile = isOfTest(first)
  const places = new Set(others.map(each => heardMessage(each)?.what ?? each.where))
  for (const own of [heardMessage(first)?.what ?? '', first.where]) places.delete(own)
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

/** Other dumps that are in another order, too, and what follows from that. */
function orderedOf(others: readonly Finding[]): string {
  const [alike, values] = [others.filter(isReordering), others.filter(each => !isReordering(each))]
  const changes = new Set(values.map(({ text = '', where }) => text.slice(where.length + 2)))
  return [
    ...(alike.length > 0 ? [`the same of: ${listOf(alike.map(({ where }) => where))}`] : []),
    ...(changes.size > 0 ? [`and with it: ${listOf([...changes])}`] : []),
  ].join('; ')
}

function listOf(names: readonly string[]): string {
  // One more takes no more room than its number.
  const isMany = names.length > SHOWN + 1
  const shown = isMany ? [...names.slice(0, SHOWN), `${names.length - SHOWN} others`] : names
  return shown.join('; ')
}

const SHOWN = 4

/** The same for findings that are one change; undefined for one that stands by itself. */
function keyOf(finding: Finding): string | undefined {
  const { kind, where, was, is, text, kernel, matters, follows } = finding
  const common = [kind, kernel, matters, follows]
  if (follows && kind !== 'test') return JSON.stringify([...common, 'follows'])
  if (isOfTest(finding) && text === undefined)
    return JSON.stringify([...common, fileOf(where), was, is?.split(':', 1)[0]])
  // Files as a whole, and what the kernel reports in any of them.
  if ((kind === 'test' || ofKernel.has(kind)) && text === undefined)
    return JSON.stringify([...common, was, is])
  // An operation, and what it is answered by.
  if (kind === 'time')
    return JSON.stringify([...common, where.slice(0, where.lastIndexOf(': ')), text?.slice(where.length)])
  if (kind === 'log') {
    const key = logKeyOf(finding)
    return key && JSON.stringify([...common, ...key])
  }
  if (kind === 'behaviour' && text?.startsWith(`${where}: `)) {
    // Who asks and listens hears what the group hears.
    const heard = text.slice(where.length).replace(/ the requester, as in (?=group )/, ' ')
    const change = ofAnyMessage(heard, where)
    if (isOfMany(finding)) return JSON.stringify([...common, countless(change)])
    return JSON.stringify([...common, otherwiseCounted(anyOutcome(change, where))])
  }
  const heard = heardMessage(finding)
  if (heard) return JSON.stringify([...common, where, heard.change])
  // How often depends on what a test does.
  if (kind === 'behaviour' && / is (now|no longer) told /.test(text ?? ''))
    return JSON.stringify([...common, where, text?.replace(/\b\d+ x | (each time|more often)$/g, '')])
  return undefined
}

function countless(change: string): string {
  return change.replace(/\b\d+ x /g, '')
}

/** A change of what comes, however often; where only that has changed, as it is. */
function otherwiseCounted(change: string): string {
  const without = countless(change)
  const [was = '', is] = without.split(' became ')
  return is === undefined || was.endsWith(is) ? change : without
}

/** The part of a message whose value has changed: that of an attribute is another one in answers to many requests. */
function changedValue({ kind, kernel, where, text = '', follows }: Finding): string | undefined {
  if (kind !== 'behaviour' || follows || !text.startsWith(`${where}: `)) return undefined
  const change = text.slice(where.length + 2)
  const part = changedPart(change)
  return part && JSON.stringify([kernel, ofHeader.test(part.name) ? change : part.whole])
}

/** What a requester hears of its own, where others hear it, too. */
const ownEvent =
  /^(group .*: the requester is (?:no longer|now) told of its own )(.+), (?:though|as) others are$/s

/** Of an event that names no request: the message, and the change of a part of it without its name. */
function heardMessage({ kind, where, text = '' }: Finding): { what: string; change: string } | undefined {
  if (kind !== 'behaviour' || text.startsWith(where)) return undefined
  const [, own, ofOwn] = ownEvent.exec(text) ?? []
  if (own !== undefined && ofOwn !== undefined) return { what: ofOwn, change: own }
  const [, often, change] = /^(.+): (.* is told of it .*)$/s.exec(text) ?? []
  if (often !== undefined && change !== undefined) return { what: often, change }
  const [, part, what, rest] = /^(.+?) of ([^:]+), as told to (.*)$/s.exec(text) ?? []
  return what === undefined ? undefined : { what, change: `${part}, as told to ${valueless(rest ?? '')}` }
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
  return `${change.slice(0, at)}${valueless(rest)}`
}

function valueless(change: string): string {
  const [kept] = /^.*?( is new: | is gone, was | is in another byte order: )/s.exec(change) ?? [change]
  return kept
}

/** What any test may show. */
const ofKernel: ReadonlySet<Finding['kind']> = new Set(['loss', 'splat', 'taint', 'leak', 'memory'])

function isOfTest({ kind, where }: Finding): boolean {
  return kind === 'test' && where.includes(' > ')
}

function fileOf(where: string): string {
  return where.split(' > ', 1)[0] ?? ''
}
