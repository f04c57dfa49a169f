// SPDX-License-Identifier: MIT
/**
 * Integers in network byte order: the kernel checks them, and leaves them out of what it tells of a policy
 * (net/netlink/policy.c of 7.3). It is asked: in strict checks their length alone is refused with these words,
 * of attributes that nothing is told of.
 */
import { type AttributePolicy, attr } from '../../netlink/index.ts'
import type { Operation, Policy } from './family.ts'
import type { Requester, Subject } from './subject.ts'

/** Types that are asked for, and those above the last one told where nobody tells how many there are. */
const MOST = 64
const ABOVE = 4

/** The types that nothing is told of, and that may be taken. */
export function untoldTypes({ family }: Subject, { policy }: Operation): number[] {
  if (policy === undefined) return []
  const last = family.maximumAttribute || Math.max(0, ...policy.keys()) + ABOVE
  return Array.from({ length: last }, (_, index) => index + 1)
    .filter(type => !policy.has(type))
    .slice(0, MOST)
}

/** Asks for them. The module hears of none: what is not refused for its length is refused as it is. */
export async function askUntold(subject: Subject, operation: Operation): Promise<Policy> {
  const types = untoldTypes(subject, operation)
  if (types.length === 0 || !(await subject.isStrict(operation))) return new Map()
  using requester = subject.open()
  const found: [number, AttributePolicy][] = []
  for (const type of types)
    if (await isLengthRefused(subject, requester, operation, attr.binary(type, Buffer.alloc(1)))) {
      const isWide = await isLengthRefused(subject, requester, operation, attr.binary(type, Buffer.alloc(2)))
      found.push([type, { type: isWide ? 'BE32' : 'BE16' }])
    }
  return new Map(found)
}

async function isLengthRefused(
  subject: Subject,
  requester: Requester,
  operation: Operation,
  attribute: Buffer,
): Promise<boolean> {
  const { code, extendedAck } = await requester.ask(operation, attribute)
  const { message, offset } = extendedAck ?? {}
  return code === 'EINVAL' && message === 'invalid attribute length' && offset === subject.start
}
