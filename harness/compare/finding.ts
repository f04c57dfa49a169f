// SPDX-License-Identifier: MIT
/** What has changed between two versions of modules. */
import { type Exchange, elsewhere } from './recorded.ts'

/** What a finding is about; the order in which reports have them. */
export const findingKinds = [
  'loss',
  'splat',
  'taint',
  'leak',
  'behaviour',
  'family',
  'module',
  'test',
  'parameter',
  'symbol',
  'log',
  'file',
  'warning',
  'memory',
  'time',
  'size',
] as const
export type FindingKind = (typeof findingKinds)[number]

/** What one socket has said and heard on both sides, up to what differs. */
export interface Sides {
  readonly test: string
  readonly base: readonly Exchange[]
  readonly head: readonly Exchange[]
}

/** One change. */
export interface Finding {
  readonly kind: FindingKind
  /** The label of the only kernel that it was seen on; undefined: all of the run. */
  readonly kernel: string | undefined
  /** The thing that has changed, the same in each run: "suites/echo.test.ts > an echo", "nlex: GET". */
  readonly where: string
  /** What it was, in words; undefined: it was not there. */
  readonly was: string | undefined
  /** What it is, in words; undefined: it is gone. */
  readonly is: string | undefined
  /** The change as one sentence, where "was ..., is ..." does not say it well. */
  readonly text?: string
  /** Whether it makes the exit status 1. */
  readonly matters: boolean
  /**
   * It may follow from other findings: behaviour that was seen only after the sides had asked differently, in files in
   * which something else differs before; a test that breaks where behaviour has changed.
   */
  readonly follows?: true
  /** How often it was seen, if more than once. */
  readonly count?: number
  /** The first request that shows it, decoded. */
  readonly request?: string
  /** Further lines that show it: answers in full, a log, a stack. */
  readonly show?: string
  /** For a page: it is in no other report. */
  readonly sides?: Sides
  /** A command that shows it again. */
  readonly again?: string
}

/** A finding as one line, the same in each run: files that accept findings have it. */
export function lineOf({ kind, where, was, is, text }: Finding): string {
  if (text !== undefined) return `${kind}: ${text}`
  if (was === undefined) return `${kind}: ${where}: new: ${is}`
  if (is === undefined) return `${kind}: ${where}: gone, was ${was}`
  return `${kind}: ${where}: ${was} became ${is}`
}

/** Whether it is seen in a datagram of many requests: what single ones show says more. */
export function isOfMany({ where }: Pick<Finding, 'where'>): boolean {
  return /^\d+ (requests: |bytes that are no messages)/.test(where)
}

/** What a dump tells, of its entries as a whole. */
export const reordered = 'the same entries in another order'

/** The part of a message that has another value, by a change without the operation. */
export function changedPart(change: string): { readonly whole: string; readonly name: string } | undefined {
  const [, whole = '', name] = /^((.+?) of [^:]+): .* became /s.exec(change) ?? []
  return name === undefined ? undefined : { whole, name }
}

/** Parts of which each value means something else. */
export const ofHeader = /^(flags|version|length|sequence number|port id|sender|echoed request|the .*)$/

/** Whether an attribute has another value: that may follow from what was refused before. */
export function isOfValue({ kind, where, text = '' }: Pick<Finding, 'kind' | 'where' | 'text'>): boolean {
  const part = changedPart(text.startsWith(`${where}: `) ? text.slice(where.length + 2) : text)
  return kind === 'behaviour' && part !== undefined && !ofHeader.test(part.name)
}

/** Whether nlctrl says it: a change of families is in all that it answers. */
export function isOfNlctrl({ kind, where, text = '' }: Pick<Finding, 'kind' | 'where' | 'text'>): boolean {
  return kind === 'behaviour' && (where.startsWith('CTRL_CMD_') || text.startsWith('group nlctrl/'))
}

/** Without that it was asked for a dump, or in another network namespace. */
export function messageOf(where: string): string {
  return withoutEnd(withoutEnd(where, elsewhere), ' dump')
}

/** Whether it is the answer to a dump. */
export function isOfDump({ kind, where }: Pick<Finding, 'kind' | 'where'>): boolean {
  return kind === 'behaviour' && withoutEnd(where, elsewhere).endsWith(' dump')
}

function withoutEnd(text: string, end: string): string {
  return text.endsWith(end) ? text.slice(0, -end.length) : text
}

/** Findings of single kernels: what all of these have is told once. */
export function foldKernels(findings: readonly Finding[], labels: readonly string[]): Finding[] {
  const folded = new Map<string, Finding[]>()
  for (const finding of findings) {
    const line = lineOf(finding)
    folded.set(line, [...(folded.get(line) ?? []), finding])
  }
  return [...folded.values()].flatMap(([first, ...others]) => {
    if (!first) return []
    const kernels = [first, ...others].map(({ kernel }) => kernel)
    const isAll = labels.every(label => kernels.includes(label))
    return [{ ...first, kernel: isAll ? undefined : [...new Set(kernels)].join(', ') }]
  })
}
