// SPDX-License-Identifier: MIT
/** Texts of tests and kernels as they can be shown: nothing in them is obeyed. */

/** Control characters as their pictures, and those that change the direction of text as their numbers. */
export function visible(text: string): string {
  return (
    text
      .replaceAll('\r\n', '\n')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must be seen
      .replaceAll(/[\u0000-\u0008\u000b-\u001f]/g, each => String.fromCharCode(0x2400 + each.charCodeAt(0)))
      .replaceAll('\u007f', '\u2421')
      .replaceAll(
        /[\u0080-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
        each => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
      )
  )
}

/** The same, of what Vitest may have coloured for a terminal. */
export function uncoloured(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is removed
  return visible(text.replaceAll(/\u001b\[[0-9;]*m/g, ''))
}

/** Milliseconds: "3 ms", "1.4 s", "2 min 5 s". */
export function duration(milliseconds: number): string {
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`
  const seconds = Math.round(milliseconds / 1000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** "1 test", "2 tests". */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
