// SPDX-License-Identifier: MIT
/**
 * A report of kmemleak in which each backtrace is once, with its first object, how many others have it, and in the
 * time of which files these were allocated (guest/agent/jiffies.ts).
 */
export function foldObjects(report: string): string {
  const objects = report.split(/^(?=unreferenced object )/m)
  return [...Map.groupBy(objects, backtraceOf).values()]
    .map(([first = '', ...others]) => [first.trimEnd(), ...moreOf(others)].join('\n'))
    .join('\n')
}

function backtraceOf(object: string): string {
  const [, frames = object] = /^ +backtrace.*\n([\s\S]*)/m.exec(object) ?? []
  return frames.trimEnd()
}

function moreOf(others: readonly string[]): string[] {
  if (others.length === 0) return []
  const names = others.flatMap(object => /^ +comm .*\(in the time of (.*)\)$/m.exec(object)?.[1] ?? [])
  const times = names.length > 0 ? `, in the time of ${[...new Set(names)].join(', ')}` : ''
  return [`(${others.length} more with this backtrace${times})`]
}
