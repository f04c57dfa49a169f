// SPDX-License-Identifier: MIT
/** nlcustom: logs the payload, answers the sender, notifies group 2. */
import { encodeMessage, NLM_F_ACK, NLM_F_REQUEST, OverflowError, type Socket } from 'netlink-vmtest/netlink'
import {
  asUser,
  drain,
  heardUntilMarker,
  KernelLog,
  loadModule,
  NetworkNamespace,
  nobody,
  transcript,
  unloadModule,
} from 'netlink-vmtest/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  customAnswer,
  customAnswerBytes,
  customMask,
  customTold,
  customToldBytes,
  NETLINK_MYGROUP,
  openCustom,
} from '../support/nlcustom.ts'

const byMembership = { memberships: [NETLINK_MYGROUP] }
const byMask = { groups: customMask }

const entering = { level: 6, text: 'Entering: custom_nl_receive_message' }
const received = (text: string) => ({ level: 6, text: `Received message: ${text}` })
const message = (
  text: string | Uint8Array,
  header: { flags?: number; portId?: number; sequence?: number } = {},
) => encodeMessage({ type: 0, ...header }, Buffer.from(text))

let a: Socket
let subscriber: Socket
let log: KernelLog
beforeAll(() => loadModule('nlcustom'))
afterAll(() => unloadModule('nlcustom'))
beforeEach(() => {
  a = openCustom()
  subscriber = openCustom(byMembership)
  log = KernelLog.fromNow()
})
afterEach(() => {
  for (const socket of [a, subscriber]) socket.close()
  log[Symbol.dispose]()
})

/** The datagram is logged with this payload and answered once, and the group is notified once. */
async function handled(bytes: Uint8Array, text: string): Promise<void> {
  a.send(bytes)
  expect(log.read()).toEqual([entering, received(text)])
  expect(await heardUntilMarker(a)).toEqual([customAnswer])
  expect(await heardUntilMarker(subscriber)).toEqual([customTold])
}

/** Only the arrival of the datagram is logged. */
async function onlyEntered(bytes: Uint8Array): Promise<void> {
  a.send(bytes)
  expect(log.read()).toEqual([entering])
  expect(await heardUntilMarker(a)).toEqual([])
  expect(await heardUntilMarker(subscriber)).toEqual([])
}

describe('a message', () => {
  it('"Entering: custom_nl_receive_message" and "Received message: <payload>", an answer, the group told', () =>
    handled(message('HELLO KERNEL FROM USER\0'), 'HELLO KERNEL FROM USER'))

  it('answer byte for byte: type 3 (DONE), seq 0, pid 0, flags 0, len 47 in a 48-byte datagram, the text + NUL', async () => {
    a.send(message('x', { sequence: 5 }))
    const { bytes, portId, groups, length } = await a.receive()
    expect([portId, groups, length]).toEqual([0, 0, 48])
    expect(bytes.toString('hex')).toBe(
      `2f000000${'0300'}${'0000'}${'00000000'}${'00000000'}${Buffer.from('HELLO USER UNICAST FROM KERNEL').toString('hex')}0000`,
    )
  })

  it('multicast byte for byte: to group 2 DONE, seq 1, pid 0, len 55 in 56, the text + NUL', async () => {
    a.send(message('x', { sequence: 5 }))
    const { bytes, portId, groups, length } = await subscriber.receive()
    expect([portId, groups, length]).toEqual([0, 2, 56])
    expect(bytes.toString('hex')).toBe(
      `37000000${'0300'}${'0000'}${'01000000'}${'00000000'}${Buffer.from('HELLO USER GROUP MULTICAST FROM KERNEL').toString('hex')}0000`,
    )
  })

  it.each([
    ['none', 0],
    ['ACK', NLM_F_ACK],
    ['REQUEST', NLM_F_REQUEST],
    ['REQUEST and ACK', NLM_F_REQUEST | NLM_F_ACK],
    ['all', 0xffff],
  ])('no ack whatever the flags; REQUEST is not looked at: %s', (_name, flags) =>
    handled(message('flags', { flags }), 'flags'),
  )

  it.each([0, 1, 2, 3, 16, 0xffff])('of any type: %i', type =>
    handled(encodeMessage({ type, flags: NLM_F_REQUEST | NLM_F_ACK }, Buffer.from('type')), 'type'),
  )

  it('by send() without an address: the same', async () => {
    a.send(message('connected'), null)
    expect(log.read()).toEqual([entering, received('connected')])
    expect(await heardUntilMarker(a)).toEqual([customAnswer])
  })

  it('each one its own answer, in order', async () => {
    for (const text of ['one', 'two', 'three']) a.send(message(text))
    expect(log.read()).toEqual(['one', 'two', 'three'].flatMap(text => [entering, received(text)]))
    expect(await heardUntilMarker(a)).toEqual([customAnswer, customAnswer, customAnswer])
    expect(await heardUntilMarker(subscriber)).toEqual([customTold, customTold, customTold])
  })
})

describe("the header's pid is not looked at", () => {
  it.each([
    ['0', () => 0],
    ["another socket's", (other: Socket) => other.portId],
    ['that of nobody', () => 0x7ffffff0],
  ])('%s: the answer goes to the sender', async (_name, pid) => {
    using other = openCustom()
    await handled(message('pid', { portId: pid(other) }), 'pid')
    expect(await heardUntilMarker(other)).toEqual([])
  })

  it('unprivileged with pid 0: the machine goes on', async () => {
    using b = asUser(nobody, () => openCustom())
    asUser(nobody, () => b.send(message('nobody', { portId: 0 })))
    expect(log.read()).toEqual([entering, received('nobody')])
    expect(await heardUntilMarker(b)).toEqual([customAnswer])
  })
})

describe('the payload', () => {
  it('is bounded by nlmsg_len', async () => {
    const bytes = message('0123456789abcdef')
    bytes.writeUInt32LE(16 + 10, 0)
    await handled(bytes, '0123456789')
  })

  it('is bounded by nlmsg_len, though it does not end in NUL and earlier messages were longer', async () => {
    a.send(message('X'.repeat(600)))
    log.read()
    await heardUntilMarker(a)
    await heardUntilMarker(subscriber)
    await handled(message('short'), 'short')
  })

  it('stops at a NUL', () => handled(message('before\0after'), 'before'))

  it('may be empty', () => handled(message(''), ''))

  it.each(['%s%s%s%n', '%p %x %d', '100%'])('is data, never a format string: %s', text =>
    handled(message(text), text),
  )

  it('of 600 bytes is logged whole', () => handled(message('0123456789'.repeat(60)), '0123456789'.repeat(60)))
})

describe('only the first message of a datagram', () => {
  it('one line, one answer', () =>
    handled(Buffer.concat([message('first...'), message('second')]), 'first...'))

  it('nlmsg_len below the datagram: the rest is not looked at', () =>
    handled(Buffer.concat([message('good'), Buffer.alloc(40, 0xff)]), 'good'))
})

describe('a datagram under 16 bytes or with a wrong nlmsg_len: "Entering" only', () => {
  it.each([1, 8, 15])('%i bytes', count => onlyEntered(message('x').subarray(0, count)))

  it.each([0, 1, 15, 25, 1000, 0x7fffffff, 0x80000010, 0xffffffff])('nlmsg_len %i of 24 bytes', length => {
    const bytes = message('12345678')
    bytes.writeUInt32LE(length, 0)
    return onlyEntered(bytes)
  })

  it('0 bytes: ENODATA, no line', () => {
    expect(() => a.send(Buffer.alloc(0))).toThrow('sendto: ENODATA')
    expect(log.read()).toEqual([])
  })
})

describe('group 2', () => {
  it.each([
    ['ADD_MEMBERSHIP', byMembership],
    ['bind mask', byMask],
  ])('a sender in group 2, by %s, gets both, unicast first', async (_name, subscription) => {
    using member = openCustom(subscription)
    member.send(message('member'))
    expect(await heardUntilMarker(member)).toEqual([customAnswer, customTold])
    expect(await heardUntilMarker(subscriber)).toEqual([customTold])
  })

  it('every member is told; who is in no group, or others, is not', async () => {
    using mask = openCustom(byMask)
    using others = openCustom({ groups: ~byMask.groups >>> 0 })
    using first = openCustom({ memberships: [1] })
    using none = openCustom()
    a.send(message('group'))
    for (const socket of [subscriber, mask]) expect(await heardUntilMarker(socket)).toEqual([customTold])
    for (const socket of [others, first, none]) expect(await heardUntilMarker(socket)).toEqual([])
  })

  it('that nobody is in it is no error', async () => {
    subscriber.close()
    a.send(message('alone'))
    expect(log.read()).toEqual([entering, received('alone')])
    expect(await heardUntilMarker(a)).toEqual([customAnswer])
  })

  it('unprivileged may send, may not join group 2', async () => {
    using b = asUser(nobody, () => openCustom())
    asUser(nobody, () => b.send(message('user')))
    expect(log.read()).toEqual([entering, received('user')])
    expect(await heardUntilMarker(b)).toEqual([customAnswer])
    expect(await heardUntilMarker(subscriber)).toEqual([customTold])
    expect(() => asUser(nobody, () => b.join(NETLINK_MYGROUP))).toThrow('setsockopt: EPERM')
    expect(() => asUser(nobody, () => openCustom(byMask))).toThrow('bind: EPERM')
  })
})

describe('receive buffers that are full', () => {
  const overflowsIn = (events: readonly unknown[]) =>
    events.filter(event => event instanceof OverflowError).length
  const many = (bytes: Buffer, count: number) => Array.from({ length: count }, () => bytes)

  it('400 messages, and none of the answers read: every sendto succeeds and none blocks; one ENOBUFS on recv', async () => {
    using sender = openCustom({ receiveBuffer: 4096 })
    for (let i = 0; i < 400; i++) sender.send(message('many'))
    const events = drain(sender)
    const heard = events.filter(event => !(event instanceof OverflowError))
    expect(overflowsIn(events)).toBe(1)
    expect(heard.length).toBeGreaterThan(0)
    expect(transcript(heard)).toBe(transcript(many(customAnswerBytes, heard.length)))
    sender.send(message('again'))
    expect(await heardUntilMarker(sender)).toEqual([customAnswer])
  })

  it('a member that does not read loses what others get', async () => {
    using slow = openCustom({ ...byMembership, receiveBuffer: 4096 })
    subscriber.setReceiveBuffer(4 << 20, { force: true })
    a.setReceiveBuffer(4 << 20, { force: true })
    const request = message('many')
    for (let i = 0; i < 400; i++) a.send(request)
    expect(transcript(drain(a))).toBe(transcript(many(customAnswerBytes, 400)))
    expect(overflowsIn(drain(slow))).toBe(1)
    expect(transcript(drain(subscriber))).toBe(transcript(many(customToldBytes, 400), { groups: customMask }))
  })
})

describe('another network namespace', () => {
  let elsewhere: NetworkNamespace
  beforeAll(() => {
    elsewhere = new NetworkNamespace()
  })
  afterAll(() => elsewhere[Symbol.dispose]())

  it('a multicast reaches only its own network namespace', async () => {
    using member = elsewhere.run(() => openCustom(byMembership))
    using neighbour = elsewhere.run(() => openCustom())
    a.send(message('here'))
    // a message from within its own namespace marks the end
    neighbour.send(Buffer.from('first'), { portId: member.portId })
    const first = await member.receive()
    expect([first.portId, first.bytes.toString()]).toEqual([neighbour.portId, 'first'])
    expect(await heardUntilMarker(subscriber)).toEqual([customTold])
  })

  it('sendto ECONNREFUSED from there', () => {
    using socket = elsewhere.run(() => openCustom())
    expect(() => socket.send(message('there'))).toThrow('sendto: ECONNREFUSED')
    expect(log.read()).toEqual([])
  })
})
