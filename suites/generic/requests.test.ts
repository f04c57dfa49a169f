// SPDX-License-Identifier: MIT
/** genlexample's requests and their answers. */
import {
  attr,
  encodeMessage,
  NLA_F_NET_BYTEORDER,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_ECHO,
  type Socket,
} from 'netlink-vmtest/netlink'
import {
  acknowledgement,
  exchange,
  heard,
  kernel,
  loadModule,
  openGeneric,
  refusal,
  unloadModule,
} from 'netlink-vmtest/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { GenericExample } from '../support/genlexample.ts'
import { NLE_MYVAR } from '../support/nlexample.ts'

const ACK = NLM_F_ACK
const values = [0, 1, 0xffffffff, 65536, 0x01020304]

let nlex: GenericExample
let a: Socket
beforeAll(async () => {
  loadModule('genlexample')
  nlex = await GenericExample.resolve()
})
afterAll(() => unloadModule('genlexample'))
beforeEach(() => {
  a = openGeneric()
})
afterEach(() => a.close())

/** The messages of a datagram. */
const datagram = (...messages: readonly Uint8Array[]) => Buffer.concat(messages)

describe('what is sent and expected here', () => {
  it('byte for byte', () => {
    const example = new GenericExample(32, 9)
    expect(example.update(5, { sequence: 1 }).toString('hex')).toBe(
      '1c00000020000100010000000000000000010000' + '0800010005000000',
    )
    expect(example.get({ version: 2, reserved: 3 }).toString('hex')).toBe(
      '1400000020000100000000000000000001020300',
    )
    expect(example.reply(5, { portId: 7 }, 1)).toMatchObject({
      groups: 0,
      messages: [{ portId: 7, type: 32 }],
    })
    expect(example.notification(5, { portId: 7 })).toMatchObject({ groups: 0x100 })
    expect([example.byMembership, example.byMask]).toEqual([{ memberships: [9] }, { groups: 0x100 }])
    expect(() => new GenericExample(32, 33).byMask).toThrow('group 33 has no bit in a mask')
  })
})

describe('GET before any UPD', () => {
  it('value 0', async () => {
    // loaded again, because other tests have used it
    unloadModule('genlexample')
    loadModule('genlexample')
    nlex = await GenericExample.resolve()
    expect(await exchange(a, nlex.get({ sequence: 1 }))).toEqual([nlex.reply(0, a, 1)])
  })
})

describe('UPD', () => {
  it.each(values)(
    'UPD+ACK of %i: NLMSG_ERROR error 0, seq of the request, pid A, CAPPED, len 36',
    async value => {
      const request = nlex.update(value, { flags: ACK, sequence: 7 })
      expect(await exchange(a, request)).toEqual([acknowledgement(request, a)])
      expect(await exchange(a, nlex.get({ sequence: 8 }))).toEqual([nlex.reply(value, a, 8)])
    },
  )

  it.each(values)('UPD of %i, no ACK: nothing', async value => {
    expect(await exchange(a, nlex.update(value))).toEqual([])
    expect(await exchange(a, nlex.get())).toEqual([nlex.reply(value, a)])
  })
})

describe('GET', () => {
  it('type = family id, cmd 0 ver 1 reserved 0, seq of the request, pid A, flags 0, len 28, byte for byte', async () => {
    a.send(nlex.update(0x01020304))
    a.send(nlex.get({ sequence: 0x11223344, portId: 0x55667788 }))
    const { bytes, portId, groups } = await a.receive()
    const type = Buffer.alloc(2)
    type.writeUInt16LE(nlex.family)
    const pid = Buffer.alloc(4)
    pid.writeUInt32LE(a.portId)
    expect([portId, groups]).toEqual([0, 0])
    expect(bytes.toString('hex')).toBe(
      `1c000000${type.toString('hex')}000044332211${pid.toString('hex')}${'00010000'}${'08000100'}${'04030201'}`,
    )
    expect(await heard(a)).toEqual([])
  })

  it('GET+ACK: the reply, then the ack', async () => {
    a.send(nlex.update(5))
    const request = nlex.get({ flags: ACK, sequence: 2 })
    expect(await exchange(a, request)).toEqual([nlex.reply(5, a, 2), acknowledgement(request, a)])
  })

  it.each([
    ['without', 0],
    ['with', ACK],
  ])('GET+DUMP %s ACK: ERROR EOPNOTSUPP', async (_with, flags) => {
    const request = nlex.get({ flags: NLM_F_DUMP | flags, sequence: 3 })
    expect(await exchange(a, request)).toEqual([refusal(request, a, 'EOPNOTSUPP')])
  })

  it('GET with a good NLE_MYVAR: ignored', async () => {
    a.send(nlex.update(6))
    expect(await exchange(a, nlex.get({ sequence: 4 }, attr.u32(NLE_MYVAR, 9)))).toEqual([
      nlex.reply(6, a, 4),
    ])
    expect(await exchange(a, nlex.get())).toEqual([nlex.reply(6, a)])
  })

  it('one value for all: another socket reads what this one set', async () => {
    using b = openGeneric()
    a.send(nlex.update(7))
    expect(await exchange(b, nlex.get())).toEqual([nlex.reply(7, b)])
    expect(await heard(a)).toEqual([])
  })
})

describe('header nlmsg_pid', () => {
  it.each([
    ['0', () => 0],
    ['forged', (other: Socket) => other.portId],
    ['of nobody', () => 0xffffffff],
  ])(
    '%s: ignored: replies go to the sending socket; the request inside an error echoes it',
    async (_name, pid) => {
      using other = openGeneric()
      const portId = pid(other)
      a.send(nlex.update(8, { portId }))
      const bad = nlex.update(Buffer.alloc(0), { portId, sequence: 2 })
      expect(await exchange(a, nlex.get({ portId, sequence: 1 }), bad)).toEqual([
        nlex.reply(8, a, 1),
        refusal(bad, a, 'EINVAL'),
      ])
      expect(await heard(other)).toEqual([])
    },
  )
})

describe('seq 0 and 0xffffffff', () => {
  it.each([0, 0xffffffff])('%i: mirrored in replies, acks and errors', async sequence => {
    a.send(nlex.update(9))
    const get = nlex.get({ flags: ACK, sequence })
    const bad = nlex.update(Buffer.alloc(0), { sequence })
    expect(await exchange(a, get, bad)).toEqual([
      nlex.reply(9, a, sequence),
      acknowledgement(get, a),
      refusal(bad, a, 'EINVAL'),
    ])
  })
})

describe('ECHO is ignored', () => {
  it('UPD+ECHO, A not subscribed: the ack alone', async () => {
    const request = nlex.update(10, { flags: NLM_F_ECHO | ACK, sequence: 1 })
    expect(await exchange(a, nlex.update(11, { flags: NLM_F_ECHO }), request)).toEqual([
      acknowledgement(request, a),
    ])
  })

  it('UPD+ECHO, A subscribed: exactly one copy', async () => {
    using subscriber = openGeneric(nlex.byMembership)
    expect(await exchange(subscriber, nlex.update(12, { flags: NLM_F_ECHO, sequence: 2 }))).toEqual([
      nlex.notification(12, subscriber, 2),
    ])
  })

  it('GET+ECHO: as GET', async () => {
    a.send(nlex.update(13))
    expect(await exchange(a, nlex.get({ flags: NLM_F_ECHO, sequence: 3 }))).toEqual([nlex.reply(13, a, 3)])
  })
})

describe('attributes', () => {
  it.each([0x01020304, 65536])('NLA_F_NET_BYTEORDER set: accepted, not swapped: %i', async value => {
    a.send(nlex.update(attr.u32(NLE_MYVAR | NLA_F_NET_BYTEORDER, value)))
    expect(await exchange(a, nlex.get())).toEqual([nlex.reply(value, a)])
  })

  it('NLE_MYVAR twice: the last wins', async () => {
    a.send(nlex.update(Buffer.concat([1, 2].map(value => attr.u32(NLE_MYVAR, value)))))
    expect(await exchange(a, nlex.get())).toEqual([nlex.reply(2, a)])
  })
})

describe('what the header may be', () => {
  it.each([0, 2, 255])('version %i: accepted', async version => {
    const request = nlex.update(version + 20, { version, flags: ACK })
    expect(await exchange(a, request, nlex.get({ version, sequence: 1 }))).toEqual([
      acknowledgement(request, a),
      nlex.reply(version + 20, a, 1),
    ])
  })

  it.each([0, 1, 2, 3, 4, 15])('type %i with ACK: ack 0, nothing done', async type => {
    a.send(nlex.update(30))
    const good = nlex.update(31)
    const request = encodeMessage({ type, flags: 1 | ACK, sequence: 1 }, good.subarray(16))
    expect(await exchange(a, request)).toEqual([acknowledgement(request, a)])
    expect(await exchange(a, nlex.get())).toEqual([nlex.reply(30, a)])
  })

  it('no REQUEST flag: not handled; ack 0 if ACK is set, else nothing', async () => {
    a.send(nlex.update(32))
    const payload = nlex.update(33).subarray(16)
    const silent = encodeMessage({ type: nlex.family, sequence: 1 }, payload)
    const asking = encodeMessage({ type: nlex.family, flags: ACK, sequence: 2 }, payload)
    expect(await exchange(a, silent, asking)).toEqual([acknowledgement(asking, a)])
    expect(await exchange(a, nlex.get())).toEqual([nlex.reply(32, a)])
  })

  it.each(['0x100', '0x8000'])(
    'flag %s on UPD: 5.10 accepts; 6.1+: EINVAL "ambiguous or reserved bits set in nlmsg_flags"',
    async flag => {
      using e = openGeneric({ extendedAck: true })
      e.send(nlex.update(34))
      const request = nlex.update(35, { flags: Number(flag) | ACK, sequence: 1 })
      const strict = kernel.since('6.1')
      expect(await exchange(e, request)).toEqual([
        strict
          ? refusal(request, e, 'EINVAL', {
              reason: { message: 'ambiguous or reserved bits set in nlmsg_flags' },
            })
          : acknowledgement(request, e),
      ])
      expect(await exchange(e, nlex.get())).toEqual([nlex.reply(strict ? 34 : 35, e)])
    },
  )

  it.each([1, 0xffff])(
    'genlmsghdr.reserved %i: 5.10 accepts; 6.1+: EINVAL "genlmsghdr.reserved field is not 0"',
    async reserved => {
      using e = openGeneric({ extendedAck: true })
      e.send(nlex.update(36))
      const request = nlex.update(37, { reserved, flags: ACK, sequence: 1 })
      const strict = kernel.since('6.1')
      expect(await exchange(e, request)).toEqual([
        strict
          ? refusal(request, e, 'EINVAL', { reason: { message: 'genlmsghdr.reserved field is not 0' } })
          : acknowledgement(request, e),
      ])
      expect(await exchange(e, nlex.get())).toEqual([nlex.reply(strict ? 36 : 37, e)])
    },
  )
})

describe('several messages in a datagram', () => {
  it('all handled in order, each with its own reply or ack datagram; an error does not stop the rest', async () => {
    using subscriber = openGeneric(nlex.byMembership)
    const first = nlex.update(1, { flags: ACK, sequence: 1 })
    const bad = nlex.update(Buffer.alloc(0), { sequence: 3 })
    const last = nlex.update(2, { flags: ACK, sequence: 4 })
    expect(
      await exchange(a, datagram(first, nlex.get({ sequence: 2 }), bad, last, nlex.get({ sequence: 5 }))),
    ).toEqual([
      acknowledgement(first, a),
      nlex.reply(1, a, 2),
      refusal(bad, a, 'EINVAL'),
      acknowledgement(last, a),
      nlex.reply(2, a, 5),
    ])
    expect(await heard(subscriber)).toEqual([nlex.notification(1, a, 1), nlex.notification(2, a, 4)])
  })

  it.each([
    ['past the end', 64],
    ['< 16', 15],
    ['0', 0],
  ])(
    'nlmsg_len %s: the rest of the datagram is dropped silently, what came before is handled',
    async (_n, length) => {
      const good = nlex.update(40, { flags: ACK, sequence: 1 })
      const bad = nlex.update(41, { flags: ACK, sequence: 2 })
      bad.writeUInt32LE(length, 0)
      expect(await exchange(a, datagram(good, bad), bad)).toEqual([acknowledgement(good, a)])
      expect(await exchange(a, nlex.get())).toEqual([nlex.reply(40, a)])
    },
  )

  it.each([8, 15])('an %i-byte datagram: nothing', async count => {
    a.send(nlex.update(42))
    expect(await exchange(a, nlex.update(43, { flags: ACK }).subarray(0, count))).toEqual([])
    expect(await exchange(a, nlex.get())).toEqual([nlex.reply(42, a)])
  })
})
