// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  attr,
  attributes,
  encodeGenericHeader,
  encodeMessage,
  formatDatagram,
  formatError,
  formatMessage,
  GENL_ID_CTRL,
  type KernelError,
  Message,
  NETLINK_GENERIC,
  NETLINK_ROUTE,
  NETLINK_SOCK_DIAG,
  NLMSG_NOOP,
  nlctrl,
  payload,
  rtnetlink,
  Socket,
  string,
  struct,
  traceTo,
  u8,
} from '../index.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const route = { protocol: NETLINK_ROUTE }

describe('a message as text', () => {
  it('of a known family', () => {
    const parts = rtnetlink.link.encode({
      header: { index: 1, flags: 73, type: 772 },
      attributes: {
        ifname: 'v0',
        mtu: 1500,
        address: '02:00:00:00:00:01',
        operstate: 'UP',
        linkinfo: { kind: 'veth', data: { peer: { attributes: { ifname: 'v1' } } } },
        propList: { altIfname: ['a', 'b'] },
        carrier: 1,
      },
    })
    const message = encodeMessage(
      { type: 16, flags: 0x605, sequence: 7, portId: 4711 },
      ...parts,
      attr.u32(999, 1),
    )
    expect(formatDatagram(message, route)).toBe(`\
RTM_NEWLINK: 152 bytes, flags REQUEST|ACK|EXCL|CREATE, seq 7, pid 4711
  family 0, type 772, index 1, flags 73, change 0
  ifname: "v0"
  mtu: 1500
  address: "02:00:00:00:00:01"
  operstate: "UP"
  linkinfo:
    kind: "veth"
    data:
      peer:
        family 0, type 0, index 0, flags 0, change 0
        ifname: "v1"
  propList:
    altIfname: ["a"]
    altIfname: ["b"]
  carrier: 1
  999: 01 00 00 00 (1)`)
  })

  it('of generic netlink, arrays and all', () => {
    const parts = nlctrl.encode({
      header: { command: 1, version: 2 },
      attributes: { familyId: 16, groups: [{ name: 'notify', id: 16 }] },
    })
    expect(formatDatagram(encodeMessage({ type: 16 }, ...parts), { protocol: NETLINK_GENERIC })).toBe(`\
CTRL_CMD_NEWFAMILY: 56 bytes, flags 0, seq 0, pid 0
  command 1, version 2, reserved 0
  familyId: 16
  groups:
    [1]:
      name: "notify"
      id: 16`)
  })

  it('of a family that nobody has described', () => {
    const known = attr.nested(2, attr.string(1, 'text'), attr.nested(3))
    expect(formatDatagram(encodeMessage({ type: 40, flags: 0x12 }, attr.u8(1, 5), known))).toBe(`\
type 40: 44 bytes, flags MULTI|DUMP_INTR, seq 0, pid 0
  1: 05 (5)
  2:
    1: 74 65 78 74 00 "text"
    3:`)
    const generic = encodeMessage({ type: 40 }, encodeGenericHeader({ command: 3 }), attr.flag(9))
    expect(formatDatagram(generic)).toContain('\n  header: 03 01 00 00\n  9: (empty)')
    expect(formatDatagram(encodeMessage({ type: 40 }, hex('0102030405')))).toContain('\n  01 02 03 04 05')
  })

  it('of the caller’s own', () => {
    const own = payload(struct({ command: u8 }), attributes({ name: [1, string] }))
    const options = {
      describe: ({ type }: Message) => (type === 77 ? { name: 'HELLO', schema: own } : undefined),
    }
    const message = encodeMessage(
      { type: 77 },
      ...own.encode({ header: { command: 4 }, attributes: { name: 'x' } }),
    )
    expect(formatDatagram(message, options)).toBe(
      'HELLO: 26 bytes, flags 0, seq 0, pid 0\n  command 4\n  name: "x"'.replace(
        '26',
        String(message.readUInt32LE()),
      ),
    )
  })

  it('malformed ones', () => {
    expect(formatDatagram(hex('0102'))).toContain('malformed, 2 bytes are less')
    const stray = Buffer.concat([encodeMessage({ type: 77, sequence: 5 }), hex('010203')])
    expect(formatDatagram(stray)).toMatch(
      /^.*16 bytes, flags 0, seq 5, pid 0\nmalformed, message 2 of the datagram: 3 bytes .* \(at byte 16\): 01 02 03$/,
    )
    expect(formatDatagram(encodeMessage({ type: 16 }, hex('01')), route)).toContain(
      'malformed, a payload shorter',
    )
    const broken = encodeMessage({ type: 16 }, Buffer.alloc(16), attr.u8(4, 1), hex('0300 0100'))
    expect(formatDatagram(broken, route)).toContain('\n  malformed: 05 00 04 00 01')
    expect(formatDatagram(encodeMessage({ type: 16 }, Buffer.alloc(16), attr.u8(4, 1)), route)).toContain(
      '\n  mtu: malformed: 01',
    )
    expect(formatDatagram(encodeMessage({ type: 2 }))).toContain('malformed')
    expect(formatDatagram(encodeMessage({ type: 20 }), { protocol: NETLINK_SOCK_DIAG })).toContain(
      'SOCK_DIAG',
    )
  })

  it('any bytes', () => {
    const protocol = fc.constantFrom(undefined, NETLINK_ROUTE, NETLINK_GENERIC, NETLINK_SOCK_DIAG)
    const type = fc.integer({ min: 0, max: 30 })
    fc.assert(
      fc.property(protocol, type, fc.uint8Array({ maxLength: 80 }), (p, t, b) => {
        const options = p === undefined ? {} : { protocol: p }
        expect(formatDatagram(b, options)).toEqual(expect.any(String))
        expect(formatMessage(new Message(encodeMessage({ type: t }, b)), options)).toEqual(expect.any(String))
      }),
    )
  })
})

describe('failures and traces', () => {
  it('an error with the request it is about', async () => {
    using socket = Socket.open(NETLINK_ROUTE)
    const error: KernelError = await rtnetlink.getLink(socket, 'much too long a name').catch(reason => reason)
    const text = formatError(error, route)
    expect(text).toMatch(
      /^ERANGE: .*, attribute ifname at offset 32\n {2}NLMSG_ERROR: \d+ bytes, flags ACK_TLVS/,
    )
    expect(text).toMatch(/\n {4}attribute at offset: 32 \(ifname\)\n/)
    expect(text).toContain('\n    request:\n')
    expect(text).toContain('\n        ifname: "much too long a name"')
  })

  it('a trace of what is sent and received', async () => {
    const lines: string[] = []
    using socket = Socket.open(NETLINK_GENERIC, {
      trace: traceTo(text => lines.push(text), { protocol: NETLINK_GENERIC }),
    })
    await socket.request({ type: NLMSG_NOOP })
    await socket.request(
      { type: GENL_ID_CTRL },
      nlctrl.encode({ header: { command: 3 }, attributes: { familyName: 'nlctrl' } }),
    )
    expect(lines.map(text => text.split('\n').slice(0, 2).join(' '))).toEqual([
      expect.stringMatching(
        /^sent to the kernel, 16 bytes {3}NLMSG_NOOP: 16 bytes, flags REQUEST\|ACK, seq 1, pid /,
      ),
      expect.stringMatching(
        /^received from the kernel, 36 bytes {3}NLMSG_ERROR: 36 bytes, flags CAPPED, seq 1/,
      ),
      expect.stringMatching(/CTRL_CMD_GETFAMILY/),
      expect.stringMatching(/CTRL_CMD_NEWFAMILY/),
      expect.stringMatching(/NLMSG_ERROR/),
    ])
    expect(lines[1]).toContain('\n    acknowledgement')
    expect(lines[3]).toContain('\n    familyName: "nlctrl"')
  })
})

it('flags above 0x100 have the names that they have in each kind of message', () => {
  const flagsOf = (type: number, flags: number, protocol?: number) =>
    /flags (\S+),/.exec(
      formatDatagram(encodeMessage({ type, flags }), protocol === undefined ? {} : { protocol }),
    )?.[1]
  expect(flagsOf(18, 0x305, NETLINK_ROUTE)).toBe('REQUEST|ACK|DUMP')
  expect(flagsOf(18, 0x101, NETLINK_ROUTE)).toBe('REQUEST|ROOT')
  expect(flagsOf(16, 0x501, NETLINK_ROUTE)).toBe('REQUEST|REPLACE|CREATE')
  expect(flagsOf(17, 0x201, NETLINK_ROUTE)).toBe('REQUEST|BULK')
  expect(flagsOf(31, 0x301, NETLINK_GENERIC)).toBe('REQUEST|DUMP')
  expect(flagsOf(31, 0x101, NETLINK_GENERIC)).toBe('REQUEST|0x100')
  // A protocol of somebody's own.
  expect(flagsOf(18, 0x301)).toBe('REQUEST|0x300')
})

it('control characters in names are shown, those beyond ASCII as well', () => {
  const text = formatDatagram(
    encodeMessage({ type: 16 }, Buffer.alloc(16), attr.string(3, 'a\u009b2J\u202eb')),
    route,
  )
  expect(text).toContain('"a\\u009b2J\\u202eb')
})
