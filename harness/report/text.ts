// SPDX-License-Identifier: MIT
/** Texts of tests and kernels in reports: shown, and never obeyed. */
import type { ThrownError } from '../../guest/agent/thrown-error.ts'

/** An error as people read it: with what Vitest prints below it. */
export function textOf({ name, message, diff, cause }: ThrownError): string {
  return [`${name}: ${message}`, diff, ...causesOf(cause)].filter(Boolean).join('\n')
}

/** `Caused by: Error: why`, for each error below another. */
export function causesOf(cause: ThrownError | undefined): string[] {
  if (cause === undefined) return []
  const { name, message, cause: below } = cause
  return [`Caused by: ${name}: ${message}`, ...causesOf(below)]
}

/** Characters that change the direction of the text after them. */
export const directions = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** A character by its number, as in JavaScript. */
export function numbered(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Without colours, and without what a terminal would obey. */
export function plain(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go
      .replaceAll(/\u001b\[[0-9;]*m/g, '')
      .replaceAll('\r\n', '\n')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go
      .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd')
      .replaceAll(directions, numbered)
  )
}

export function oneLine(text: string): string {
  return plain(text).replaceAll(/\s+/g, ' ').trim()
}

/** The beginning of a text, with a word about what is missing. */
export function beginningOf(text: string, lines: number, characters: number): string {
  const all = text.trimEnd().split('\n')
  const shown = all.slice(0, lines)
  while (shown.length > 1 && shown.join('\n').length > characters) shown.pop()
  const cut = shown.join('\n').slice(0, characters)
  const missing = all.length - shown.length
  if (missing > 0) return `${cut}\n... and ${missing} more lines`
  return cut.length < all.join('\n').length ? `${cut} ...` : cut
}
