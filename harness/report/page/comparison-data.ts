// SPDX-License-Identifier: MIT
/** All that the page of a comparison shows, as its script finds it. */

export interface ComparisonPageData {
  /** The version of this package. */
  readonly version: string
  /** When it was made, in milliseconds since 1970. */
  readonly time: number
  /** Milliseconds of the whole comparison. */
  readonly total: number
  /** Whether nothing that matters has changed. */
  readonly ok: boolean
  /** In few words: "3 changes". */
  readonly title: string
  /** In a sentence. */
  readonly answer: string
  readonly base: string
  readonly head: string
  readonly kernels: readonly { readonly label: string; readonly release: string }[]
  /** What matters first. */
  readonly findings: readonly PageFinding[]
  /** Further lines: what was accepted, what could not be compared. */
  readonly remarks: readonly string[]
}

export interface PageFinding {
  /** Unique on the page, and the same for the same change. */
  readonly id: string
  readonly kind: string
  /** The change as one line, without its kind. */
  readonly text: string
  readonly matters: boolean
  /** "only on debian-6.1, 3 times"; '' for all kernels, once. */
  readonly seen: string
  /** The request that shows it; '' for none. */
  readonly request: string
  readonly conversation: PageConversation | undefined
  /** What else shows it: a log, a stack; '' if the conversation does. */
  readonly show: string
  /** The command that shows it again; '' for none. */
  readonly again: string
}

/** What one socket of a test has said and heard on both sides, around what differs. */
export interface PageConversation {
  readonly test: string
  readonly rows: readonly PageRow[]
}

/** The same place on both sides; undefined where a side has nothing. */
export interface PageRow {
  readonly base: PageLine | undefined
  readonly head: PageLine | undefined
}

export interface PageLine {
  /** 'request', 'answer', or whom of the others the kernel tells. */
  readonly way: string
  readonly text: string
  /** Whether the other side has another message here, or none. */
  readonly differs: boolean
  /** Names and values, where the message is a part of what is shown in full. */
  readonly parts: readonly { readonly name: string; readonly value: string; readonly differs: boolean }[]
}
