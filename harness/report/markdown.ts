// SPDX-License-Identifier: MIT
/** A run for a pull request or the summary of a job: the answer, the table, and the failures, folded. */
import type { Failure } from './failures.ts'
import { matrixTable } from './matrix-table.ts'
import { type KernelSummary, summaryLines } from './summary.ts'
import { beginningOf, causesOf, oneLine, plain } from './text.ts'

/** Characters of the whole: GitHub takes 65,536 in a comment. */
const MOST = 60_000
/** Lines and characters of a text of a failure: its message, and what is shown below it. */
const LINES = 120
const CHARACTERS = 12_000

/** Characters of a failure's title where there is no room for more, and of the words around these. */
const TITLE = 200
const WORDS = 150

/** What a run has come to. */
export interface Outcome {
  /** Milliseconds. */
  readonly total: number
  readonly passed: boolean
}

/** @param failures the worst first; those that do not fit are counted */
export function markdown(
  kernels: readonly KernelSummary[],
  failures: readonly Failure[],
  { total, passed }: Outcome,
): string {
  const { header, rows } = matrixTable(kernels)
  const row = (cells: readonly string[]) => `| ${cells.map(inline).join(' | ')} |`
  const notes = kernels.flatMap(({ label, suites }) =>
    suites.flatMap(({ suite, note }) => (note === undefined ? [] : [`${label} ${suite}: ${note}`])),
  )
  const head = [
    `**${inline(answer(kernels, passed))}**`,
    '',
    row(header),
    row(header.map(() => '---')),
    ...rows.map(row),
    '',
    ...[...summaryLines(kernels, total), ...notes].map(line => `- ${inline(line)}`),
    '',
  ].join('\n')
  const blocks = [
    ...kernels.flatMap(({ label, obstacles }) =>
      obstacles.flatMap(({ message, details }) =>
        details === undefined ? [] : [block(`${label}: ${message}`, [details])],
      ),
    ),
    ...failures.map(blockOf),
  ]
  return head + fitting(blocks, MOST - head.length)
}

/** Whether it passed, and what of it did not. */
function answer(kernels: readonly KernelSummary[], ok: boolean): string {
  const sum = (count: (kernel: KernelSummary) => number) => kernels.reduce((all, it) => all + count(it), 0)
  const missing = kernels.filter(({ error, incomplete }) => error !== undefined || incomplete !== undefined)
  const files = sum(({ suites }) => suites.filter(it => !it.ok).length)
  const parts = [
    [sum(({ failed }) => failed), 'failed'],
    [sum(({ notRun }) => notRun), 'not run'],
    [sum(({ passed }) => passed), 'passed'],
    [sum(({ skipped }) => skipped), 'skipped'],
  ] as const
  const counts = parts.flatMap(([number, what]) => (number > 0 ? [`${number} ${what}`] : []))
  const where = kernels.length === 1 ? kernels[0]?.label : `${kernels.length} kernels`
  const absent = missing.length === 0 ? '' : `; ${missing.map(({ label }) => label).join(', ')} not complete`
  const failedFiles = files === 0 ? '' : ` in ${files} failed ${files === 1 ? 'file' : 'files'}`
  return `${ok ? '✓ passed' : '✗ failed'}: tests ${counts.join(', ') || '0'}${failedFiles} on ${where}${absent}`
}

/** What failed, and its text that is shown by a click. */
interface Block {
  readonly title: string
  readonly text: string
}

function block(title: string, texts: readonly string[]): Block {
  return { title, text: folded(title, texts) }
}

function blockOf({ kernel, name, test, error }: Failure): Block {
  const { name: type, message, diff, cause } = error
  const where = kernel === undefined ? name : `${kernel}: ${name}`
  const title = test === undefined ? where : `${where} > ${test}`
  const texts = [`${type}: ${message}`, ...(diff === undefined ? [] : [diff]), ...causesOf(cause)]
  return block(`${title}: ${type}`, texts)
}

/** Texts that are shown by a click; as code, in which nothing is read as Markdown or HTML. */
function folded(summary: string, texts: readonly string[]): string {
  const text = texts.map(each => beginningOf(plain(each), LINES, CHARACTERS)).join('\n\n')
  const longest = Math.max(2, ...Array.from(text.matchAll(/`+/g), ([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `\n<details><summary>${html(oneLine(summary))}</summary>\n\n${fence}text\n${text}\n${fence}\n\n</details>\n`
}

/** As many as fit; of the others the titles, as far as these fit. */
function fitting(blocks: readonly Block[], room: number): string {
  // Texts do not take all.
  const reserve = Math.min(room / 4, blocks.length * TITLE)
  let text = ''
  let shown = 0
  const total = blocks.reduce((sum, each) => sum + each.text.length, 0)
  const most = total <= room ? room : room - reserve - WORDS
  for (; shown < blocks.length; shown++) {
    const next = blocks[shown]?.text ?? ''
    if (text.length + next.length > most) break
    text += next
  }
  let names = ''
  let named = shown
  for (; named < blocks.length; named++) {
    const line = `- ${inline(blocks[named]?.title.slice(0, TITLE) ?? '')}\n`
    if (text.length + names.length + line.length > room - WORDS) break
    names += line
  }
  const rest = blocks.length - shown
  const more = blocks.length - named
  return [
    text,
    ...(rest > 0
      ? [`\n... and ${rest} more ${rest === 1 ? 'failure' : 'failures'}${named > shown ? ':\n' : ''}\n`]
      : []),
    names,
    ...(named > shown && more > 0 ? [`\n... and ${more} whose names do not fit\n`] : []),
  ].join('')
}

/** A text in which Markdown and HTML find nothing. */
function inline(text: string): string {
  return html(oneLine(text)).replaceAll(/[\\`*_[\]|~]/g, '\\$&')
}

function html(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
