// SPDX-License-Identifier: MIT
/** What of a run is shown: the filter, which is the page's hash, and what passes it. */
import type { PageData, PageFile, PageStatus, PageTest } from '../page-data.ts'

export type Status = PageStatus | 'all'
export const statuses: readonly Status[] = ['all', 'failed', 'not run', 'passed', 'skipped']

export interface View {
  /** Words, all of which must be there. */
  readonly text: string
  readonly status: Status
  /** '' for all. */
  readonly kernel: string
  /** '' for all. */
  readonly file: string
  /** The id of what the link is about; '' for nothing. */
  readonly test: string
}

/** A row of results: a test, or what failed outside of the tests of a file. */
export interface Entry {
  readonly id: string
  readonly file: PageFile
  readonly test: PageTest | undefined
  readonly status: PageStatus
}

/** All rows, in the order of files. */
export function entriesOf({ files }: PageData): Entry[] {
  return files.flatMap(file => [
    ...(file.outside
      ? [{ id: `${file.kernel} ${file.name}`, file, test: undefined, status: 'failed' as const }]
      : []),
    ...file.tests.map(test => ({ id: test.id, file, test, status: test.status })),
  ])
}

/** The view that a hash names: without any, what failed, else all. */
export function viewOf(hash: string, entries: readonly Entry[]): View {
  const given = new URLSearchParams(hash.replace(/^#/, ''))
  const text = (name: string) => given.get(name) ?? ''
  const [kernel, file, test] = [text('kernel'), text('file'), text('test')]
  const hasFailed = entries.some(({ status }) => status === 'failed')
  const usual = hasFailed && file === '' && test === '' ? 'failed' : 'all'
  const status = statuses.find(each => each === text('status')) ?? usual
  return { text: text('q'), status, kernel, file, test }
}

/** The hash of a view: nothing that is empty, so that links are short. */
export function hashOf({ text, status, kernel, file, test }: Partial<View>): string {
  const named = Object.entries({ q: text, status, kernel, file, test }).filter(([, value]) => value)
  return `#${new URLSearchParams(named as [string, string][])}`
}

/** What passes a filter, and the row that the link is about in any case. */
export function shownEntries(entries: readonly Entry[], view: View): Entry[] {
  const inScope = scopeOf(view)
  return entries.filter(
    entry =>
      entry.id === view.test || ((view.status === 'all' || entry.status === view.status) && inScope(entry)),
  )
}

/** How many rows there are of each status, the filter's own aside. */
export function countsOf(entries: readonly Entry[], view: View): Record<Status, number> {
  const counts: Record<Status, number> = { all: 0, failed: 0, passed: 0, skipped: 0, 'not run': 0 }
  for (const { status } of entries.filter(scopeOf(view))) {
    counts[status]++
    counts.all++
  }
  return counts
}

function scopeOf({ text, kernel, file }: View): (entry: Entry) => boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  return entry =>
    (kernel === '' || entry.file.kernel === kernel) &&
    (file === '' || entry.file.name === file) &&
    (words.length === 0 || hasAll(textOf(entry), words))
}

function hasAll(text: string, words: readonly string[]): boolean {
  return words.every(word => text.includes(word))
}

/** What is searched: names, and what errors say. */
const texts = new WeakMap<Entry, string>()
function textOf(entry: Entry): string {
  let text = texts.get(entry)
  if (text === undefined) {
    const { file, test } = entry
    const failure = test ? test.failure : file.outside
    const errors = failure?.errors.flatMap(({ name, message, report }) => [
      name,
      message,
      report?.kind,
      report?.title,
    ])
    text = [file.name, file.kernel, test?.name, test?.note, ...(errors ?? [])].join(' ').toLowerCase()
    texts.set(entry, text)
  }
  return text
}
