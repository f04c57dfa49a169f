/** The longest time that a timer can be set for, in milliseconds: Node fires one that is longer at once. */
export const longestTimer = 2 ** 31 - 1
