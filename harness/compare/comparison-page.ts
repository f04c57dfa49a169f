// SPDX-License-Identifier: MIT
/** What a comparison has found, for its page. */
import { createHash } from 'node:crypto'
import { ownVersion } from '../base/version.ts'
import type { ComparisonPageData, PageFinding, PageLine, PageRow } from '../report/page/comparison-data.ts'
import { beginningOf } from '../report/text.ts'
import { align } from './align.ts'
import { type Finding, lineOf, type Sides } from './finding.ts'
import type { Exchange, NormalMessage } from './recorded.ts'
import {
  answerOf,
  type ComparisonReport,
  countsOf,
  isConsequence,
  remarksOf,
  seenOf,
  withEndOfTalk,
} from './report.ts'

/** Most messages of an exchange that are shown. */
const MOST_MESSAGES = 40

/** @param now milliseconds since 1970 */
export function comparisonPageData(report: ComparisonReport, now: number): ComparisonPageData {
  const { base, head, kernels, findings, lost, runs, total } = report
  const { matter, others } = countsOf(findings)
  const count = matter + others
  const none = runs.files === 0 && lost.length > 0 ? 'nothing is compared' : 'no change'
  const title = count === 0 ? none : `${count} ${count === 1 ? 'change' : 'changes'}`
  const seen = new Map<string, number>()
  return {
    ...{ version: ownVersion(), time: now, total, base, head, kernels, title },
    ok: findings.every(({ matters }) => !matters) && lost.length === 0,
    answer: answerOf(report),
    findings: findings.map(finding => {
      const line = lineOf(finding)
      const nth = seen.get(line) ?? 0
      seen.set(line, nth + 1)
      return findingOf(
        { ...finding, matters: finding.matters && !isConsequence(finding, findings) },
        idOf(`${nth}${line}`),
      )
    }),
    remarks: remarksOf(report),
  }
}

function idOf(text: string): string {
  return `change-${createHash('sha256').update(text).digest('base64url').slice(0, 12)}`
}

function findingOf(finding: Finding, id: string): PageFinding {
  const { kind, matters, request = '', sides, show = '', again = '' } = finding
  return {
    ...{ id, kind, matters, again },
    text: lineOf(finding).slice(`${kind}: `.length),
    seen: seenOf(finding),
    request: beginningOf(request, 60, 8000),
    conversation: sides && { test: sides.test, rows: rowsOf(sides) },
    show: sides ? '' : beginningOf(withEndOfTalk(show, 120), 200, 32_000),
  }
}

/** Both sides, exchange by exchange; the last one, which differs, in full. */
export function rowsOf({ base, head }: Sides): PageRow[] {
  const [last, other] = [base.at(-1), head.at(-1)]
  if (!last || !other) return []
  const before = align(base.slice(0, -1), head.slice(0, -1), ({ key }) => key)
  return [
    ...before.flatMap(pair => rowsOfExchange(pair.base, pair.head, false)),
    ...rowsOfExchange(last, other, true),
  ]
}

/** A message, and where it went. */
interface Said extends NormalMessage {
  readonly way: string
}

function rowsOfExchange(base: Exchange, head: Exchange, isFull: boolean): PageRow[] {
  const asked = (exchange: Exchange): PageLine[] =>
    exchange.key === '' ? [] : [{ way: 'request', text: exchange.operation, differs: false, parts: [] }]
  const [a, b] = [saidIn(base), saidIn(head)]
  const pairs = align(a, b, ({ way, what }) => `${way} ${what}`)
  const rows: PageRow[] = [{ base: asked(base)[0], head: asked(head)[0] }].filter(row => row.base ?? row.head)
  let [at, other] = [0, 0]
  const alone = (end: number, otherEnd: number) => {
    for (; at < end || other < otherEnd; at++, other++)
      rows.push({
        base: at < end ? lineFor(a[at], undefined, isFull) : undefined,
        head: other < otherEnd ? lineFor(b[other], undefined, isFull) : undefined,
      })
    ;[at, other] = [end, otherEnd]
  }
  for (const pair of pairs) {
    alone(a.indexOf(pair.base), b.indexOf(pair.head))
    rows.push({
      base: lineFor(pair.base, pair.head, isFull),
      head: lineFor(pair.head, pair.base, isFull),
    })
    ;[at, other] = [at + 1, other + 1]
  }
  alone(a.length, b.length)
  const most = isFull ? MOST_MESSAGES : 6
  if (rows.length <= most) return rows
  // What differs is shown, wherever it is.
  const differs = rows.filter(row => row.base?.differs !== false || row.head?.differs !== false)
  const more: PageLine = { way: 'request', text: `... ${rows.length - most} more`, differs: false, parts: [] }
  const kept = new Set([
    ...rows.slice(0, most - Math.min(most / 2, differs.length)),
    ...differs.slice(0, most / 2),
  ])
  return [...rows.filter(row => kept.has(row)), { base: more, head: more }]
}

function saidIn({ answers, told }: Exchange): Said[] {
  return [
    ...answers.map(each => ({ ...each, way: 'answer' })),
    ...told.flatMap(({ whom, messages }) => messages.map(each => ({ ...each, way: `to ${whom}` }))),
  ]
}

/** @param like the same message of the other side, if it has one */
function lineFor(said: Said | undefined, like: Said | undefined, isFull: boolean): PageLine | undefined {
  if (!said) return undefined
  const { way, what, parts } = said
  const others = new Map(like?.parts)
  const shown = parts.map(([name, value]) => ({
    ...{ name, value },
    differs: like !== undefined && others.get(name) !== value,
  }))
  const isOther = like === undefined
  const hasOther = isOther || parts.length !== like.parts.length || shown.some(({ differs }) => differs)
  return { way, text: what, differs: isFull && hasOther, parts: isFull ? shown : [] }
}
