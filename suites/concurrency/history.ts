// SPDX-License-Identifier: MIT
/** Updates of one variable by several senders at once, and the values that others may have read. */

/** An operation between two moments of a clock that all threads share. */
export interface Interval {
  readonly begun: number
  readonly ended: number
}

/** An update, with a unique value. */
export interface Update extends Interval {
  readonly value: number
}

/**
 * Why a value cannot have been read in that time; undefined if it can. Its update must have begun by the end
 * of the reading, and no other update may lie wholly between that update and the reading.
 * @param own the update that a notification is about, which has its value or a later one
 */
export function impossible(
  updates: readonly Update[],
  value: number,
  read: Interval,
  own?: Update,
): string | undefined {
  if (value === own?.value) return undefined
  const seen = updates.find(update => update.value === value)
  if (!seen) return `${value} was set by nobody`
  if (seen.begun > read.ended) return `${value} was not set yet`
  const later = updates.find(
    update => update.begun > seen.ended && (update === own || update.ended < read.begun),
  )
  return later && `${value} was overwritten by ${later.value} before`
}
