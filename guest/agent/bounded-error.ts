// SPDX-License-Identifier: MIT
/** Characters of an error's text that reports have. */
const MOST = 64 * 1024

/**
 * Cuts the text of an error that a test has thrown, where it is so long that nobody reads it and every reporter takes
 * seconds for it. What is missing is said.
 */
export function boundError(thrown: unknown): void {
  if (!(thrown instanceof Error)) return
  try {
    const { message, stack } = thrown
    if (typeof message !== 'string' || message.length <= MOST) return
    const cut = `${message.slice(0, MOST)} ... (${message.length - MOST} characters more)`
    thrown.message = cut
    // The text is at the beginning of the stack, too.
    if (typeof stack === 'string') thrown.stack = stack.replace(message, () => cut)
  } catch {
    // A getter that throws, a frozen error: it stays as it is.
  }
}
