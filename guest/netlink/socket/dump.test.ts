// SPDX-License-Identifier: MIT
/** Dumps, on families that every kernel has. Devices are made in network namespaces of their own. */
import { describe, expect, it } from 'vitest'
import {
  attr,
  ClosedError,
  type Dump,
  DumpInterruptedError,
  encodeGenericHeader,
  encodeMessage,
  findAttribute,
  GENL_HDRLEN,
  GENL_ID_CTRL,
  KernelError,
  Message,
  NETLINK_GENERIC,
  NETLINK_NETFILTER,
  NETLINK_ROUTE,
  NETLINK_USERSOCK,
  NLM_F_ACK,
  NLM_F_ACK_TLVS,
  NLM_F_CREATE,
  NLM_F_DUMP_INTR,
  NLM_F_EXCL,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_NOOP,
  OverflowError,
  parseDone,
  Socket,
  TimeoutError,
  type TraceEvent,
} from '../index.ts'
import { canMakeNamespaces, TestNamespace } from './test-namespace.ts'

const RTM_NEWLINK = 16
const RTM_DELLINK = 17
const RTM_GETLINK = 18
const IFLA_IFNAME = 3
const isRoot = process.geteuid?.() === 0
const families = [encodeGenericHeader({ command: 3, version: 2 })] as const
const ifinfomsg = Buffer.alloc(16)
const nameOf = (message: Message) => findAttribute(message.attributes(GENL_HDRLEN), 2)?.string()

describe('a dump', () => {
  it('is iterated message by message', async () => {
    using socket = Socket.open(NETLINK_GENERIC)
    const dump = socket.dump({ type: GENL_ID_CTRL }, families)
    const names: (string | undefined)[] = []
    for await (const message of dump) {
      expect(message.type).toBe(GENL_ID_CTRL)
      expect(message.flags & NLM_F_MULTI).toBe(NLM_F_MULTI)
      names.push(nameOf(message))
    }
    expect(names).toContain('nlctrl')
    expect([dump.isInterrupted, dump.attempts]).toEqual([false, 1])
    expect(socket.receiveNow()).toBeUndefined()
  })

  it('is collected', async () => {
    using socket = Socket.open(NETLINK_GENERIC)
    expect((await socket.dump({ type: GENL_ID_CTRL }, families).collect()).map(nameOf)).toContain('nlctrl')
  })

  it('sends nothing before it is iterated', () => {
    using socket = Socket.open(NETLINK_GENERIC)
    socket.dump({ type: GENL_ID_CTRL }, families)
    expect(socket.receiveNow()).toBeUndefined()
  })

  it('several at the same time take turns, requests between them do not wait', async () => {
    using socket = Socket.open(NETLINK_GENERIC)
    const [first, answer, second, third] = await Promise.all([
      socket.dump({ type: GENL_ID_CTRL }, families).collect(),
      socket.request({ type: NLMSG_NOOP }),
      socket.dump({ type: GENL_ID_CTRL }, families).collect(),
      socket.dump({ type: GENL_ID_CTRL }, families).collect(),
    ])
    expect(answer).toEqual([])
    expect(second.map(nameOf)).toEqual(first.map(nameOf))
    expect(third.map(nameOf)).toEqual(first.map(nameOf))
  })

  it('left early: the rest is discarded, and the socket goes on', async () => {
    using socket = Socket.open(NETLINK_GENERIC)
    for (let i = 0; i < 3; i++) {
      for await (const message of socket.dump({ type: GENL_ID_CTRL }, families)) {
        expect(nameOf(message)).toBe('nlctrl')
        break
      }
      expect(socket.receiveNow()).toBeUndefined()
    }
    expect(await socket.request({ type: NLMSG_NOOP })).toEqual([])
  })

  it('refused by the kernel, at once', async () => {
    using socket = Socket.open(NETLINK_ROUTE, { strictCheck: true })
    const refused = socket.dump({ type: RTM_GETLINK }, [Buffer.alloc(3)]).collect()
    await expect(refused).rejects.toMatchObject({ name: 'KernelError', code: 'EINVAL' })
    await expect(refused).rejects.toThrow(KernelError)
    expect((await socket.dump({ type: RTM_GETLINK }, [ifinfomsg]).collect()).length).toBeGreaterThan(0)
  })

  it('of a type that knows no dumps: the acknowledgement ends it', async () => {
    using socket = Socket.open(NETLINK_ROUTE)
    expect(await socket.dump({ type: NLMSG_NOOP }).collect()).toEqual([])
  })

  it('ends with the signal’s reason, and when the socket is closed', async () => {
    const socket = Socket.open(NETLINK_GENERIC)
    const aborted = { signal: AbortSignal.abort(new Error('enough')) }
    await expect(socket.dump({ type: GENL_ID_CTRL }, families, aborted).collect()).rejects.toThrow('enough')
    const iterator = socket.dump({ type: GENL_ID_CTRL }, families)[Symbol.asyncIterator]()
    await iterator.next()
    const waiting = socket.dump({ type: GENL_ID_CTRL }, families).collect()
    socket.close()
    await expect(waiting).rejects.toThrow(ClosedError)
    await expect(socket.dump({ type: GENL_ID_CTRL }, families).collect()).rejects.toThrow(ClosedError)
  })

  it('is ended by the signal also between two parts', async () => {
    using socket = Socket.open(NETLINK_GENERIC)
    const controller = new AbortController()
    const dump = socket.dump({ type: GENL_ID_CTRL }, families, { signal: controller.signal })
    const seen: (string | undefined)[] = []
    const iterate = async () => {
      for await (const message of dump) {
        seen.push(nameOf(message))
        controller.abort(new Error('enough'))
      }
    }
    await expect(iterate()).rejects.toThrow('enough')
    expect(seen.length).toBeGreaterThan(0)
    expect(await socket.request({ type: NLMSG_NOOP })).toEqual([])
  })

  it('that waits for its turn has a deadline', async () => {
    using socket = Socket.open(NETLINK_GENERIC)
    const iterator = socket.dump({ type: GENL_ID_CTRL }, families)[Symbol.asyncIterator]()
    await iterator.next()
    const late = socket.dump({ type: GENL_ID_CTRL }, families, { timeout: 1 })
    await expect(late.collect()).rejects.toThrow(TimeoutError)
    await iterator.return()
    expect((await socket.dump({ type: GENL_ID_CTRL }, families).collect()).length).toBeGreaterThan(0)
  })

  it('an error with NLMSG_DONE, and its extended acknowledgement', () => {
    const done = new Message(
      encodeMessage(
        { type: NLMSG_DONE, flags: NLM_F_MULTI | NLM_F_ACK_TLVS, sequence: 7 },
        Buffer.from('eaffffff', 'hex'),
        attr.string(1, 'no such thing here'),
      ),
    )
    expect(parseDone(done, Buffer.alloc(16))).toMatchObject({
      errno: 22,
      extendedAck: { message: 'no such thing here' },
    })
  })
})

describe.runIf(canMakeNamespaces)('a dump of what changes meanwhile', () => {
  const veth = (name: string, peer: string) => [
    ifinfomsg,
    attr.string(IFLA_IFNAME, name),
    attr.nested(
      18,
      attr.string(1, 'veth'),
      attr.nested(2, attr.nested(1, ifinfomsg, attr.string(IFLA_IFNAME, peer))),
    ),
  ]
  /** Enough for a dump of several datagrams, of 32 KiB at most */
  const pairs = 35
  const flags = NLM_F_CREATE | NLM_F_EXCL
  async function openWithLinks(namespace: TestNamespace): Promise<Socket> {
    const socket = Socket.open(NETLINK_ROUTE, { namespace: namespace.fd })
    await socket.batch(
      Array.from({ length: pairs }, (_, i) => ({
        type: RTM_NEWLINK,
        flags,
        parts: veth(`veth${i}`, `peer${i}`),
      })),
    )
    return socket
  }

  it('NLM_F_DUMP_INTR is visible, and retried on request', async () => {
    using namespace = new TestNamespace()
    using socket = await openWithLinks(namespace)
    using other = Socket.open(NETLINK_ROUTE, { namespace: namespace.fd })
    let added = pairs
    const change = () => other.request({ type: RTM_NEWLINK, flags }, veth(`veth${added}`, `peer${added++}`))

    const dump = socket.dump({ type: RTM_GETLINK }, [ifinfomsg])
    const seen: boolean[] = []
    let count = 0
    for await (const message of dump) {
      if (count++ === 0) await change()
      seen.push((message.flags & NLM_F_DUMP_INTR) !== 0)
    }
    expect(seen[0]).toBe(false)
    expect(seen).toContain(true)
    expect(dump.isInterrupted).toBe(true)

    // without disturbance no retry is needed
    const calm = socket.dump({ type: RTM_GETLINK }, [ifinfomsg], { retries: 3 })
    const names = (await calm.collect()).map(m => findAttribute(m.attributes(16), IFLA_IFNAME)?.string())
    expect(names).toHaveLength(2 * added + 1)
    expect(new Set(names).size).toBe(names.length)
    expect([calm.isInterrupted, calm.attempts]).toEqual([false, 1])
  })

  it('retries until it is calm, or they are used up', async () => {
    using namespace = new TestNamespace()
    using socket = await openWithLinks(namespace)
    using other = Socket.open(NETLINK_ROUTE, { namespace: namespace.fd })
    /** Changes the list between the parts of a dump during its first `attempts` attempts. */
    async function disturb(dump: Dump, attempts: number): Promise<void> {
      while (dump.attempts <= attempts) {
        await other.request({ type: RTM_NEWLINK, flags }, veth('extra', 'extrapeer'))
        await other.request({ type: RTM_DELLINK }, [ifinfomsg, attr.string(IFLA_IFNAME, 'extra')])
      }
    }
    const calmed = socket.dump({ type: RTM_GETLINK }, [ifinfomsg], { retries: 5 })
    const [messages] = await Promise.all([calmed.collect(), disturb(calmed, 2)])
    expect(calmed.attempts).toBeGreaterThanOrEqual(3)
    expect(messages.every(m => (m.flags & NLM_F_DUMP_INTR) === 0)).toBe(true)
    expect(messages).toHaveLength(2 * pairs + 1)

    const failing = socket.dump({ type: RTM_GETLINK }, [ifinfomsg], { retries: 1 })
    const failed = failing.collect().finally(() => {
      failing.attempts = Infinity
    })
    const disturbed = disturb(failing, 2)
    await expect(failed).rejects.toThrow(new DumpInterruptedError(2))
    await disturbed
  })
})

describe('a batch', () => {
  const getFamily = (name: string) => ({
    type: GENL_ID_CTRL,
    parts: [encodeGenericHeader({ command: 3, version: 2 }), attr.string(2, name)],
  })

  it('has a result for each request, in their order', async () => {
    using socket = Socket.open(NETLINK_GENERIC)
    const results = await socket.batch([
      getFamily('nlctrl'),
      getFamily('nosuch'),
      { type: NLMSG_NOOP },
      getFamily('nlctrl'),
    ])
    expect(
      results.map(r => (r.status === 'fulfilled' ? r.value.map(nameOf) : (r.reason as KernelError).code)),
    ).toEqual([['nlctrl'], 'ENOENT', [], ['nlctrl']])
    expect(await socket.batch([])).toEqual([])
  })

  it('acknowledgements, replies, errors and what is no answer to it come in any order', async () => {
    const noop = { type: NLMSG_NOOP }
    const requests = [noop, noop, getFamily('nlctrl'), noop, getFamily('nosuch'), noop, getFamily('nlctrl')]
    const outcomes = [[], [], ['nlctrl'], [], 'ENOENT', [], ['nlctrl']]
    const received: number[] = []
    const trace = ({ direction }: TraceEvent) => received.push(direction === 'received' ? 1 : 0)
    for (const options of [{}, { trace }]) {
      using socket = Socket.open(NETLINK_GENERIC, options)
      // acknowledged as well, but no request of the socket
      const own = { type: NLMSG_NOOP, flags: NLM_F_REQUEST | NLM_F_ACK, sequence: 0xabcdef }
      socket.send(encodeMessage(own))
      const batches = await Promise.all([socket.batch(requests), socket.batch(requests)])
      for (const results of batches)
        expect(
          results.map(r => (r.status === 'fulfilled' ? r.value.map(nameOf) : (r.reason as KernelError).code)),
        ).toEqual(outcomes)
      expect(socket.receiveNow()?.first()).toMatchObject({ isAcknowledgement: true, sequence: 0xabcdef })
      expect(socket.receiveNow()).toBeUndefined()
    }
    // a trace has all: the acknowledgement of the message sent by hand, and for each batch six, an error, and
    // two replies
    expect(received.filter(Boolean)).toHaveLength(1 + 2 * 9)
  })

  it('too large for the send buffer: nothing is sent', async () => {
    using socket = Socket.open(NETLINK_ROUTE, { sendBuffer: 4608 })
    const large = { type: NLMSG_NOOP, parts: [Buffer.alloc(8192)] }
    await expect(socket.batch([large, large])).rejects.toThrow('sendto: EMSGSIZE')
    expect(await socket.request({ type: NLMSG_NOOP })).toEqual([])
  })

  it('with more answers than the receive buffer holds: who has none fails with an OverflowError', async () => {
    using socket = Socket.open(NETLINK_ROUTE, { receiveBuffer: 4096 })
    const results = await socket.batch(Array.from({ length: 64 }, () => ({ type: NLMSG_NOOP })))
    const answered = results.findIndex(r => r.status === 'rejected')
    expect(answered).toBeGreaterThan(0)
    for (const [i, result] of results.entries()) {
      if (i < answered) expect(result).toEqual({ status: 'fulfilled', value: [] })
      else expect(result).toMatchObject({ status: 'rejected', reason: expect.any(OverflowError) })
    }
    // a receiver is told as well, and then the socket goes on
    await expect(socket.receive()).rejects.toThrow(OverflowError)
    expect(await socket.request({ type: NLMSG_NOOP })).toEqual([])
  })

  it.runIf(canMakeNamespaces)('of nfnetlink: BEGIN and END are not waited for', async () => {
    using namespace = new TestNamespace()
    using socket = Socket.open(NETLINK_NETFILTER, { namespace: namespace.fd })
    // struct nfgenmsg: the resource is NFNL_SUBSYS_NFTABLES; NFT_MSG_NEWTABLE
    const mark = [Buffer.from([0, 0, 0, 10])]
    const table = {
      type: 0xa00,
      flags: NLM_F_CREATE,
      parts: [Buffer.from([2, 0, 0, 0]), attr.string(1, 'vmtest')],
    }
    const results = await socket.batch([{ type: 16, parts: mark }, table, { type: 17, parts: mark }])
    // a kernel without nf_tables refuses BEGIN
    const refused = { status: 'rejected', reason: { code: 'EOPNOTSUPP' } }
    if (results[0]?.status === 'rejected') expect(results).toMatchObject([refused, refused, refused])
    else expect(results).toEqual(Array(3).fill({ status: 'fulfilled', value: [] }))
    expect(socket.receiveNow()).toBeUndefined()
  })

  it('is not sent when the signal is aborted already', async () => {
    using socket = Socket.open(NETLINK_USERSOCK)
    const batch = [{ type: NLMSG_NOOP }]
    await expect(socket.batch(batch, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    )
  })
})

describe('a subscription', () => {
  it.runIf(isRoot)('hands out messages with the datagram they came in', async () => {
    using sender = Socket.open(NETLINK_USERSOCK)
    using socket = Socket.open(NETLINK_USERSOCK, { packetInfo: true })
    await using subscription = socket.subscribe({ groups: [5] })
    expect(socket.memberships()).toEqual([5])
    const message = (sequence: number) =>
      Buffer.from(`1000000010000000${sequence.toString(16).padStart(2, '0')}00000000000000`, 'hex')
    sender.send(Buffer.concat([message(1), message(2)]), { groups: 16, portId: sender.portId })
    sender.send(message(3), { groups: 16, portId: sender.portId })
    const seen: unknown[] = []
    for await (const event of subscription) {
      if (event.kind !== 'message') throw event.error
      seen.push([event.message.sequence, event.datagram.group, event.datagram.portId])
      if (seen.length === 3) break
    }
    expect(seen).toEqual([1, 2, 3].map(sequence => [sequence, 5, sender.portId]))
    expect(socket.memberships()).toEqual([])
  })

  it.runIf(isRoot)('says that messages were lost, and goes on', async () => {
    using socket = Socket.open(NETLINK_USERSOCK, { receiveBuffer: 4096, memberships: [1] })
    using twin = Socket.open(NETLINK_USERSOCK, { receiveBuffer: 4096, memberships: [1] })
    const subscription = socket.subscribe({ groups: [1] })
    const message = (length: number, sequence: number) => {
      const bytes = Buffer.alloc(length)
      bytes.writeUInt32LE(length)
      bytes.writeUInt32LE(sequence, 8)
      return bytes
    }
    for (let round = 1; round <= 2; round++) {
      using sender = Socket.open(NETLINK_USERSOCK)
      const send = (bytes: Buffer) => sender.send(bytes, { groups: 1, portId: sender.portId })
      for (let i = 0; i < 100; i++) send(message(512, 0))
      expect(await subscription.next()).toMatchObject({ value: { kind: 'lost', error: { code: 'ENOBUFS' } } })
      // how many fit
      let count = 0
      expect(() => twin.receiveNow()).toThrow(OverflowError)
      while (twin.receiveNow()) count++
      expect(count).toBeGreaterThan(0)
      for (let i = 0; i < count; i++)
        expect(await subscription.next()).toMatchObject({ value: { message: { sequence: 0 } } })
      send(message(16, round))
      expect(await subscription.next()).toMatchObject({ value: { message: { sequence: round } } })
      expect(twin.receiveNow()?.bytes).toHaveLength(16)
    }
    await subscription.return()
    // the socket was in the group before
    expect(socket.memberships()).toEqual([1])
    expect(await subscription.next()).toEqual({ done: true, value: undefined })
  })

  it('hands back what it has read ahead, and is ended by a signal also if there is more', async () => {
    using sender = Socket.open(NETLINK_USERSOCK)
    using socket = Socket.open(NETLINK_USERSOCK)
    const send = (sequence: number) =>
      sender.send(encodeMessage({ type: 16, sequence }), { portId: socket.portId })
    for (const sequence of [1, 2, 3, 4]) send(sequence)
    const controller = new AbortController()
    const subscription = socket.subscribe({ signal: controller.signal })
    expect(await subscription.next()).toMatchObject({ value: { message: { sequence: 1 } } })
    expect(await subscription.next()).toMatchObject({ value: { message: { sequence: 2 } } })
    controller.abort(new Error('enough'))
    await expect(subscription.next()).rejects.toThrow('enough')
    await subscription.return()
    const rest = [await socket.receive(), await socket.receive()]
    expect(rest.map(datagram => datagram.first().sequence)).toEqual([3, 4])
    expect(socket.receiveNow()).toBeUndefined()
    send(5)
    send(6)
    expect(socket.receiveReady().map(datagram => datagram.first().sequence)).toEqual([5, 6])
    expect(socket.receiveReady()).toEqual([])
  })

  it.runIf(isRoot)('passes over what other processes send, or hands it out if told so', async () => {
    using sender = Socket.open(NETLINK_GENERIC)
    using socket = Socket.open(NETLINK_GENERIC, { timeout: 20 })
    sender.send(Buffer.alloc(16, 1), { portId: socket.portId })
    await expect(socket.subscribe().next()).rejects.toThrow(TimeoutError)
    sender.send(Buffer.from('no message at all'), { portId: socket.portId })
    expect(await socket.subscribe({ fromKernel: false }).next()).toMatchObject({
      value: { kind: 'malformed', datagram: { portId: sender.portId } },
    })
  })

  it('ends with the signal’s reason, and when the socket is closed', async () => {
    const socket = Socket.open(NETLINK_GENERIC)
    const controller = new AbortController()
    const waiting = socket.subscribe({ signal: controller.signal }).next()
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    const subscription = socket.subscribe()
    const next = subscription.next()
    socket.close()
    await expect(next).rejects.toThrow(ClosedError)
    expect(await subscription.return()).toEqual({ done: true, value: undefined })
  })
})
