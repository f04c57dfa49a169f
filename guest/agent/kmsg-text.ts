// SPDX-License-Identifier: MIT
const escaped = /\\x([\da-f]{2})/
const strict = new TextDecoder('utf-8', { fatal: true })

/**
 * The text of a record of /dev/kmsg, where the kernel writes bytes that are no printable ASCII as \xNN: line ends
 * of a message with several lines, and each byte of UTF-8 (Documentation/ABI/testing/dev-kmsg). Bytes that are no
 * UTF-8 are characters of their own.
 */
export function kmsgText(text: string): string {
  if (!escaped.test(text)) return text
  const bytes = Buffer.concat(
    text.split(escaped).map((part, index) => Buffer.from(part, index % 2 === 0 ? 'utf8' : 'hex')),
  )
  try {
    return strict.decode(bytes)
  } catch {
    return bytes.toString('latin1')
  }
}
