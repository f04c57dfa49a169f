/** The longest time that a timer can be set for, in milliseconds: Node fires one that is longer at once. */
export const longestTimer = 2 ** 31 - 1

/** A limit on a machine that takes so many times longer, as far as a timer can be set for it. */
export function slowed(milliseconds: number, slowness: number): number {
  return Math.min(milliseconds * slowness, longestTimer)
}
