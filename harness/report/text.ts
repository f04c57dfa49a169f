// SPDX-License-Identifier: MIT
/** Texts of tests and kernels in reports: shown, and never obeyed. */

/** An error as people read it: with what Vitest prints below it. */
export function textOf({ name, message, diff }: { name?: string; message: string; diff?: string }): string {
  return [`${name ?? 'Error'}: ${message}`, diff].filter(Boolean).join('\n')
}

/** Without colours, and without what a terminal would obey. */
export function plain(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go
      .replaceAll(/\u001b\[[0-9;]*m/g, '')
      .replaceAll('\r\n', '\n')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go
      .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '\ufffd')
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
