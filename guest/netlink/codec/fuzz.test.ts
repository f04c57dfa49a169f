// SPDX-License-Identifier: MIT
/**
 * Reading any bytes ends, throws nothing but a MalformedError, and reads nothing outside of them. FUZZ_RUNS
 * is the number of seeds, of a hundred cases each. fast-check chooses the seeds and names the one that fails;
 * the bytes are made of the seed by hand, which is much faster.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, it } from 'vitest'
import {
  type Attribute,
  attr,
  encodeMessage,
  formatMessage,
  MalformedError,
  type Message,
  NETLINK_GENERIC,
  NETLINK_ROUTE,
  nlctrl,
  type Payload,
  parseAnswer,
  parseDone,
  parseGenericHeader,
  parseMessages,
  parsePolicy,
  rtnetlink,
  sockDiag,
} from '../index.ts'
import { attributePaths } from './attribute-path.ts'

const CASES = 100
const runs = Number(process.env.FUZZ_RUNS ?? 1200)

// nearly every case throws, and stack traces are slow
const { stackTraceLimit } = Error
beforeAll(() => {
  Error.stackTraceLimit = 0
})
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit
})

/** xorshift32: numbers below `limit`. */
function generator(seed: number): (limit: number) => number {
  let state = seed | 1
  return limit => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
}

const schemas: readonly Payload[] = [
  rtnetlink.link,
  rtnetlink.address,
  rtnetlink.route,
  nlctrl,
  sockDiag.netlinkSocket,
]
const hop = { flags: 0, hops: 1, index: 2, attributes: { gateway: '192.0.2.1' } }

/** Messages as the kernel sends them, to be damaged. */
const good: readonly Buffer[] = [
  encodeMessage(
    { type: 16 },
    ...rtnetlink.link.encode({
      header: { index: 1 },
      attributes: {
        ifname: 'v0',
        address: '02:00:00:00:00:01',
        linkinfo: { kind: 'veth', data: { peer: { attributes: { ifname: 'v1' } } } },
        afSpec: { inet6: { conf: [1, 2], stats: [1n] } },
        propList: { altIfname: ['a', 'b'] },
      },
    }),
  ),
  encodeMessage(
    { type: 20 },
    ...rtnetlink.address.encode({ attributes: { local: '192.0.2.1', label: 'lo', flags: 1 } }),
  ),
  encodeMessage(
    { type: 24 },
    ...rtnetlink.route.encode({
      attributes: { dst: '2001:db8::', multipath: [hop, hop], metrics: { mtu: 1 } },
    }),
  ),
  encodeMessage(
    { type: 16 },
    ...nlctrl.encode({
      attributes: {
        familyId: 16,
        familyName: 'nlctrl',
        operations: [{ id: 1, flags: 2 }],
        groups: [{ name: 'notify', id: 16 }],
        operationPolicies: new Map([[3, { do: 0 }]]),
      },
    }),
    attr.nested(8, attr.nested(0, attr.nested(1, attr.u32(1, 4), attr.u64(4, 1n)))),
  ),
  encodeMessage(
    { type: 2, flags: 0x200 },
    Buffer.from('eaffffff', 'hex'),
    encodeMessage({ type: 16 }, Buffer.alloc(16), attr.u8(4, 1)),
    attr.string(1, 'no good'),
    attr.u32(2, 32),
    attr.u32(5, 3),
  ),
  encodeMessage({ type: 3, flags: 0x202 }, Buffer.from('eaffffff', 'hex'), attr.string(1, 'no')),
]

/** The bytes of a case, between bytes that must not be read. */
function make(next: (limit: number) => number): Buffer {
  const original = good[next(good.length)] ?? Buffer.alloc(0)
  const isRandom = next(4) === 0
  const length = isRandom ? next(96) : Math.max(0, original.length - (next(3) === 0 ? next(12) : 0))
  const whole = Buffer.alloc(length + 16, 0xee)
  const bytes = whole.subarray(8, 8 + length)
  if (isRandom) {
    // small numbers, so that parsing goes on for long
    for (let i = 0; i < length; i++)
      bytes[i] = i % 2 === 1 && next(4) !== 0 ? 0 : next(next(3) === 0 ? 256 : 40)
    if (length >= 16) bytes.writeUInt32LE(next(8) === 0 ? next(200) : length, 0)
  } else {
    original.copy(bytes, 0, 0, length)
    for (let damages = next(4); damages > 0 && length > 0; damages--)
      bytes[next(length)] = next(2) === 0 ? next(256) : next(24)
    if (length >= 4 && next(8) !== 0) bytes.writeUInt32LE(length, 0)
  }
  return bytes
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof MalformedError) return undefined
    throw error
  }
}

function readAttributes(attributes: readonly Attribute[], depth = 0): void {
  for (const a of attributes) {
    attempt(() => [a.u8(), a.u16()])
    attempt(() => a.u32())
    attempt(() => a.u64())
    a.string()
    attempt(() => parsePolicy(a.attributes()))
    if (depth < 8) readAttributes(attempt(() => a.attributes()) ?? [], depth + 1)
  }
}

function readMessage(message: Message, next: (limit: number) => number): void {
  const answer = attempt(() => parseAnswer(message))
  attempt(() => parseDone(message, message.bytes))
  attempt(() => parseGenericHeader(message))
  readAttributes(attempt(() => message.attributes(next(3) * 4)) ?? [])
  const schema = schemas[next(schemas.length)]
  if (schema === undefined) return
  const decoded = attempt(() => schema.decode(message))
  // values that were read can be written, except padding and policies
  if (decoded !== undefined && schema !== nlctrl) schema.encode(decoded as object)
  const view = attempt(() => schema.view(message))
  if (view !== undefined) attempt(() => view.attributes.decode())
  const extendedAck = answer?.extendedAck ?? {
    offset: next(200),
    missingType: 1,
    missingNest: next(200),
    attributes: [],
  }
  attributePaths(message.bytes, extendedAck, schema)
  if (next(8) === 0) formatMessage(message, { protocol: next(2) === 0 ? NETLINK_ROUTE : NETLINK_GENERIC })
}

it(`${runs * CASES} cases of damaged and of random messages`, () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 0x7fffffff }), seed => {
      const next = generator(seed)
      for (let i = 0; i < CASES; i++) {
        const bytes = make(next)
        for (const message of attempt(() => parseMessages(bytes)) ?? []) {
          if (message.bytes.length > bytes.length) throw new Error('a message larger than its datagram')
          readMessage(message, next)
        }
      }
    }),
    { numRuns: runs, endOnFailure: true },
  )
}, 60_000)
