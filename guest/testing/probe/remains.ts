// SPDX-License-Identifier: MIT
/** Texts that are told with a fixed length, and behind their ends what is left of longer ones. */

/** Bytes of a text of another entry that must be there again: fewer may be chance. */
const FEW = 3

/**
 * The first text behind whose NUL is the end of another one, at its place.
 * @param texts the payloads of an attribute, of all entries
 */
export function remainsOf(
  texts: readonly Buffer[],
): { readonly text: Buffer; readonly other: Buffer } | undefined {
  const [first] = texts
  if (first === undefined || texts.some(each => each.length !== first.length || !isText(each)))
    return undefined
  for (const text of texts)
    for (const other of texts) {
      const [from, to] = [text.indexOf(0) + 1, endOf(other)]
      if (from === 0 || to - from < FEW) continue
      if (text.subarray(from, to).equals(other.subarray(from, to))) return { text, other }
    }
  return undefined
}

/** Where its NUL is, or its end without one. */
function endOf(text: Buffer): number {
  const end = text.indexOf(0)
  return end < 0 ? text.length : end
}

/** Whether there are only characters before its NUL, and at least one. */
function isText(payload: Buffer): boolean {
  const text = payload.subarray(0, endOf(payload))
  return text.length > 0 && text.every(byte => byte >= 0x20 && byte < 0x7f)
}
