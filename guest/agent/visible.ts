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

/** The name of a test or suite, on one line: in some reports a line is a result. */
export function visibleName(name: string): string {
  return visible(name).replaceAll('\n', '\u240a')
}

/** The same of a text that a compiler has coloured, letter by letter: the colours go. */
export function visibleUncoloured(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is how they begin
  return visible(text.replaceAll(/\u001b\[[\d;]*m/g, ''))
}

/** A colour or weight of text, which hides nothing and moves nothing: what Vitest puts into differences. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is how they begin
const colour = /(\u001b\[(?:[0-37]|2[2-57]|[349][0-79]|10[0-7])?m)/

/** The same of a text that Vitest may have coloured for a terminal: the colours stay. */
export function visibleInColour(text: string): string {
  const parts = text.split(colour)
  return parts.map((part, index) => (index % 2 === 1 ? part : visible(part))).join('')
}
