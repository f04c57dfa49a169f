// SPDX-License-Identifier: MIT
/** Names of specifications as names of TypeScript. */

/** Gives each thing a name of its own. */
export class Names {
  readonly #taken: Set<string>

  /** @param reserved names that mean something else */
  constructor(reserved: Iterable<string>) {
    this.#taken = new Set(reserved)
  }

  /** The name itself, with a number if it is taken. */
  take(name: string): string {
    let own = name
    for (let number = 2; this.#taken.has(own); number++) own = `${name}${number}`
    this.#taken.add(own)
    return own
  }
}

/** `dev-get` as `DevGet`. */
export function pascalCase(name: string): string {
  const words = name.split(/[^0-9A-Za-z]+/).filter(Boolean)
  const joined = words.map(word => word.charAt(0).toUpperCase() + word.slice(1)).join('')
  return /^[A-Za-z]/.test(joined) ? joined : `N${joined}`
}

/** `dev-get` as `devGet`. */
export function camelCase(name: string): string {
  const joined = pascalCase(name)
  return joined.charAt(0).toLowerCase() + joined.slice(1)
}

/** A property as it is written. */
export function property(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : quoted(name)
}

/** A string literal. */
export function quoted(text: string): string {
  const escaped = JSON.stringify(text)
    .slice(1, -1)
    .replaceAll('\\"', '"')
    .replaceAll("'", "\\'")
    // they end lines in older JavaScript
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029')
  return `'${escaped}'`
}

/** A value as TypeScript, without properties that are undefined. */
export function literal(value: unknown): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'bigint') return `${value}n`
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, each]) => `${property(key)}: ${literal(each)}`)
    return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
  }
  return String(value)
}

/** Columns of generated comments. */
const WIDTH = 108

/** A docstring, empty for empty paragraphs. */
export function docstring(paragraphs: readonly string[], indent = ''): string {
  const lines = paragraphs.flatMap(paragraph => wrapped(paragraph, WIDTH - indent.length))
  if (lines.length === 0) return ''
  const safe = lines.map(line => line.replaceAll('*/', '*\\/'))
  if (safe.length === 1) return `${indent}/** ${safe[0]} */\n`
  return `${indent}/**\n${safe.map(line => `${indent} * ${line}`.trimEnd()).join('\n')}\n${indent} */\n`
}

/** A text's lines, each broken at blanks. */
function wrapped(text: string, width: number): string[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .flatMap(line => {
      const lines: string[] = []
      let current = ''
      for (const word of line.split(/\s+/)) {
        if (current !== '' && current.length + word.length + 1 > width) {
          lines.push(current)
          current = word
        } else current = current === '' ? word : `${current} ${word}`
      }
      return current === '' ? lines : [...lines, current]
    })
}
