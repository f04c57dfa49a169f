// SPDX-License-Identifier: MIT
import { UsageError } from '../base/errors.ts'

/** A parameter's text for the kernel, or why it cannot be one. */
export type Parameter = { readonly text: string } | { readonly refused: string }

/**
 * A parameter as the kernel parses it (lib/cmdline.c, next_arg): a value with spaces is in double quotes,
 * which cannot be escaped. `dyndbg=file x +p` and `dyndbg="file x +p"` give the same.
 */
export function kernelParameter(given: string): Parameter {
  const whole = /^"([^"]*)"$/s.exec(given)?.[1] ?? given
  const [, name, value] = /^([^=]*)(?:=(.*))?$/s.exec(whole) ?? []
  if (!name) return { refused: 'it has no name' }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what would end the line or the text
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(whole))
    return { refused: 'it has a line break or another control character' }
  if (/["\s]/.test(name)) return { refused: 'its name has a space or a quote: give each parameter by itself' }
  if (value === undefined) return { text: name }
  const inner = /^"([^"]*)"$/s.exec(value)?.[1] ?? value
  if (inner.includes('"'))
    return { refused: 'its value has a quote in it, which the kernel has no escape for' }
  // Quotes for spaces, and for bytes that the kernel's isspace() takes for one: 0xa0 is part of many UTF-8
  // letters.
  return { text: /[^!-~]/.test(inner) ? `${name}="${inner}"` : `${name}=${inner}` }
}

/** COMMAND_LINE_SIZE of x86 with the final NUL; the kernel silently truncates a longer line. */
const LENGTH = 2048

/** @throws UsageError for a command line that is too long */
export function requireLength(line: string): string {
  const length = Buffer.byteLength(line)
  if (length < LENGTH) return line
  throw new UsageError(
    `vm.parameters make the kernel's command line ${length} bytes long, and it takes ${LENGTH - 1}: give fewer`,
  )
}
