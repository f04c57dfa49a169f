// SPDX-License-Identifier: MIT
/** Requests that set the variable or do nothing, and their acknowledgements. */
import { encodeMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, type Socket } from 'netlink-vmtest/netlink'
import { acknowledgement, exchange, heard, loadModule, refusal, unloadModule } from 'netlink-vmtest/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { get, NLEX_MSG_GET, NLEX_MSG_UPD, openExample, reply, update } from '../support/nlexample.ts'

const ACK = NLM_F_ACK
/** Values that reveal a wrong width, byte order or sign. */
const values = [0, 1, 0xffffffff, 65536, 0x01020304]

let a: Socket
beforeAll(() => loadModule('nlexample'))
afterAll(() => unloadModule('nlexample'))
beforeEach(() => {
  a = openExample()
})
afterEach(() => a.close())

describe('GET before any UPD', () => {
  // the first test of the file: nothing has set the variable since the module was loaded
  it('value 0', async () => {
    expect(await exchange(a, get({ sequence: 1 }))).toEqual([reply(0, a, 1)])
  })
})

describe('UPD+ACK', () => {
  it('NLMSG_ERROR error 0, sequence number of the request, pid A, flags CAPPED (0x100), len 36, byte for byte', async () => {
    a.send(update(42, { flags: ACK, sequence: 0x11223344 }))
    const { bytes, portId, groups } = await a.receive()
    const pid = Buffer.alloc(4)
    pid.writeUInt32LE(a.portId)
    expect([portId, groups]).toEqual([0, 0])
    expect(bytes.toString('hex')).toBe(
      [
        '24000000', // nlmsg_len 36: 20 and the request's header
        '0200', // NLMSG_ERROR
        '0001', // NLM_F_CAPPED
        '44332211', // the request's sequence number
        pid.toString('hex'), // A
        '00000000', // error 0
        '180000001000050044332211 00000000'.replace(' ', ''), // the request's header as it was sent
      ].join(''),
    )
    expect(await heard(a)).toEqual([])
  })

  it.each(values)('sets the value %i and is acknowledged', async value => {
    const request = update(value, { flags: ACK, sequence: 2 })
    expect(await exchange(a, request)).toEqual([acknowledgement(request, a)])
    expect(await exchange(a, get({ sequence: 3 }))).toEqual([reply(value, a, 3)])
  })

  it('again with the same value', async () => {
    const request = update(7, { flags: ACK })
    expect(await exchange(a, request, request)).toEqual([
      acknowledgement(request, a),
      acknowledgement(request, a),
    ])
  })

  it('goes to the sender only', async () => {
    using other = openExample()
    const request = update(5, { flags: ACK, sequence: 4 })
    expect(await exchange(a, request)).toEqual([acknowledgement(request, a)])
    expect(await heard(other)).toEqual([])
  })

  it('CAP_ACK and EXT_ACK change nothing about an acknowledgement', async () => {
    using b = openExample({ capAck: true, extendedAck: true })
    const request = update(6, { flags: ACK, sequence: 5 })
    expect(await exchange(b, request)).toEqual([acknowledgement(request, b)])
  })
})

describe('UPD, no ACK', () => {
  it.each(values)('nothing comes, and the value is %i', async value => {
    expect(await exchange(a, update(value, { sequence: 6 }))).toEqual([])
    expect(await exchange(a, get({ sequence: 7 }))).toEqual([reply(value, a, 7)])
  })
})

describe('GET+ACK', () => {
  it('the reply, then the ack', async () => {
    a.send(update(0x01020304))
    const request = get({ flags: ACK, sequence: 8 })
    expect(await exchange(a, request)).toEqual([reply(0x01020304, a, 8), acknowledgement(request, a)])
  })

  it('by request() of the client library: the reply alone', async () => {
    a.send(update(65536))
    const replies = await a.request({ type: NLEX_MSG_GET })
    expect(replies.map(message => message.attributes().map(attribute => attribute.u32()))).toEqual([[65536]])
  })
})

describe('GET+DUMP', () => {
  it('the plain reply', async () => {
    a.send(update(9))
    expect(await exchange(a, get({ flags: NLM_F_DUMP, sequence: 9 }))).toEqual([reply(9, a, 9)])
  })
})

describe('seq 0 and 0xffffffff', () => {
  it.each([0, 0xffffffff])('mirrored: %i', async sequence => {
    const set = update(3, { flags: ACK, sequence })
    const ask = get({ flags: ACK, sequence })
    expect(await exchange(a, set, ask)).toEqual([
      acknowledgement(set, a),
      reply(3, a, sequence),
      acknowledgement(ask, a),
    ])
  })
})

describe('header nlmsg_pid forged or 0', () => {
  it.each([0, 1, 0xffffffff])('ignored: %i; the answer comes to the sending socket', async portId => {
    const request = update(4, { flags: ACK, sequence: 10, portId })
    expect(await exchange(a, request)).toEqual([acknowledgement(request, a)])
  })

  it('ignored: the port id of another socket, which hears nothing', async () => {
    using other = openExample()
    const request = update(4, { flags: ACK, sequence: 11, portId: other.portId })
    expect(await exchange(a, request)).toEqual([acknowledgement(request, a)])
    expect(await heard(other)).toEqual([])
  })

  it('the request inside an error echoes it', async () => {
    const request = encodeMessage({ type: 18, flags: NLM_F_REQUEST, sequence: 12, portId: 0xdeadbeef })
    expect(await exchange(a, request)).toEqual([refusal(request, a, 'EOPNOTSUPP')])
  })
})

describe('types 0-4, 15 with ACK', () => {
  it.each([0, 1, 2, 3, 4, 15])('type %i: ack 0, nothing done', async type => {
    a.send(update(77))
    const request = encodeMessage({ type, flags: NLM_F_REQUEST | ACK, sequence: 13 }, update(78).subarray(16))
    expect(await exchange(a, request)).toEqual([acknowledgement(request, a)])
    expect(await exchange(a, get())).toEqual([reply(77, a)])
  })

  it.each([0, 1, 2, 3, 4, 15])('type %i without ACK: nothing comes', async type => {
    expect(await exchange(a, encodeMessage({ type, flags: NLM_F_REQUEST, sequence: 13 }))).toEqual([])
  })
})

describe('no REQUEST flag', () => {
  it.each([
    ['UPD', NLEX_MSG_UPD],
    ['GET', NLEX_MSG_GET],
    ['an unknown type', 18],
  ])('%s with ACK: not handled; ack 0', async (_name, type) => {
    a.send(update(20))
    const request = encodeMessage({ type, flags: ACK, sequence: 14 }, update(21).subarray(16))
    expect(await exchange(a, request)).toEqual([acknowledgement(request, a)])
    expect(await exchange(a, get())).toEqual([reply(20, a)])
  })

  it.each([
    ['UPD', NLEX_MSG_UPD],
    ['GET', NLEX_MSG_GET],
    ['an unknown type', 18],
  ])('%s without ACK: nothing', async (_name, type) => {
    a.send(update(22))
    const request = encodeMessage({ type, sequence: 15 }, update(23).subarray(16))
    expect(await exchange(a, request)).toEqual([])
    expect(await exchange(a, get())).toEqual([reply(22, a)])
  })
})

describe('flag 0x100 or 0x8000 on UPD', () => {
  it.each(['0x100', '0x8000'])('flag %s: accepted', async flag => {
    const request = update(0x01020304, { flags: ACK | Number(flag), sequence: 16 })
    expect(await exchange(a, request)).toEqual([acknowledgement(request, a)])
    expect(await exchange(a, get())).toEqual([reply(0x01020304, a)])
  })
})
