// SPDX-License-Identifier: MIT
/** The owner of each datagram, on a kernel side that answers as it is told. */
import { describe, expect, it, vi } from 'vitest'
import {
  attr,
  encodeMessage,
  KernelError,
  MalformedError,
  type Message,
  NETLINK_NETFILTER,
  NETLINK_ROUTE,
  NetlinkError,
  NLM_F_ECHO,
  NLM_F_MULTI,
  NLMSG_DONE,
  NLMSG_ERROR,
  parseMessages,
  Socket,
  TimeoutError,
  UnmatchedError,
} from '../index.ts'
import { type FakeSocket, type Sent, sockets } from './fake-kernel.ts'

vi.mock('./libc.ts', async () => (await import('./fake-kernel.ts')).libc)
vi.mock('./poller.ts', async () => (await import('./fake-kernel.ts')).poller)

const TYPE = 40
const text = (message: Message) => message.attributes().map(attribute => attribute.string())

/** How the kernel side answers one request. */
interface Asked {
  readonly sequence: number
  readonly portId: number
  readonly request: Message
}
const reply = ({ sequence, portId }: Asked, say: string, header = {}) =>
  encodeMessage({ type: TYPE, sequence, portId, ...header }, attr.string(1, say))
const answer = ({ sequence, portId, request }: Asked, errno = 0) => {
  const error = Buffer.alloc(4)
  error.writeInt32LE(-errno)
  return encodeMessage({ type: NLMSG_ERROR, sequence, portId }, error, request.bytes.subarray(0, 16))
}
const done = ({ sequence, portId }: Asked) =>
  encodeMessage({ type: NLMSG_DONE, flags: NLM_F_MULTI, sequence, portId }, Buffer.alloc(4))

let fake: FakeSocket
function open(answers: (asked: Asked) => readonly (Buffer | Sent)[], protocol = NETLINK_ROUTE): Socket {
  const socket = Socket.open(protocol, { timeout: 1000 })
  fake = sockets.get(socket.fd) as FakeSocket
  fake.answer = bytes => {
    for (const request of parseMessages(bytes)) {
      const { sequence, portId } = request
      const datagrams = answers({ sequence, portId, request })
      fake.deliver(...datagrams.map(each => (Buffer.isBuffer(each) ? { bytes: each } : each)))
    }
  }
  return socket
}

describe('an answer that is none', () => {
  it.each<[string, (asked: Asked) => Buffer]>([
    ['stray bytes', asked => Buffer.concat([reply(asked, 'x'), Buffer.from('ffff0000', 'hex')])],
    ['nlmsg_len beyond the datagram', asked => changed(reply(asked, 'x'), 0, 200)],
    ['nlmsg_len 0', asked => changed(reply(asked, 'x'), 0, 0)],
    ['nlmsg_len 15', asked => changed(reply(asked, 'x'), 0, 15)],
    ['less than a header', () => Buffer.from('0400', 'hex')],
    [
      'a second message cut short',
      asked => Buffer.concat([reply(asked, 'x'), reply(asked, 'y')]).subarray(0, 40),
    ],
  ])('%s: MalformedError, of a request, a batch and a dump', async (_what, malformed) => {
    using socket = open(asked => [malformed(asked), answer(asked)])
    await expect(socket.request({ type: TYPE })).rejects.toThrow(MalformedError)
    expect(await socket.batch([{ type: TYPE }])).toMatchObject([
      { status: 'rejected', reason: expect.any(MalformedError) },
    ])
    await expect(socket.dump({ type: TYPE }).collect()).rejects.toThrow(MalformedError)
  })

  function changed(bytes: Buffer, offset: number, value: number): Buffer {
    bytes.writeUInt32LE(value, offset)
    return bytes
  }

  it('in a batch: the other requests have their results', async () => {
    using socket = open(asked => [
      ...(asked.request.type === TYPE ? [changed(reply(asked, 'x'), 0, 0)] : [reply(asked, 'y')]),
      answer(asked),
    ])
    const results = await socket.batch([{ type: TYPE + 1 }, { type: TYPE }, { type: TYPE + 1 }])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    // the acknowledgement of the failed request belongs to nobody
    expect(socket.receiveNow()).toBeUndefined()
  })

  it('an NLMSG_ERROR without the request keeps its errno', async () => {
    const bare = (asked: Asked, errno: number) => {
      const bytes = answer(asked, errno).subarray(0, 20)
      bytes.writeUInt32LE(20, 0)
      return bytes
    }
    using socket = open(asked => [bare(asked, asked.request.type === TYPE ? 2 : 0)])
    await expect(socket.request({ type: TYPE })).rejects.toMatchObject({
      name: 'KernelError',
      code: 'ENOENT',
    })
    await expect(socket.dump({ type: TYPE }).collect()).rejects.toThrow(KernelError)
    expect(await socket.request({ type: TYPE + 1 })).toEqual([])
    expect(await socket.batch([{ type: TYPE }, { type: TYPE + 1 }])).toMatchObject([
      { reason: { code: 'ENOENT' } },
      { status: 'fulfilled', value: [] },
    ])
  })
})

describe('what matches no request', () => {
  it.each<[string, object, string]>([
    ['the next sequence number', { sequence: 2 }, '1 message matched no request (seq 2, wanted 1)'],
    ['none at all', { sequence: 0 }, '1 message matched no request (seq 0, wanted 1)'],
    ['another port id', { portId: 7 }, '1 message matched no request (seq 1, wanted 1)'],
  ])('%s: is told', async (_what, header, words) => {
    using socket = open(asked => [reply(asked, 'x', header), answer(asked)])
    const error = await socket.request({ type: TYPE }).catch(reason => reason)
    expect(error).toBeInstanceOf(UnmatchedError)
    expect(error.message).toBe(words)
    expect(error.messages.map(text)).toEqual([['x']])
    // nothing is swallowed
    expect(socket.receiveNow()?.messages().map(text)).toEqual([['x']])
  })

  it.each<[string, (asked: Asked) => Buffer[], string]>([
    ['before it', asked => [reply(asked, 'x', { sequence: asked.sequence + 1 }), answer(asked)], 'seq 2'],
    ['behind it', asked => [answer(asked), reply(asked, 'x', { sequence: asked.sequence + 1 })], 'seq 2'],
    ['behind it, though its number is right', asked => [answer(asked), reply(asked, 'x')], 'seq 1'],
    ['behind it, a second one', asked => [answer(asked), answer(asked)], 'seq 1'],
  ])(
    'in one datagram with the acknowledgement, %s: is told, and not swallowed',
    async (_what, answers, seen) => {
      using socket = open(asked => [Buffer.concat(answers(asked))])
      await expect(socket.request({ type: TYPE })).rejects.toThrow(
        `1 message matched no request (${seen}, wanted 1)`,
      )
      expect(socket.receiveNow()?.messages()).toHaveLength(1)
      using other = open(asked => [Buffer.concat(answers(asked))])
      expect(await other.batch([{ type: TYPE }])).toMatchObject([{ reason: expect.any(UnmatchedError) }])
    },
  )

  it('a datagram without any bytes is told as such', async () => {
    using socket = open(asked => [Buffer.alloc(0), answer(asked)])
    await expect(socket.request({ type: TYPE })).rejects.toThrow('a datagram without any bytes (at byte 0)')
    await expect(async () => (await socket.receive()).first()).rejects.toThrow(
      'no bytes at all, where a message begins (at byte 0)',
    )
  })

  it('in a dump and in a batch as well', async () => {
    using socket = open(asked => [reply(asked, 'x', { sequence: 99 }), reply(asked, 'y'), answer(asked)])
    await expect(socket.dump({ type: TYPE }).collect()).rejects.toThrow('(seq 99, wanted 1)')
    expect(await socket.batch([{ type: TYPE }, { type: TYPE }])).toMatchObject([
      { reason: { message: '2 messages matched no request (seq 99, 99, wanted 2 to 3)' } },
      { status: 'rejected' },
    ])
  })

  it('is in the words of a deadline', async () => {
    using socket = open(asked => [reply(asked, 'x', { sequence: 5 }), answer({ ...asked, sequence: 5 })])
    await expect(socket.request({ type: TYPE }, [], { timeout: 1 })).rejects.toThrow(
      'within 1 ms: 2 messages matched no request (seq 5, 5, wanted 1)',
    )
  })

  it('is for whoever receives, where somebody does', async () => {
    using socket = open(asked => [reply(asked, 'event', { sequence: 0 }), reply(asked, 'x'), answer(asked)])
    expect(socket.receiveNow()).toBeUndefined()
    expect((await socket.request({ type: TYPE })).map(text)).toEqual([['x']])
    expect((await socket.receive()).messages().map(text)).toEqual([['event']])
  })

  it('comes with answers in one datagram: each message goes its way', async () => {
    using socket = open(asked => [
      Buffer.concat([
        reply(asked, 'x'),
        reply(asked, 'event', { sequence: 0 }),
        answer(asked),
        reply(asked, 'y'),
      ]),
    ])
    expect(socket.receiveNow()).toBeUndefined()
    expect((await socket.request({ type: TYPE })).map(text)).toEqual([['x']])
    expect(
      socket
        .receiveReady()
        .flatMap(each => each.messages())
        .map(text),
    ).toEqual([['event']])
    expect(socket.receiveNow()?.messages().map(text)).toEqual([['y']])
  })

  it('an answer that comes after the limit is passed over, and counted', async () => {
    let late: Asked | undefined
    using socket = open(asked => {
      if (late !== undefined) return [answer(asked)]
      late = asked
      return []
    })
    await expect(socket.request({ type: TYPE }, [], { timeout: 1 })).rejects.toThrow(TimeoutError)
    fake.deliver(
      { bytes: reply(late as unknown as Asked, 'late') },
      { bytes: answer(late as unknown as Asked) },
    )
    expect(await socket.request({ type: TYPE })).toEqual([])
    expect(socket.receiveNow()).toBeUndefined()
    expect(socket.lateAnswers).toBe(2)
  })
})

describe('what was sent to a group', () => {
  it.each([1, 32, 33, 1000])('is no reply, though it says so: group %i', async group => {
    using socket = open(asked => [
      { bytes: reply(asked, 'event'), group },
      { bytes: answer(asked), group },
      answer(asked),
    ])
    if (group <= 128) socket.join(group)
    else socket.set('packetInfo', true)
    expect(await socket.request({ type: TYPE })).toEqual([])
    expect(await socket.batch([{ type: TYPE }, { type: TYPE }])).toEqual([
      { status: 'fulfilled', value: [] },
      { status: 'fulfilled', value: [] },
    ])
    const received = []
    for (let datagram = socket.receiveNow(); datagram; datagram = socket.receiveNow()) received.push(datagram)
    expect(received).toHaveLength(6)
  })

  it.each([1, 33])('is a reply where an echo is asked for: group %i', async group => {
    using socket = open(asked => [{ bytes: reply(asked, 'echo'), group }, answer(asked)])
    socket.join(group)
    expect((await socket.request({ type: TYPE, flags: NLM_F_ECHO })).map(text)).toEqual([['echo']])
  })

  it('over 32 is told by NETLINK_PKTINFO, which stays on as long as it is needed', () => {
    using socket = open(() => [])
    socket.join(33)
    expect(fake.hasPacketInfo).toBe(true)
    expect(() => socket.set('packetInfo', false)).toThrow('group 33')
    socket.leave(33)
    socket.set('packetInfo', false)
    expect(fake.hasPacketInfo).toBe(false)
  })

  it('by another process is no reply either', async () => {
    using socket = open(asked => [{ bytes: reply(asked, 'forged'), portId: 77 }, answer(asked)])
    expect(await socket.request({ type: TYPE })).toEqual([])
    expect(socket.receiveNow()?.portId).toBe(77)
  })
})

describe('nfnetlink', () => {
  const BEGIN = 16
  const END = 17
  const isMark = ({ request }: Asked) => request.type === BEGIN || request.type === END
  const batch = [{ type: BEGIN }, { type: 0xa00 }, { type: END }]

  it('a batch does not wait for BEGIN and END', async () => {
    using socket = open(asked => (isMark(asked) ? [] : [answer(asked)]), NETLINK_NETFILTER)
    expect(await socket.batch(batch)).toEqual(batch.map(() => ({ status: 'fulfilled', value: [] })))
    expect(await socket.batch([{ type: BEGIN }, { type: END }])).toMatchObject([
      { status: 'fulfilled' },
      { status: 'fulfilled' },
    ])
    expect(socket.lateAnswers).toBe(0)
  })

  it('the refusal of BEGIN is that of all', async () => {
    using socket = open(asked => (asked.request.type === BEGIN ? [answer(asked, 1)] : []), NETLINK_NETFILTER)
    expect(await socket.batch(batch)).toMatchObject(batch.map(() => ({ reason: { code: 'EPERM' } })))
  })

  it('of other protocols these are types as any', async () => {
    using socket = open(asked => (isMark(asked) ? [reply(asked, 'x'), answer(asked)] : []))
    expect(await socket.batch([{ type: BEGIN }])).toMatchObject([
      { status: 'fulfilled', value: [{ type: TYPE }] },
    ])
  })
})

describe('turns', () => {
  /** Refuses a second dump as the kernel does, and makes a part when the previous one is read. */
  function openDumping(parts: number): Socket {
    let current: { asked: Asked; left: number } | undefined
    const socket = open(asked => {
      if ((asked.request.flags & 0x300) !== 0x300) return [answer(asked)]
      if (current !== undefined) return [answer(asked, 16)]
      current = { asked, left: parts }
      return []
    })
    fake.more = () => {
      if (current === undefined) return undefined
      const { asked, left } = current
      if (left === 0) {
        current = undefined
        return { bytes: done(asked) }
      }
      current.left--
      return { bytes: reply(asked, `${asked.request.type}`, { flags: NLM_F_MULTI }) }
    }
    return socket
  }

  it('are taken at once: dumps, requests and batches in any mixture', async () => {
    using socket = openDumping(3)
    const [a, b, acknowledged, c, batched] = await Promise.all([
      socket.dump({ type: 50 }).collect(),
      socket.dump({ type: 51 }).collect(),
      socket.request({ type: TYPE }),
      socket.dump({ type: 52 }).collect(),
      socket.batch([{ type: TYPE }, { type: TYPE }]),
    ])
    expect([a, b, c].map(dump => dump.map(text))).toEqual(
      [50, 51, 52].map(type => Array(3).fill([`${type}`])),
    )
    expect([acknowledged, batched.map(({ status }) => status)]).toEqual([[], ['fulfilled', 'fulfilled']])
  })

  it('a dump that never ends: by its limit and by its signal, and it is named', async () => {
    using socket = openDumping(Infinity)
    const name = 'dump of type 50, sequence number 1'
    await expect(socket.dump({ type: 50 }, [], { timeout: 30 }).collect()).rejects.toThrow(
      `no end of the ${name} within 30 ms`,
    )
    const signal = AbortSignal.timeout(20)
    await expect(socket.dump({ type: 51 }, [], { signal }).collect()).rejects.toThrow(
      'aborted due to timeout',
    )
    await expect(socket.dump({ type: 52 }, [], { timeout: 20 }).collect()).rejects.toThrow(
      `no end of the ${name} before`,
    )
    // the socket goes on
    expect(await socket.request({ type: TYPE })).toEqual([])
  })

  it('one that is left and never ends: bounded, and it is named', async () => {
    using socket = openDumping(Infinity)
    const leave = async () => {
      for await (const message of socket.dump({ type: 50 }, [], { timeout: 50 })) {
        expect(text(message)).toEqual(['50'])
        break
      }
    }
    await expect(leave()).rejects.toThrow('no end of the dump of type 50, sequence number 1, which was left')
    expect(await socket.request({ type: TYPE })).toEqual([])
    expect(socket.receiveNow()).toBeUndefined()
  })

  it('a dump is read once', async () => {
    using socket = openDumping(1)
    const dump = socket.dump({ type: 50 })
    expect(await dump.collect()).toHaveLength(1)
    await expect(dump.collect()).rejects.toThrow('a dump is read once')
    expect(() => dump[Symbol.asyncIterator]()).toThrow(NetlinkError)
  })

  it('a subscription reads alone, from its first event to its end', async () => {
    using socket = open(() => [])
    const event = { bytes: encodeMessage({ type: 16 }) }
    fake.deliver(event, event)
    const first = socket.subscribe()
    const second = socket.subscribe()
    expect(await first.next()).toMatchObject({ value: { kind: 'message' } })
    await expect(second.next()).rejects.toThrow('a subscription reads this socket')
    await expect(socket.receive()).rejects.toThrow('a subscription reads this socket')
    expect(() => socket.receiveNow()).toThrow(NetlinkError)
    await first.return()
    expect(await second.next()).toMatchObject({ value: { kind: 'message' } })
  })

  it('several next() at a time are served in their order', async () => {
    using socket = open(() => [])
    const events = socket.subscribe()
    const waiting = [events.next(), events.next(), events.next()]
    fake.deliver(...[1, 2, 3].map(sequence => ({ bytes: encodeMessage({ type: 16, sequence }) })))
    expect(await Promise.all(waiting)).toMatchObject(
      [1, 2, 3].map(sequence => ({ value: { message: { sequence } } })),
    )
  })
})

describe('where datagrams never cease', () => {
  const event: Sent = { bytes: encodeMessage({ type: 16 }), group: 1 }

  it.each<[string, (socket: Socket, signal: AbortSignal) => Promise<unknown>]>([
    ['a request', (socket, signal) => socket.request({ type: TYPE }, [], { signal })],
    [
      'a batch',
      async (socket, signal) => {
        const [result] = await socket.batch([{ type: TYPE }], { signal })
        if (result?.status === 'rejected') throw result.reason
      },
    ],
    ['a dump', (socket, signal) => socket.dump({ type: TYPE }, [], { signal }).collect()],
    [
      'receiving',
      async (socket, signal) => {
        for (;;) await socket.receive({ signal })
      },
    ],
    [
      'a subscription',
      async (socket, signal) => {
        for await (const _event of socket.subscribe({ signal }));
      },
    ],
  ])('%s ends by its signal', async (_what, work) => {
    using socket = open(() => [])
    fake.more = () => event
    const signal = AbortSignal.timeout(20)
    const error = await work(socket, signal).catch(reason => reason)
    expect(error).toBe(signal.reason)
  })

  it('a request ends by its limit', async () => {
    using socket = open(() => [])
    fake.more = () => event
    await expect(socket.request({ type: TYPE }, [], { timeout: 20 })).rejects.toThrow(TimeoutError)
  })

  it('requests that are always answered let timers in', async () => {
    using socket = open(asked => [answer(asked)])
    const signal = AbortSignal.timeout(20)
    while (!signal.aborted) await socket.request({ type: TYPE })
    expect(signal.aborted).toBe(true)
  })
})
