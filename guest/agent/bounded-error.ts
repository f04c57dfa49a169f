// SPDX-License-Identifier: MIT
/** Characters of an error's text that reports have. */
const MOST = 64 * 1024

/**
 * Cuts the text of an error that a test has thrown, or of Vitest's copy of one, where it is so long that nobody reads it and every reporter takes
 * seconds for it. What is missing is said.
 */
export function boundError(thrown: unknown): void {
  if (typeof thrown !== 'object' || thrown === null) return
  try {
    const error = thrown as { message?: unknown; stack?: unknown }
    const { message, stack } = error
    if (typeof message !== 'string' || message.length <= MOST) return
    const cut = `${message.slice(0, MOST)} ... (${message.length - MOST} characters more)`
    error.message = cut
    // The text is at the beginning of the stack, too.
    if (typeof stack === 'string') error.stack = stack.replace(message, () => cut)
  } catch {
    // A getter that throws, a frozen error: it stays as it is.
  }
}
