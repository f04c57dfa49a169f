// SPDX-License-Identifier: MIT
import type { Splat } from './splats.ts'

/** A report of the kernel that a project lives with: all that match fail nothing. */
export interface KnownReport {
  /** The name of its kind (kinds.ts), in any case; any kind if not given. */
  readonly kind?: string | undefined
  /** What a line of it contains, or a pattern that its text matches; any text if not given. */
  readonly text?: string | RegExp | undefined
  /** Why it is lived with. */
  readonly reason: string
}

/** A known report, and how often it came. */
export interface KnownCount {
  /** Which it is, for people. */
  readonly report: string
  readonly reason: string
  readonly count: number
}

/** A project's known reports, counted for one kernel. */
export class KnownReports {
  readonly #counted: { readonly known: KnownReport; count: number }[]
  /** Those that were found among the known: tests that run at the same time share a report. */
  readonly #seen = new WeakMap<object, boolean>()

  constructor(known: readonly KnownReport[]) {
    this.#counted = known.map(known => ({ known, count: 0 }))
  }

  /** Whether this report is a known one, which counts it. */
  has(splat: Splat): boolean {
    const before = this.#seen.get(splat)
    if (before !== undefined) return before
    const found = this.#find(splat.kind, [splat.title, ...splat.lines].join('\n'))
    this.#seen.set(splat, found)
    return found
  }

  /** As {@link has}, for a report in words: its kind, a colon, its text (describe-splat.ts). */
  hasDescribed(description: string): boolean {
    return this.#find(description.split(': ', 1)[0] ?? '', description)
  }

  get counts(): KnownCount[] {
    return this.#counted.map(({ known, count }) => ({ report: shown(known), reason: known.reason, count }))
  }

  #find(kind: string, text: string): boolean {
    const found = this.#counted.find(({ known }) => matches(known, kind, text))
    if (found) found.count++
    return found !== undefined
  }
}

function matches(known: KnownReport, kind: string, text: string): boolean {
  if (known.kind !== undefined && known.kind.toLowerCase() !== kind.toLowerCase()) return false
  if (typeof known.text === 'string') return text.includes(known.text)
  return known.text === undefined || text.search(known.text) >= 0
}

function shown({ kind, text }: KnownReport): string {
  return [kind, typeof text === 'string' ? JSON.stringify(text) : text?.toString()].filter(Boolean).join(' ')
}
