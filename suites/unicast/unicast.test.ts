// SPDX-License-Identifier: MIT
/** GET and its reply, which goes to the asking socket alone. */
import { attr, NLM_F_ACK, type Socket } from 'netlink-vmtest/netlink'
import { acknowledgement, exchange, heard, loadModule, unloadModule } from 'netlink-vmtest/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { get, NLE_MYVAR, openExample, reply, update } from '../support/nlexample.ts'

let a: Socket
beforeAll(() => loadModule('nlexample'))
afterAll(() => unloadModule('nlexample'))
beforeEach(() => {
  a = openExample()
})
afterEach(() => a.close())

describe('GET', () => {
  it('type 16 (UPD), sequence number of the request, pid A, flags 0, len 24, NLE_MYVAR, byte for byte', async () => {
    a.send(update(0x01020304))
    a.send(get({ sequence: 0x11223344 }))
    const { bytes, portId, groups } = await a.receive()
    const pid = Buffer.alloc(4)
    pid.writeUInt32LE(a.portId)
    // from the kernel, to no group
    expect([portId, groups]).toEqual([0, 0])
    expect(bytes.toString('hex')).toBe(
      [
        '18000000', // nlmsg_len 24
        '1000', // type UPD
        '0000', // flags
        '44332211', // the request's sequence number
        pid.toString('hex'), // A
        '08000100', // nla_len 8, NLE_MYVAR
        '04030201',
      ].join(''),
    )
    expect(await heard(a)).toEqual([])
  })

  it.each([0, 1, 0xffffffff, 65536, 0x01020304])('the value %i', async value => {
    a.send(update(value))
    expect(await exchange(a, get({ sequence: 1 }))).toEqual([reply(value, a, 1)])
  })

  it('does not change the value: twice the same', async () => {
    a.send(update(5))
    expect(await exchange(a, get({ sequence: 1 }), get({ sequence: 2 }))).toEqual([
      reply(5, a, 1),
      reply(5, a, 2),
    ])
  })

  it('what one socket sets another gets', async () => {
    using b = openExample()
    a.send(update(0xffffffff))
    expect(await exchange(b, get({ sequence: 3 }))).toEqual([reply(0xffffffff, b, 3)])
  })

  it('goes to the asking socket only, each its own', async () => {
    using b = openExample()
    a.send(update(6))
    a.send(get({ sequence: 1 }))
    b.send(get({ sequence: 2 }))
    expect(await heard(a)).toEqual([reply(6, a, 1)])
    expect(await heard(b)).toEqual([reply(6, b, 2)])
  })

  it('is not heard by subscribers', async () => {
    using mask = openExample({ groups: 1 })
    using member = openExample({ memberships: [1] })
    await exchange(a, get())
    expect(await heard(mask)).toEqual([])
    expect(await heard(member)).toEqual([])
  })

  it('to a port id that was chosen, also the greatest', async () => {
    for (const portId of [1, 0x7fffffff, 0xfffffffe]) {
      using b = openExample({ portId })
      a.send(update(7))
      expect(await exchange(b, get({ sequence: 4 }))).toEqual([reply(7, { portId }, 4)])
    }
  })
})

describe('GET: header nlmsg_pid forged or 0', () => {
  it.each([0, 1, 0xffffffff])('ignored: %i; the reply comes to the sending socket', async portId => {
    a.send(update(8))
    expect(await exchange(a, get({ sequence: 5, portId }))).toEqual([reply(8, a, 5)])
  })

  it('ignored: the port id of another socket, which hears nothing', async () => {
    using other = openExample()
    a.send(update(9))
    expect(await exchange(a, get({ sequence: 6, portId: other.portId }))).toEqual([reply(9, a, 6)])
    expect(await heard(other)).toEqual([])
  })
})

describe('GET: seq 0 and 0xffffffff', () => {
  it.each([0, 0xffffffff, 0x01020304])('mirrored: %i', async sequence => {
    a.send(update(11))
    expect(await exchange(a, get({ sequence }))).toEqual([reply(11, a, sequence)])
  })
})

describe('GET with a good NLE_MYVAR', () => {
  it('ignored: the value that is, not the one in the request', async () => {
    a.send(update(12))
    expect(await exchange(a, get({ sequence: 8 }, attr.u32(NLE_MYVAR, 13)))).toEqual([reply(12, a, 8)])
    const request = get({ sequence: 9, flags: NLM_F_ACK }, attr.u32(NLE_MYVAR, 13))
    expect(await exchange(a, request)).toEqual([reply(12, a, 9), acknowledgement(request, a)])
  })
})

describe('a datagram without an address, by send(2)', () => {
  it('goes to the kernel as well', async () => {
    a.send(update(14), null)
    a.send(get({ sequence: 10 }), null)
    expect(await heard(a)).toEqual([reply(14, a, 10)])
  })
})
