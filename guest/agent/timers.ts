// SPDX-License-Identifier: MIT
/** The longest timer in milliseconds: Node fires longer ones at once. */
export const longestTimer = 2 ** 31 - 1
