// SPDX-License-Identifier: MIT
import { MachineryError } from './errors.ts'

/**
 * A promise with a time limit.
 * @param limit milliseconds
 * @throws MachineryError with `message` when the limit is reached
 */
export async function withLimit<T>(promise: Promise<T>, limit: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new MachineryError(message)), limit)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Resolves to all results when all have ended: none goes on after another has failed.
 * @throws the error of the first one, in this order, that failed
 */
export async function allDone<T extends readonly Promise<unknown>[]>(
  work: readonly [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work)
  return await Promise.all(work)
}
