// SPDX-License-Identifier: MIT
/** What a comparison has found: as text, as Markdown, as JSON. */
import { conversationHeading } from '../../guest/agent/protocol.ts'
import type { HarnessError } from '../base/errors.ts'
import { beginningOf, oneLine, plain } from '../report/text.ts'
import type { Acceptance } from './accept.ts'
import { type Finding, lineOf } from './finding.ts'
import { folded, othersOf } from './folded.ts'

/** All that reports tell. */
export interface ComparisonReport {
  /** The sides in words. */
  readonly base: string
  readonly head: string
  readonly kernels: readonly { readonly label: string; readonly release: string }[]
  readonly findings: readonly Finding[]
  readonly accepted: readonly Finding[]
  /** What was accepted and did not come. */
  readonly missing: readonly Acceptance[]
  /** Test files, each on each kernel: all, those that ran on both sides, and further runs of these. */
  readonly runs: { readonly files: number; readonly both: number; readonly again: number }
  /** Tests in which something differs between runs of one side, too. */
  readonly varying: readonly string[]
  /** What a side did not get through, though nothing that is compared is the cause. */
  readonly lost: readonly string[]
  /** Remarks on what could not be compared. */
  readonly notes: readonly string[]
  /** Milliseconds. */
  readonly total: number
}

/** Of a comparison that has not come to be: a side cannot be built, or no kernel runs. */
export function failedReport(
  { message, details = '' }: Pick<HarnessError, 'message' | 'details'>,
  { base, head, total }: Pick<ComparisonReport, 'base' | 'head' | 'total'>,
): ComparisonReport {
  return {
    ...{ base, head, total, kernels: [], findings: [], accepted: [], missing: [], varying: [] },
    ...{ runs: { files: 0, both: 0, again: 0 }, lost: [message] },
    notes: details.split('\n').filter(line => line !== ''),
  }
}

/** The version of the JSON report; a new one for each change that a reader notices. */
const jsonVersion = 1

/** How many changes there are: what shows the same one, or may follow from another one, is none of its own. */
export function countsOf(all: readonly Finding[]): { readonly matter: number; readonly others: number } {
  const findings = folded(all.filter(each => !isConsequence(each, all))).map(({ first }) => first)
  const matter = findings.filter(({ matters }) => matters).length
  const isOther = (each: Finding) => !each.matters && (matter > 0 || !isOfCode(each))
  return { matter, others: findings.filter(isOther).length }
}

/** Whether it may follow from another change that matters. */
export function isConsequence({ follows }: Finding, all: readonly Finding[]): boolean {
  return follows === true && all.some(each => each.matters && !each.follows)
}

/** "2 changes that matter, and 1 that does not, from main (3e942a1) to the work tree" */
export function answerOf({ findings, accepted, lost, runs, base, head }: ComparisonReport): string {
  if (runs.files === 0 && lost.length > 0) return `nothing is compared, from ${base} to ${head}`
  const { matter, others } = countsOf(findings)
  const counted = (count: number, what: string) =>
    `${count} ${count === 1 ? 'change' : 'changes'} that ${what}`
  const what =
    matter + others === 0
      ? accepted.length > 0
        ? 'nothing but what is accepted'
        : 'no change'
      : [
          ...(matter > 0
            ? [counted(matter, matter === 1 ? 'matters' : 'matter')]
            : ['no change that matters']),
          ...(others > 0 ? [counted(others, others === 1 ? 'does not' : 'do not')] : []),
        ].join(', ')
  const where = lost.length === 0 ? '' : ' in what both have run'
  return `${what}${where}, from ${base} to ${head}`
}

/** Small sizes and imported symbols, which are others after any refactoring: told, and no change. */
function isOfCode({ kind, matters }: Finding): boolean {
  return !matters && (kind === 'size' || kind === 'symbol')
}

/** Lines after the findings. */
export function remarksOf(report: ComparisonReport): string[] {
  const { accepted, missing, runs, varying, kernels, lost, notes } = report
  const { files, both, again } = runs
  return [
    ...lost,
    ...missing.map(({ finding }) => `accepted, and did not come: ${finding}`),
    ...(accepted.length > 0
      ? [`${accepted.length} accepted: ${accepted.map(lineOf).map(oneLine).join('; ')}`]
      : []),
    ...(varying.length > 0 ? [varyingLine(varying)] : []),
    ...notes,
    ...(files === 0
      ? []
      : [
          `${files} ${files === 1 ? 'file' : 'files'} on ${kernels.map(({ label, release }) => `${label} (${release})`).join(', ')}; ${both} on both sides, ${again} run again`,
        ]),
  ]
}

function varyingLine(tests: readonly string[]): string {
  const shown = tests.length > 3 ? [...tests.slice(0, 2), `${tests.length - 2} others`] : tests
  const who = tests.length === 1 ? '1 test says' : `${tests.length} tests say`
  return `what ${who} varies by itself: not told (${shown.join('; ')})`
}

/** How long, where, and how often: "only on debian-6.1, 3 times"; '' for once, on all kernels. */
export function seenOf({ kind, kernel, count, follows, was, is }: Finding): string {
  return [
    // Others in each run, so that the line does not have them.
    ...(kind === 'time' && was !== undefined && is !== undefined ? [`${was}, now ${is}`] : []),
    ...(follows
      ? [kind === 'test' ? 'where something else has changed' : 'where the sides ask differently']
      : []),
    ...(kernel === undefined ? [] : [`only on ${kernel}`]),
    ...(count ? [`${count} times`] : []),
  ].join(', ')
}

export function textReport(report: ComparisonReport): string {
  const all = folded(report.findings)
  let alike = 0
  const blocks = all.map((each, at) => {
    const finding = each.first
    const { request, show, again } = finding
    const counts = finding.matters && !isConsequence(finding, report.findings)
    // One command often shows several findings again.
    const isLast = again !== undefined && again !== all[at + 1]?.first.again
    alike = again === all[at - 1]?.first.again ? alike + 1 : 1
    const others = othersOf(each)
    const seen = seenOf(finding)
    const head = `${counts ? '✗' : '·'} ${oneLine(lineOf(finding))}${seen === '' ? '' : ` (${seen})`}`
    return [
      head,
      ...(request === undefined ? [] : ['    request:', indented(beginningOf(request, 12, 2000), 6)]),
      ...(show === undefined ? [] : [indented(beginningOf(withEndOfTalk(show, 10), 24, 3000), 4)]),
      ...(others === '' ? [] : [`    ${oneLine(others)}`]),
      ...(isLast ? [`    again${alike > 1 ? `, each of these ${alike}` : ''}: ${again}`] : []),
    ].join('\n')
  })
  const seconds = (report.total / 1000).toFixed(1)
  return plain([...blocks, ...remarksOf(report), `${answerOf(report)} (${seconds} s)`].join('\n'))
}

/** Of a conversation the last lines: what was asked last may have been the end of a kernel. */
export function withEndOfTalk(show: string, lines: number): string {
  const at = show.indexOf(conversationHeading)
  if (at === -1) return show
  const begin = at + conversationHeading.length
  const [chart = ''] = show.slice(begin).split('\n\n', 1)
  const [columns = '', ...all] = chart.split('\n')
  if (all.length <= lines) return show
  const end = [columns, `... ${all.length - lines} lines before`, ...all.slice(-lines)].join('\n')
  return `${show.slice(0, begin)}${end}${show.slice(begin + chart.length)}`
}

/** For a pull request: the answer in the first line, and details folded. */
export function markdownReport(report: ComparisonReport): string {
  const { findings } = report
  const isClean = findings.every(({ matters }) => !matters) && report.lost.length === 0
  const sign = isClean ? '✅' : '❌'
  const blocks = folded(findings).map(each => {
    const finding = each.first
    const { request, show, again } = finding
    const counts = finding.matters && !isConsequence(finding, findings)
    const seen = seenOf(finding)
    const others = each.others.map(lineOf).map(oneLine).join('\n')
    const line = `${counts ? '**' : ''}${code(oneLine(lineOf(finding)))}${counts ? '**' : ''}`
    const details = [request, show && withEndOfTalk(show, 30), others || undefined, again]
      .filter(part => part !== undefined)
      .join('\n\n')
    const more = seen === '' ? '' : ` (${seen})`
    if (details === '') return `- ${line}${more}`
    return `<details><summary>${html(oneLine(lineOf(finding)))}${more}</summary>\n\n${fenced(beginningOf(details, 60, 8000))}\n</details>`
  })
  // Those of a compiler, which have places by indentation.
  const lines = report.runs.files === 0 && report.notes.length > 0 ? report.notes : []
  const remarks = remarksOf(lines.length > 0 ? { ...report, notes: [] } : report)
  const below = lines.length > 0 ? `\n${fenced(lines.join('\n'))}\n` : ''
  return `${sign} **${inText(answerOf(report))}**\n\n${[...blocks, ...remarks.map(line => `- ${inText(line)}`)].join('\n')}\n${below}`
}

export function jsonReport(report: ComparisonReport, status: number): string {
  const [findings, accepted] = [report.findings, report.accepted].map(all =>
    all.map(({ sides: _, ...each }) => each),
  )
  return `${JSON.stringify({ format: 'netlink-vmtest comparison', version: jsonVersion, status, answer: answerOf(report), ...report, findings, accepted }, null, 2)}\n`
}

function indented(text: string, by: number): string {
  return text.replace(/^/gm, ' '.repeat(by))
}

function html(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** In Markdown, without what it would obey. */
function inText(text: string): string {
  return html(plain(text)).replace(/[\\`*_[\]|~#@]/g, '\\$&')
}

/** Code on one line, with any backticks. */
function code(text: string): string {
  const fence = '`'.repeat(longestRun(text) + 1)
  return `${fence} ${text} ${fence}`
}

function fenced(text: string): string {
  const fence = '`'.repeat(Math.max(3, longestRun(text) + 1))
  return `${fence}\n${plain(text)}\n${fence}`
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map(({ length }) => length))
}
