// SPDX-License-Identifier: MIT
/** Texts of tests and kernels as the page shows them. */
import { visible } from '../../../../guest/agent/visible.ts'

export { visible } from '../../../../guest/agent/visible.ts'

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
