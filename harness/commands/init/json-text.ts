// SPDX-License-Identifier: MIT
/** JSON as text: members are added, and all else stays as it was written. */

/**
 * The text of a JSON object with a member added at the end of the object at `path`, which is made if it is not
 * there. Indentation and line ends are those of the text.
 * @param text is valid JSON, and an object
 */
export function withMember(text: string, path: readonly string[], name: string, value: unknown): string {
  const object = objectAt(text, path)
  if (object === undefined) return withMember(text, path.slice(0, -1), path.at(-1) ?? '', { [name]: value })
  const { open, close } = object
  const newline = text.includes('\r\n') ? '\r\n' : '\n'
  const unit = /\n([ \t]+)\S/.exec(text)?.[1] ?? '  '
  const inside = text.slice(open + 1, close)
  const isEmpty = inside.trim() === ''
  const isOneLine = !isEmpty && !inside.includes('\n')
  const depth = path.length + 1
  const written = isOneLine
    ? JSON.stringify(value)
    : JSON.stringify(value, null, unit).replaceAll('\n', newline + unit.repeat(depth))
  const member = `${JSON.stringify(name)}: ${written}`
  const before = text.slice(0, open + 1) + inside.trimEnd()
  const comma = isEmpty ? '' : ','
  if (isOneLine) return `${before}${comma} ${member}${/\s*$/.exec(inside)?.[0] ?? ''}${text.slice(close)}`
  const [indent, outdent] = [unit.repeat(depth), unit.repeat(depth - 1)]
  return `${before}${comma}${newline}${indent}${member}${newline}${outdent}${text.slice(close)}`
}

/** Where an object begins and ends: the offsets of its braces. */
interface Span {
  readonly open: number
  readonly close: number
}

/** @returns undefined if there is no member of that name */
function objectAt(text: string, path: readonly string[]): Span | undefined {
  let span: Span = { open: text.indexOf('{'), close: text.lastIndexOf('}') }
  for (const name of path) {
    const found = memberOf(text, span, name)
    if (found === undefined) return undefined
    span = found
  }
  return span
}

/** The strings, braces and colons of a JSON text. */
const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g

/** The object that is an object's member of this name. */
function memberOf(text: string, { open, close }: Span, name: string): Span | undefined {
  let depth = 0
  let last = ''
  let key = ''
  let start: number | undefined
  for (const { 0: token, index } of text.slice(open, close + 1).matchAll(tokens)) {
    if (token === ':') {
      if (depth === 1) key = last
    } else if (token === '{' || token === '[') {
      if (depth === 1 && token === '{' && key !== '' && JSON.parse(key) === name) start = open + index
      depth++
    } else if (token === '}' || token === ']') {
      depth--
      if (depth === 1 && start !== undefined) return { open: start, close: open + index }
      if (depth === 1) key = ''
    } else last = token
  }
  return undefined
}
