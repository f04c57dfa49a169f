// SPDX-License-Identifier: MIT
/** Checks of the numbers that callers give; each names the option. */
import { fits32 } from '../codec/integers.ts'

/** @throws RangeError for what is no time: milliseconds from 0 on, Infinity for no limit */
export function checkTimeout(timeout: number | undefined): void {
  if (timeout !== undefined && !(typeof timeout === 'number' && timeout >= 0))
    throw new RangeError(
      `timeout: ${String(timeout)} is no time: give milliseconds, or Infinity for no limit`,
    )
}

/** @throws RangeError for what is no unsigned integer of 32 bits, or below `least` */
export function checkU32(name: string, value: number | undefined, least = 0): void {
  if (value !== undefined && !(typeof value === 'number' && fits32(value) && value >= least))
    throw new RangeError(`${name}: ${String(value)} is no integer from ${least} to ${0xffffffff}`)
}

/** @throws RangeError for what is no count: an integer from 0 on, or Infinity */
export function checkCount(name: string, value: number | undefined): void {
  if (value !== undefined && !(value === Infinity || (Number.isInteger(value) && value >= 0)))
    throw new RangeError(`${name}: ${String(value)} is no number of times`)
}
