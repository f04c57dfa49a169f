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
