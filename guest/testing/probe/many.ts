// SPDX-License-Identifier: MIT
/** Many entries, for dumps over several datagrams. */
import { isAnswer, MalformedError, type Message, NLMSG_HDRLEN } from '../../netlink/index.ts'
import { drain } from '../exchange.ts'
import { isTimeShort } from './allowance.ts'
import type { Writer } from './found.ts'
import type { Requester, Subject } from './subject.ts'
import { FIRST } from './variants.ts'

/** Bytes of a dump over several datagrams: the first has 8 KiB or less (NLMSG_GOODSIZE). */
const SEVERAL = 24_000
/** Entries that are added at most for that, and in one datagram. */
const MOST_ENTRIES = 1500
const AT_ONCE = 50
/** The variant of the first of them. */
export const MANY = 100

/** How many entries, of the size of those that are there, take several datagrams. */
export function severalDatagrams(replies: readonly Message[]): number {
  const size = Math.max(32, ...replies.map(({ length }) => length))
  return Math.min(MOST_ENTRIES, Math.ceil(SEVERAL / size))
}

/**
 * Adds entries of variants from {@link MANY} on.
 * @param parent the variant of what they are added to, where that is named by a key
 * @returns how many were added
 */
export async function addMany(
  subject: Subject,
  requester: Requester,
  { shape, key }: Writer,
  count: number,
  parent = FIRST,
): Promise<number> {
  const attributes = (variant: number) => shape.attributes(type => (type === key ? parent : variant))
  for (let next = 0; next < count; next += AT_ONCE) {
    const variants = Array.from(
      { length: Math.min(AT_ONCE, count - next) },
      (_, index) => MANY + next + index,
    )
    const requests = variants.map(variant =>
      subject.encode(shape.operation, attributes(variant), { flags: 0 }),
    )
    requester.socket.send(Buffer.concat(requests))
    // Where there is no room for more; who adds may also answer.
    const refused = drain(requester.socket).filter(isRefusal).length
    if (refused > 0 || isTimeShort()) return next + variants.length - refused
  }
  return count
}

function isRefusal(event: ReturnType<typeof drain>[number]): boolean {
  if (!('messages' in event)) return true
  try {
    return event.messages().some(it => isAnswer(it) && it.bytes.readInt32LE(NLMSG_HDRLEN) !== 0)
  } catch (error) {
    if (error instanceof MalformedError) return false
    throw error
  }
}
