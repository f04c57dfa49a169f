/** What several senders did to one variable at once, and what of it the others may have seen. */

/** Something the kernel did between two moments of a clock that all threads share. */
export interface Interval {
  readonly begun: number
  readonly ended: number
}

/** An update: its value is nobody else's. */
export interface Update extends Interval {
  readonly value: number
}

/**
 * Why a value cannot have been read in that time; undefined if it can. It is of an update that had begun by
 * the end of it, and no other update came wholly after that one and before it was read.
 * @param own the update that the reading is part of: a notification has its value or a later one
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
