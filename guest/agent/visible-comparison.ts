// SPDX-License-Identifier: MIT
/** Levels of a value that are looked at. */
const DEEPEST = 10

/**
 * Makes escapes visible in the values of a failed comparison, before Vitest makes coloured texts of them: then a
 * colour is Vitest's own.
 */
export function showCompared(thrown: unknown): void {
  if (typeof thrown !== 'object' || thrown === null) return
  try {
    const values = thrown as Record<string, unknown>
    for (const key of ['actual', 'expected']) {
      const value = values[key]
      const seen = shown(value)
      if (seen !== value) values[key] = seen
    }
  } catch {
    // A getter that throws, a frozen error, a built-in that the test has replaced: it stays as it is.
  }
}

/** @returns the same value if there is nothing to show in it */
function shown(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return value.includes('\u001b') ? value.replaceAll('\u001b', '␛') : value
  if (typeof value !== 'object' || value === null || depth === DEEPEST) return value
  const all = (values: readonly unknown[]) => values.map(each => shown(each, depth + 1))
  if (value instanceof Map) return changed(value, [...value].flat(), all, each => new Map(pairs(each)))
  if (value instanceof Set) return changed(value, [...value], all, each => new Set(each))
  if (Array.isArray(value)) return changed(value, value, all, each => each)
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  const entries = Object.entries(value).flat()
  return changed(value, entries, all, each => Object.fromEntries(pairs(each) as [string, unknown][]))
}

function changed(
  value: unknown,
  parts: readonly unknown[],
  all: (values: readonly unknown[]) => unknown[],
  make: (parts: unknown[]) => unknown,
): unknown {
  const seen = all(parts)
  return seen.some((each, index) => !Object.is(each, parts[index])) ? make(seen) : value
}

function pairs(flat: readonly unknown[]): [unknown, unknown][] {
  return Array.from({ length: flat.length / 2 }, (_, index) => [flat[2 * index], flat[2 * index + 1]])
}
