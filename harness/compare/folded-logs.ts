// SPDX-License-Identifier: MIT
/** Changes of the kernel's log that are one: of a line with other numbers, at another level, of a renamed module. */
import type { Finding } from './finding.ts'
import { prefixOf, wordsOf } from './log-differences.ts'

/** The same for findings that are one change; undefined for one that stands by itself. */
export function logKeyOf(finding: Finding): readonly unknown[] | undefined {
  const { was, is } = finding
  if (levelledLine(finding) !== undefined) return ['level', was, is]
  const often = oftenOf(finding)
  if (often) return ['often', wordsOf(often.line), often.isMore]
  const renamed = isChanged(finding) ? renamedOf(finding) : undefined
  return renamed && ['renamed', ...renamed]
}

/** The change of a line that tells why it, or what it has become, comes with other numbers, or more or less often. */
export function causeOfLog(finding: Finding, all: readonly Finding[]): Finding | undefined {
  if (finding.kind !== 'log' || isChanged(finding) || levelledLine(finding) !== undefined) return undefined
  const often = oftenOf(finding)
  const line = often ? often.line : (finding.was ?? finding.is)
  if (line === undefined || finding.text === undefined) return undefined
  const isOfIt = (each: Finding) =>
    isChanged(each) && [each.was, each.is].some(its => its !== undefined && wordsOf(its) === wordsOf(line))
  return all.find(each => each.kernel === finding.kernel && isOfIt(each))
}

/** What the others are, on one line; '' for none. */
export function otherLogsOf(first: Finding, others: readonly Finding[], listOf: (names: string[]) => string) {
  const isSame = levelledLine(first) !== undefined || isRenamed(first)
  const lines = others.flatMap(each => levelledLine(each) ?? (isRenamed(each) ? `'${each.is}'` : []))
  const more = others.flatMap(each =>
    levelledLine(each) === undefined && !isRenamed(each)
      ? (each.text?.replace(/^the kernel /, '') ?? [])
      : [],
  )
  return [
    ...(isSame && lines.length > 0 ? [`the same of: ${listOf(lines)}`] : []),
    ...(more.length > 0 ? [`and with it: ${listOf(more)}`] : []),
  ].join('; ')
}

/** The line in quotes whose level has changed. */
function levelledLine({ kind, text = '' }: Finding): string | undefined {
  return kind === 'log' ? /^the kernel logs ('.*') at level .*, was [^']*$/s.exec(text)?.[1] : undefined
}

/** A line that comes more or less often. */
function oftenOf({
  kind,
  text = '',
}: Finding): { readonly line: string; readonly isMore: boolean } | undefined {
  if (kind !== 'log') return undefined
  const [, line, is, was] =
    /^the kernel logs '(.*)' (once|\d+ times), was (once|\d+ times)$/s.exec(text) ?? []
  if (line === undefined) return undefined
  const count = (times = '') => (times === 'once' ? 1 : Number.parseInt(times, 10))
  return { line, isMore: count(is) > count(was) }
}

/** Whether a line has become another one. */
function isChanged({ kind, text = '' }: Finding): boolean {
  return kind === 'log' && /^the kernel logs '.*', was '.*'$/s.test(text)
}

function isRenamed(finding: Finding): boolean {
  return isChanged(finding) && renamedOf(finding) !== undefined
}

/** The names that two lines have before the same words. */
function renamedOf({ was = '', is = '' }: Finding): readonly [was: string, is: string] | undefined {
  const [before, after] = [prefixOf(was), prefixOf(is)]
  const isSame = was.slice(before.length) === is.slice(after.length)
  return isSame && before !== after ? [before, after] : undefined
}
