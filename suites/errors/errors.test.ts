// SPDX-License-Identifier: MIT
/** Refused requests: errno and reason, and that they change nothing. */
import {
  attr,
  encodeMessage,
  NLA_F_NESTED,
  NLM_F_ACK,
  NLM_F_REQUEST,
  type Socket,
  SystemCallError,
} from 'netlink-vmtest/netlink'
import {
  acknowledgement,
  exchange,
  heard,
  loadModule,
  type Reason,
  refusal,
  unloadModule,
} from 'netlink-vmtest/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { get, NLE_MYVAR, notification, openExample, reply, update } from '../support/nlexample.ts'

const ACK = NLM_F_ACK
/** The value, which no refused request may change. */
const kept = 0x01020304
/** NL_ATTR_TYPE_U32 and its range. */
const u32Policy = { type: 4, minimum: 0n, maximum: 0xffffffffn }

let a: Socket
/** With extended acknowledgements. */
let e: Socket
/** With extended acknowledgements, and only the request's header echoed. */
let c: Socket
/** Subscriber, which no refused request may notify. */
let subscriber: Socket

beforeAll(() => loadModule('nlexample'))
afterAll(() => unloadModule('nlexample'))
beforeEach(() => {
  a = openExample()
  e = openExample({ extendedAck: true })
  c = openExample({ extendedAck: true, capAck: true })
  a.send(update(kept))
  subscriber = openExample({ memberships: [1] })
})
afterEach(async () => {
  try {
    expect(await exchange(a, get()), 'value kept').toEqual([reply(kept, a)])
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
  for (const flags of [0, ACK]) {
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
  it('ERROR EINVAL with or without ACK, the whole request appended (len 36); no ext-ack TLV', () =>
    refused(flags => update(Buffer.alloc(0), { flags, sequence: 1 }), 'EINVAL'))

  it('byte for byte', async () => {
    a.send(update(Buffer.alloc(0), { sequence: 0x11223344, portId: 0x55667788 }))
    const { bytes, portId, groups } = await a.receive()
    const pid = Buffer.alloc(4)
    pid.writeUInt32LE(a.portId)
    expect([portId, groups]).toEqual([0, 0])
    expect(bytes.toString('hex')).toBe(
      [
        '24000000', // nlmsg_len 36
        '0200', // NLMSG_ERROR
        '0000', // flags: not CAPPED
        '44332211',
        pid.toString('hex'),
        'eaffffff', // -EINVAL
        '10000000100001004433221188776655', // the whole request
      ].join(''),
    )
  })

  it('with CAP_ACK: flags CAPPED, len 36', async () => {
    using capped = openExample({ capAck: true })
    const request = update(Buffer.alloc(0), { sequence: 2 })
    const expected = refusal(request, capped, 'EINVAL', { capped: true })
    expect(expected.messages).toMatchObject([{ length: 36, flags: '0x100' }])
    expect(await exchange(capped, request)).toEqual([expected])
  })
})

describe('NLE_MYVAR of another length than 4', () => {
  it.each([0, 1, 2, 3, 5, 8])(
    '%i bytes: EINVAL, value kept; with EXT_ACK: "invalid attribute length", offset 16, policy {U32, 0..4294967295}',
    length =>
      refused(
        flags => update(attr.binary(NLE_MYVAR, Buffer.alloc(length, 0xa5)), { flags, sequence: 3 }),
        'EINVAL',
        { message: 'invalid attribute length', offset: 16, policy: u32Policy },
      ),
  )

  it('flags ACK_TLVS (0x200)', async () => {
    e.send(update(attr.u8(NLE_MYVAR, 1)))
    expect((await e.receive()).messages().map(message => message.flags)).toEqual([0x200])
  })
})

describe('unknown attribute 2, attribute 0', () => {
  it.each([2, 0])('attribute %i alone: EINVAL "Unknown attribute type", its offset', type =>
    refused(flags => update(attr.u32(type, 5), { flags, sequence: 4 }), 'EINVAL', {
      message: 'Unknown attribute type',
      offset: 16,
    }),
  )

  it.each([2, 0])('attribute %i after a good NLE_MYVAR: its offset', type =>
    refused(
      flags => update(Buffer.concat([attr.u32(NLE_MYVAR, 5), attr.u32(type, 6)]), { flags, sequence: 5 }),
      'EINVAL',
      { message: 'Unknown attribute type', offset: 24 },
    ),
  )

  it.each([3, 0x3fff])('attribute %i', type =>
    refused(flags => update(attr.u32(type, 5), { flags, sequence: 6 }), 'EINVAL', {
      message: 'Unknown attribute type',
      offset: 16,
    }),
  )
})

describe('NLA_F_NESTED set', () => {
  it('EINVAL "NLA_F_NESTED not expected" + policy', () =>
    refused(flags => update(attr.u32(NLE_MYVAR | NLA_F_NESTED, 5), { flags, sequence: 7 }), 'EINVAL', {
      message: 'NLA_F_NESTED not expected',
      offset: 16,
      policy: u32Policy,
    }))
})

describe('3 trailing bytes, or an overrunning nla_len', () => {
  const leftover = { message: 'bytes leftover after parsing attributes' }

  it('3 trailing bytes: EINVAL "bytes leftover after parsing attributes", no offset', () =>
    refused(
      flags =>
        update(Buffer.concat([attr.u32(NLE_MYVAR, 5), Buffer.from([1, 2, 3])]), { flags, sequence: 8 }),
      'EINVAL',
      leftover,
    ))

  it.each([9, 12, 0xffff])('nla_len %i of 8 bytes: the same', length =>
    refused(
      flags => {
        const attribute = attr.u32(NLE_MYVAR, 5)
        attribute.writeUInt16LE(length, 0)
        return update(attribute, { flags, sequence: 9 })
      },
      'EINVAL',
      leftover,
    ),
  )

  it.each([0, 1, 3])('nla_len %i: the same', length =>
    refused(
      flags => {
        const attribute = attr.u32(NLE_MYVAR, 5)
        attribute.writeUInt16LE(length, 0)
        return update(attribute, { flags, sequence: 10 })
      },
      'EINVAL',
      leftover,
    ),
  )
})

describe('GET with a bad NLE_MYVAR', () => {
  it('EINVAL, no reply', () =>
    refused(flags => get({ flags, sequence: 11 }, attr.u16(NLE_MYVAR, 1)), 'EINVAL', {
      message: 'invalid attribute length',
      offset: 16,
      policy: u32Policy,
    }))

  it('EINVAL for an unknown attribute', () =>
    refused(flags => get({ flags, sequence: 12 }, attr.u32(2, 1)), 'EINVAL', {
      message: 'Unknown attribute type',
      offset: 16,
    }))
})

describe('unknown type 18..65535', () => {
  it.each([18, 19, 255, 256, 272, 4096, 0x8010, 65535])('type %i: ERROR EOPNOTSUPP, no text', type =>
    refused(flags => encodeMessage({ type, flags: flags | NLM_F_REQUEST, sequence: 13 }), 'EOPNOTSUPP'),
  )

  it('with a good NLE_MYVAR: the same, the whole request appended', () =>
    refused(
      flags =>
        encodeMessage({ type: 18, flags: flags | NLM_F_REQUEST, sequence: 14 }, attr.u32(NLE_MYVAR, 5)),
      'EOPNOTSUPP',
    ))
})

describe('0-byte send', () => {
  it('ENODATA', async () => {
    const send = () => a.send(Buffer.alloc(0))
    expect(send).toThrow(SystemCallError)
    expect(send).toThrow('sendto: ENODATA')
    expect(await heard(a)).toEqual([])
  })
})

describe('after an error', () => {
  it('the socket goes on', async () => {
    const bad = update(Buffer.alloc(0), { sequence: 15 })
    const good = update(kept, { flags: ACK, sequence: 16 })
    expect(await exchange(a, bad, good)).toEqual([refusal(bad, a, 'EINVAL'), acknowledgement(good, a)])
    expect(await heard(subscriber)).toEqual([notification(kept, a, 16)])
  })
})
