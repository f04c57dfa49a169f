// SPDX-License-Identifier: MIT
/** Many entries, for dumps over several datagrams. */
import { isAnswer, MalformedError, type Message, NLMSG_HDRLEN } from '../../netlink/index.ts'
import { drain } from '../exchange.ts'
import { isTimeShort } from './allowance.ts'
import type { Grower } from './found.ts'
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
 * @returns the variants that were added
 */
export async function addMany(
  subject: Subject,
  requester: Requester,
  { shape, key }: Grower,
  count: number,
  parent = FIRST,
): Promise<number[]> {
  const attributes = (variant: number) => shape.attributes(type => (type === key ? parent : variant))
  const added: number[] = []
  for (let next = 0; next < count; next += AT_ONCE) {
    const variants = Array.from(
      { length: Math.min(AT_ONCE, count - next) },
      (_, index) => MANY + next + index,
    )
    const requests = variants.map(variant =>
      subject.encode(shape.operation, attributes(variant), { flags: 0, sequence: variant }),
    )
    requester.socket.send(Buffer.concat(requests))
    // Who adds may also answer.
    const came = drain(requester.socket)
    // Not all that was refused is known.
    if (came.some(event => !('messages' in event))) break
    const refused = new Set(came.flatMap(refusedBy))
    added.push(...variants.filter(variant => !refused.has(variant)))
    // Some values are there already; where most are refused, there is no room for more.
    if (refused.size * 2 > variants.length || isTimeShort()) break
  }
  return added
}

/** The sequence numbers of what was refused. */
function refusedBy(event: ReturnType<typeof drain>[number]): number[] {
  if (!('messages' in event)) return []
  try {
    return event
      .messages()
      .filter(it => isAnswer(it) && it.bytes.readInt32LE(NLMSG_HDRLEN) !== 0)
      .map(({ sequence }) => sequence)
  } catch (error) {
    if (error instanceof MalformedError) return []
    throw error
  }
}
