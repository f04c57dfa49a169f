// SPDX-License-Identifier: MIT
/**
 * Texts are mostly UTF-8, but names, of interfaces for instance, may hold any bytes. A byte that is no UTF-8
 * becomes a lone surrogate from U+DC80 on, as in Python's `surrogateescape`, and is written as that byte
 * again.
 */
import { isUtf8 } from 'node:buffer'

const ESCAPES = 0xdc00

/** Text from `start` up to the first NUL, or to `end` without one. */
export function readText(buffer: Buffer, start: number, end: number): string {
  // names are short: a loop is cheaper than a search through the buffer
  let stop = start
  let ascii = 0
  while (stop < end) {
    const byte = buffer[stop]
    if (byte === undefined || byte === 0) break
    ascii |= byte
    stop++
  }
  if (ascii < 0x80) return buffer.toString('latin1', start, stop)
  const bytes = buffer.subarray(start, stop)
  return isUtf8(bytes) ? bytes.toString('utf8') : escapeBytes(bytes)
}

/** Bytes as hexadecimal words of four, on one line, for diffs, snapshots and JSON. */
export function hexWords(bytes: Buffer): string {
  return bytes.toString('hex').replace(/.{8}(?=.)/g, '$& ')
}

/** The bytes of a text. @throws RangeError for a lone surrogate outside of U+DC80 to U+DCFF */
export function bytesOfText(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8')
  const parts: Buffer[] = []
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    if (character.isWellFormed()) parts.push(Buffer.from(character, 'utf8'))
    else if (code >= ESCAPES + 0x80 && code <= ESCAPES + 0xff) parts.push(Buffer.of(code - ESCAPES))
    else throw new RangeError(`a text with the lone surrogate U+${code.toString(16).toUpperCase()}`)
  }
  return Buffer.concat(parts)
}

/** The longest runs of UTF-8 as text, and each byte between them as a surrogate. */
function escapeBytes(bytes: Buffer): string {
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find(
      count => at + count <= bytes.length && isUtf8(bytes.subarray(at, at + count)),
    )
    text +=
      length === undefined
        ? String.fromCharCode(ESCAPES + (bytes[at] ?? 0))
        : bytes.toString('utf8', at, at + length)
    at += length ?? 1
  }
  return text
}
