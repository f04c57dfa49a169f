// SPDX-License-Identifier: MIT
import { randomInt } from 'node:crypto'
import { UsageError } from '../../base/errors.ts'

/** What random sequences are tried for how long. */
export interface RandomOptions {
  /** fast-check's: an integer of 32 bits. */
  readonly seed: number
  /** Milliseconds in which batches begin. */
  readonly time: number
}

/** Seconds for `--seed` alone. */
const DEFAULT_TIME = 10
const LONGEST_TIME = 7 * 86_400

/**
 * Reads `--seed` and `--time`.
 * @returns undefined if neither is given: then there are no random sequences
 * @throws UsageError
 */
export function randomOptions({ seed, time }: { seed?: string; time?: string }): RandomOptions | undefined {
  if (seed === undefined && time === undefined) return undefined
  const own = seed === undefined ? randomInt(2 ** 31) : Number(seed)
  if (seed === '' || !Number.isInteger(own) || Math.abs(own) >= 2 ** 31)
    throw new UsageError(`--seed ${seed}: it is an integer of 32 bits, as probe has printed it`)
  const seconds = time === undefined ? DEFAULT_TIME : Number(time)
  if (time === '' || !(seconds > 0 && seconds <= LONGEST_TIME))
    throw new UsageError(`--time ${time}: it is a number of seconds, and at most ${LONGEST_TIME}`)
  return { seed: own, time: seconds * 1000 }
}
