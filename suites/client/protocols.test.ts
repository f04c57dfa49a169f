// SPDX-License-Identifier: MIT
/** A request on every netlink protocol of the guest's kernel; for others the kernel's error is checked. */

import { writeFileSync } from 'node:fs'
import {
  attr,
  encodeMessage,
  GENL_ID_CTRL,
  GenericFamilies,
  KernelError,
  NETLINK_AUDIT,
  NETLINK_CRYPTO,
  NETLINK_GENERIC,
  NETLINK_KOBJECT_UEVENT,
  NETLINK_NETFILTER,
  NETLINK_ROUTE,
  NETLINK_SELINUX,
  NETLINK_SOCK_DIAG,
  NETLINK_USERSOCK,
  NETLINK_XFRM,
  NLM_F_CREATE,
  rtnetlink,
  Socket,
  SystemCallError,
  sockDiag,
} from 'netlink-vmtest/netlink'
import { NetworkNamespace } from 'netlink-vmtest/testing'
import { describe, expect, it } from 'vitest'

/** The socket, or undefined where the kernel has no such protocol. */
function open(protocol: number, options = {}): Socket | undefined {
  try {
    return Socket.open(protocol, options)
  } catch (error) {
    if (error instanceof SystemCallError && error.code === 'EPROTONOSUPPORT') return undefined
    throw error
  }
}

/** Runs `test` on a protocol, or asserts that the kernel does not have it. */
const talk = (what: string, protocol: number, test: (socket: Socket) => Promise<void>, options = {}) =>
  it(what, async () => {
    using socket = open(protocol, options)
    if (socket === undefined) expect(() => Socket.open(protocol)).toThrow('socket: EPROTONOSUPPORT')
    else await test(socket)
  })

talk('route', NETLINK_ROUTE, async socket => {
  expect((await rtnetlink.getLink(socket, 'lo')).header.index).toBe(1)
})

talk('generic', NETLINK_GENERIC, async () => {
  using families = GenericFamilies.open()
  expect((await families.resolve('nlctrl')).id).toBe(GENL_ID_CTRL)
})

talk('sock_diag', NETLINK_SOCK_DIAG, async socket => {
  const listed = await sockDiag.getNetlinkSockets(socket).catch(reason => reason)
  // without the module netlink_diag the kernel refuses
  if (listed instanceof Error) expect(listed).toMatchObject({ name: 'KernelError', code: 'ENOENT' })
  else expect(listed.some(({ header }: sockDiag.NetlinkSocket) => header.portId === socket.portId)).toBe(true)
})

describe('netfilter', () => {
  const NFNL_BATCH_BEGIN = 16
  const NFNL_BATCH_END = 17
  const NFNL_SUBSYS_NFTABLES = 10
  const NFT_MSG_NEWTABLE = NFNL_SUBSYS_NFTABLES << 8
  const NFT_MSG_GETTABLE = NFT_MSG_NEWTABLE + 1
  const NFTA_TABLE_NAME = 1
  /** struct nfgenmsg: the address family, version 0, a big-endian resource id. */
  const nfgenmsg = (family: number, resource: number) => Buffer.from([family, 0, 0, resource])
  const AF_INET = 2

  it('a batch', async () => {
    using namespace = new NetworkNamespace()
    using socket = namespace.run(() => open(NETLINK_NETFILTER))
    if (socket === undefined) {
      expect(() => Socket.open(NETLINK_NETFILTER)).toThrow('socket: EPROTONOSUPPORT')
      return
    }
    const table = [nfgenmsg(AF_INET, 0), attr.string(NFTA_TABLE_NAME, 'vmtest')]
    const results = await socket.batch([
      { type: NFNL_BATCH_BEGIN, parts: [nfgenmsg(0, NFNL_SUBSYS_NFTABLES)] },
      { type: NFT_MSG_NEWTABLE, flags: NLM_F_CREATE, parts: table },
      { type: NFNL_BATCH_END, parts: [nfgenmsg(0, NFNL_SUBSYS_NFTABLES)] },
    ])
    const [begin] = results
    if (begin?.status === 'rejected') {
      // without nf_tables the refusal of BEGIN is that of all
      expect(results).toMatchObject(Array(3).fill({ reason: { name: 'KernelError', code: 'EOPNOTSUPP' } }))
      return
    }
    expect(results).toEqual(Array(3).fill({ status: 'fulfilled', value: [] }))
    const [got] = await socket.request({ type: NFT_MSG_GETTABLE }, table)
    expect(
      got
        ?.attributes(4)
        .find(({ type }) => type === NFTA_TABLE_NAME)
        ?.string(),
    ).toBe('vmtest')
    expect(socket.lateAnswers).toBe(0)
  })
})

talk('audit', NETLINK_AUDIT, async socket => {
  const AUDIT_GET = 1000
  // struct audit_status: the mask, and whether it is enabled
  const [status] = await socket.request({ type: AUDIT_GET })
  expect(status).toMatchObject({ type: AUDIT_GET })
  expect(status?.payload.length).toBeGreaterThanOrEqual(32)
  await expect(socket.request({ type: 1 << 14 })).rejects.toThrow(KernelError)
})

talk('xfrm', NETLINK_XFRM, async socket => {
  const XFRM_MSG_GETSADINFO = 0x22
  const [info] = await socket.request({ type: XFRM_MSG_GETSADINFO }, [Buffer.alloc(4)])
  // XFRMA_SAD_CNT, after the flags
  expect(
    info
      ?.attributes(4)
      .find(({ type }) => type === 1)
      ?.u32(),
  ).toBe(0)
  // there is none, because nothing has made any
  expect(await socket.dump({ type: 0x12 }).collect()).toEqual([])
})

talk('crypto', NETLINK_CRYPTO, async socket => {
  const CRYPTO_MSG_GETALG = 0x13
  const algorithms = await socket.dump({ type: CRYPTO_MSG_GETALG }, [Buffer.alloc(212)]).collect()
  // struct crypto_user_alg begins with the name
  const names = algorithms.map(({ payload }) => payload.toString('latin1', 0, payload.indexOf(0)))
  expect(names).toContain('sha256')
})

talk(
  'uevent',
  NETLINK_KOBJECT_UEVENT,
  async socket => {
    writeFileSync('/sys/class/net/lo/uevent', 'change')
    // text, no messages: the action and the path, then variables
    const { bytes, portId, groups } = await socket.receive()
    expect([portId, groups]).toEqual([0, 1])
    expect(bytes.toString('latin1').split('\0')).toEqual(
      expect.arrayContaining(['change@/devices/virtual/net/lo', 'ACTION=change', 'INTERFACE=lo']),
    )
  },
  { groups: 1 },
)

talk('usersock', NETLINK_USERSOCK, async socket => {
  using other = Socket.open(NETLINK_USERSOCK)
  other.send(encodeMessage({ type: 16 }, attr.string(1, 'hello')), { portId: socket.portId })
  const datagram = await socket.receive()
  expect(datagram.portId).toBe(other.portId)
  expect(datagram.first().attributes()[0]?.string()).toBe('hello')
})

talk('selinux', NETLINK_SELINUX, async socket => {
  // it only notifies its group of changes, and there are none
  socket.join(1)
  expect(socket.memberships()).toEqual([1])
  expect(socket.receiveNow()).toBeUndefined()
})

it('a name that is no UTF-8 survives a round trip', async () => {
  using namespace = new NetworkNamespace()
  using socket = namespace.run(() => Socket.open(NETLINK_ROUTE))
  // 'a', 0xe9, 0xff in the attribute
  const name = 'a\udce9\udcff'
  await rtnetlink.changeLink(socket, 1, { ifname: name })
  const { attributes } = await rtnetlink.getLink(socket, name)
  expect(attributes.ifname).toBe(name)
  const [raw] = await socket.request(
    { type: rtnetlink.RTM_GETLINK },
    rtnetlink.link.encode({ header: { index: 1 } }),
  )
  const ifname = raw?.attributes(16).find(({ type }) => type === 3)
  expect(ifname?.payload).toEqual(Buffer.from('61e9ff00', 'hex'))
  await rtnetlink.changeLink(socket, name, { ifname: 'lo' })
  expect((await rtnetlink.getLink(socket, 'lo')).header.index).toBe(1)
})
