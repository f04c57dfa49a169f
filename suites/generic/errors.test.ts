// SPDX-License-Identifier: MIT
/** Requests that genlexample's family refuses: errno and reason, and that they change nothing. */
import {
  attr,
  encodeMessage,
  NLA_F_NESTED,
  NLM_F_ACK,
  NLM_F_REQUEST,
  type Socket,
} from 'netlink-vmtest/netlink'
import {
  exchange,
  heard,
  loadModule,
  openGeneric,
  type Reason,
  refusal,
  unloadModule,
} from 'netlink-vmtest/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { GenericExample } from '../support/genlexample.ts'
import { NLE_MYVAR } from '../support/nlexample.ts'

/** The value, which no refused request may change. */
const kept = 0x01020304
/** NL_ATTR_TYPE_U32 and its range. */
const u32Policy = { type: 4, minimum: 0n, maximum: 0xffffffffn }

let nlex: GenericExample
let a: Socket
/** With extended acknowledgements. */
let e: Socket
/** With extended acknowledgements, and only the request's header echoed. */
let c: Socket
/** Subscriber, which no refused request may notify. */
let subscriber: Socket

beforeAll(async () => {
  loadModule('genlexample')
  nlex = await GenericExample.resolve()
})
afterAll(() => unloadModule('genlexample'))
beforeEach(() => {
  a = openGeneric()
  e = openGeneric({ extendedAck: true })
  c = openGeneric({ extendedAck: true, capAck: true })
  a.send(nlex.update(kept))
  subscriber = openGeneric(nlex.byMembership)
})
afterEach(async () => {
  try {
    expect(await exchange(a, nlex.get()), 'value kept').toEqual([nlex.reply(kept, a)])
    expect(await heard(subscriber), 'no notification').toEqual([])
  } finally {
    for (const socket of [a, e, c, subscriber]) socket.close()
  }
})

/**
 * The error on plain sockets and on those with options, with and without ACK: the flag makes no difference to
 * errors.
 */
async function refused(make: (flags: number) => Buffer, code: string, reason?: Reason): Promise<void> {
  for (const flags of [0, NLM_F_ACK]) {
    const request = make(flags)
    expect(await exchange(a, request), 'no options').toEqual([refusal(request, a, code)])
    const explained = reason === undefined ? {} : { reason }
    expect(await exchange(e, request), 'EXT_ACK').toEqual([refusal(request, e, code, explained)])
    expect(await exchange(c, request), 'EXT_ACK and CAP_ACK').toEqual([
      refusal(request, c, code, { capped: true, ...explained }),
    ])
  }
}

describe('UPD without the attribute', () => {
  it('ERROR EINVAL with or without ACK, the whole request appended (len 40); with CAP_ACK len 36; no ext-ack TLV', () =>
    refused(flags => nlex.update(Buffer.alloc(0), { flags, sequence: 1 }), 'EINVAL'))
})

describe('NLE_MYVAR of a wrong length', () => {
  it.each([0, 1, 2, 3, 5, 8])(
    '%i bytes: EINVAL, value kept; with EXT_ACK: "invalid attribute length", offset 20, policy U32',
    length =>
      refused(
        flags => nlex.update(attr.binary(NLE_MYVAR, Buffer.alloc(length, 5)), { flags, sequence: 2 }),
        'EINVAL',
        { message: 'invalid attribute length', offset: 20, policy: u32Policy },
      ),
  )
})

describe('foreign attributes', () => {
  it.each([2, 0, 0x3fff])('attribute %i: EINVAL "Unknown attribute type", its offset', type =>
    refused(flags => nlex.update(attr.u32(type, 5), { flags, sequence: 3 }), 'EINVAL', {
      message: 'Unknown attribute type',
      offset: 20,
    }),
  )

  it.each([2, 0])('attribute %i after a good one: its offset', type =>
    refused(
      flags => nlex.update(Buffer.concat([attr.u32(NLE_MYVAR, 5), attr.u32(type, 6)]), { flags }),
      'EINVAL',
      { message: 'Unknown attribute type', offset: 28 },
    ),
  )

  it('NLA_F_NESTED set: EINVAL "NLA_F_NESTED not expected" + policy', () =>
    refused(flags => nlex.update(attr.u32(NLE_MYVAR | NLA_F_NESTED, 5), { flags }), 'EINVAL', {
      message: 'NLA_F_NESTED not expected',
      offset: 20,
      policy: u32Policy,
    }))

  it('3 trailing bytes: EINVAL "bytes leftover after parsing attributes", no offset', () =>
    refused(
      flags => nlex.update(Buffer.concat([attr.u32(NLE_MYVAR, 5), Buffer.from([1, 2, 3])]), { flags }),
      'EINVAL',
      { message: 'bytes leftover after parsing attributes' },
    ))

  it('an overrunning nla_len: the same', () =>
    refused(
      flags => {
        const attribute = attr.u32(NLE_MYVAR, 5)
        attribute.writeUInt16LE(12, 0)
        return nlex.update(attribute, { flags })
      },
      'EINVAL',
      { message: 'bytes leftover after parsing attributes' },
    ))
})

describe('GET with a bad NLE_MYVAR', () => {
  it('EINVAL, no reply', () =>
    refused(flags => nlex.get({ flags, sequence: 4 }, attr.u16(NLE_MYVAR, 1)), 'EINVAL', {
      message: 'invalid attribute length',
      offset: 20,
      policy: u32Policy,
    }))

  it('EINVAL for an unknown attribute, and for trailing bytes', async () => {
    await refused(flags => nlex.get({ flags, sequence: 5 }, attr.u32(2, 1)), 'EINVAL', {
      message: 'Unknown attribute type',
      offset: 20,
    })
    await refused(flags => nlex.get({ flags, sequence: 6 }, Buffer.from([1, 2, 3])), 'EINVAL', {
      message: 'bytes leftover after parsing attributes',
    })
  })
})

describe('foreign commands and numbers', () => {
  it.each([2, 3, 128, 255])('unknown command %i: EOPNOTSUPP', command =>
    refused(flags => nlex.request(attr.u32(NLE_MYVAR, 5), { command, flags, sequence: 5 }), 'EOPNOTSUPP'),
  )

  it.each([0xffff, 0x7fff])('unallocated family id %i: ENOENT', type =>
    refused(
      flags =>
        encodeMessage({ type, flags: flags | NLM_F_REQUEST, sequence: 6 }, nlex.update(5).subarray(16)),
      'ENOENT',
    ),
  )

  it.each([0, 2])('no genlmsghdr, %i bytes of it: EINVAL', length =>
    refused(
      flags =>
        encodeMessage({ type: nlex.family, flags: flags | NLM_F_REQUEST, sequence: 7 }, Buffer.alloc(length)),
      'EINVAL',
    ),
  )
})

describe('0-byte send', () => {
  it('ENODATA', () => {
    expect(() => a.send(Buffer.alloc(0))).toThrow('sendto: ENODATA')
  })
})
