// SPDX-License-Identifier: MIT

/** The variant of values that are there at first; those of explore.ts and of tests are others. */
export const FIRST = 0

let last = 2000

/** Values of its own for each request of a test: a variant that no other one has. */
export function nextVariant(): number {
  return last++
}
