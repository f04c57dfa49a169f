// SPDX-License-Identifier: MIT

let last = 2000

/** Values of its own for each request of a test: a variant that no other one has. */
export function nextVariant(): number {
  return last++
}
