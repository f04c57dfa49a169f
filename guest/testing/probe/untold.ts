// SPDX-License-Identifier: MIT
/**
 * Attributes that the kernel does not tell of. Integers in network byte order it checks, and leaves them out of
 * what it tells of a policy (net/netlink/policy.c of 7.3). It is asked: in strict checks their length alone is
 * refused with these words, of attributes that nothing is told of. Others have no policy.
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

/**
 * Asks for them. Where checks are strict, the module hears of none: what is not refused for its length is
 * refused as it is. Where they are not, all are taken but those that the policy rejects (NLA_REJECT, which is not told
 * either), and nothing is known of them.
 */
export async function askUntold(subject: Subject, operation: Operation): Promise<Policy> {
  const types = untoldTypes(subject, operation)
  if (types.length === 0) return new Map()
  using requester = subject.open()
  const found: [number, AttributePolicy][] = []
  if (!(await subject.isStrict(operation))) {
    for (const type of types.filter(each => each <= subject.family.maximumAttribute))
      if (!(await isRejected(subject, requester, operation, type))) found.push([type, {}])
    return new Map(found)
  }
  for (const type of types)
    if (await isLengthRefused(subject, requester, operation, attr.binary(type, Buffer.alloc(1)))) {
      const isWide = await isLengthRefused(subject, requester, operation, attr.binary(type, Buffer.alloc(2)))
      found.push([type, { type: isWide ? 'BE32' : 'BE16' }])
    }
  return new Map(found)
}

async function isRejected(
  subject: Subject,
  requester: Requester,
  operation: Operation,
  type: number,
): Promise<boolean> {
  const { code, extendedAck } = await requester.ask(operation, attr.binary(type, Buffer.alloc(4)))
  const { message, offset } = extendedAck ?? {}
  return code === 'EINVAL' && message === 'Attribute failed policy validation' && offset === subject.start
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
