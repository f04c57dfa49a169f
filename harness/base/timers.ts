// SPDX-License-Identifier: MIT
/** The longest timer in milliseconds: Node fires a longer one at once. */
export const longestTimer = 2 ** 31 - 1

/** A limit multiplied by a kernel's slowness, at most {@link longestTimer}. */
export function slowed(milliseconds: number, slowness: number): number {
  return Math.min(milliseconds * slowness, longestTimer)
}
