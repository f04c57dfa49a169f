// SPDX-License-Identifier: MIT
/**
 * Real sockets, on the families that every kernel has. Tests that need privileges say so; the others also run
 * as an ordinary user.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  attr,
  ClosedError,
  encodeGenericHeader,
  encodeMessage,
  GENL_HDRLEN,
  GENL_ID_CTRL,
  KernelError,
  NETLINK_GENERIC,
  NETLINK_ROUTE,
  NETLINK_USERSOCK,
  NLM_F_ACK,
  NLM_F_REQUEST,
  NLMSG_NOOP,
  OverflowError,
  observeSockets,
  parseAnswer,
  Socket,
  SystemCallError,
  TimeoutError,
} from '../index.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const isRoot = process.geteuid?.() === 0
const getFamily = (name: string) => [encodeGenericHeader({ command: 3, version: 2 }), attr.string(2, name)]

describe('opening', () => {
  it('has a port id chosen by the kernel, or the one it was given', () => {
    using automatic = Socket.open(NETLINK_ROUTE)
    expect(automatic.portId).toBeGreaterThan(0)
    using chosen = Socket.open(NETLINK_ROUTE, { portId: 0xfedcba98 })
    expect(chosen.portId).toBe(0xfedcba98)
    expect(() => Socket.open(NETLINK_ROUTE, { portId: 0xfedcba98 })).toThrow(
      'bind: EADDRINUSE (port 4275878552)',
    )
  })

  it('says what is wrong', () => {
    expect(() => Socket.open(31)).toThrow(
      expect.objectContaining({ code: 'EPROTONOSUPPORT', syscall: 'socket' }),
    )
    expect(() => Socket.open(NETLINK_ROUTE, { memberships: [999] })).toThrow(
      new SystemCallError('setsockopt', 22, 'NETLINK_ADD_MEMBERSHIP, group 999'),
    )
    expect(() => Socket.open(31)).toThrow('socket: EPROTONOSUPPORT (protocol 31)')
  })

  it('sets and tells buffer sizes', () => {
    using socket = Socket.open(NETLINK_ROUTE, { receiveBuffer: 8192, sendBuffer: 16384 })
    expect([socket.receiveBuffer, socket.sendBuffer]).toEqual([16384, 32768])
  })

  it('is closed by using, and twice is no error', async () => {
    let outside: Socket
    {
      await using socket = Socket.open(NETLINK_ROUTE)
      outside = socket
    }
    expect(outside.isClosed).toBe(true)
    outside.close()
    expect(() => outside.send(Buffer.alloc(16))).toThrow(ClosedError)
    await expect(outside.receive()).rejects.toThrow(ClosedError)
    await expect(outside.request({ type: 16 })).rejects.toThrow(ClosedError)
  })
})

describe('the kernel’s answers', () => {
  it('acknowledges a control message, byte for byte', async () => {
    using socket = Socket.open(NETLINK_ROUTE, { portId: 0x7a000001 })
    socket.send(encodeMessage({ type: NLMSG_NOOP, flags: NLM_F_REQUEST | NLM_F_ACK, sequence: 0x01020304 }))
    const datagram = await socket.receive()
    expect([datagram.portId, datagram.groups, datagram.length, datagram.isTruncated]).toEqual([
      0,
      0,
      36,
      false,
    ])
    expect(datagram.bytes.toString('hex')).toBe(
      hex(
        `24000000 0200 0001 04030201 0100007a 00000000
           10000000 0100 0500 04030201 00000000`.replaceAll('\n', ''),
      ).toString('hex'),
    )
    expect(socket.receiveNow()).toBeUndefined()
  })

  it('request: replies up to the acknowledgement', async () => {
    using socket = Socket.open(NETLINK_GENERIC)
    const replies = await socket.request({ type: GENL_ID_CTRL }, getFamily('nlctrl'))
    expect(
      replies.map(reply =>
        reply
          .attributes(GENL_HDRLEN)
          .find(a => a.type === 2)
          ?.string(),
      ),
    ).toEqual(['nlctrl'])
    expect(await socket.request({ type: NLMSG_NOOP })).toEqual([])
  })

  it('request: an error with its errno, the request and the raw bytes', async () => {
    using socket = Socket.open(NETLINK_GENERIC, { capAck: true })
    const error = await socket.request({ type: GENL_ID_CTRL }, getFamily('nosuch')).catch(e => e)
    expect(error).toBeInstanceOf(KernelError)
    expect(error).toMatchObject({ code: 'ENOENT', errno: 2, answer: { isCapped: true } })
    expect(error.answer.message.bytes).toHaveLength(36)
  })

  it('request: the extended acknowledgement', async () => {
    using socket = Socket.open(NETLINK_GENERIC)
    const request = [encodeGenericHeader({ command: 3, version: 2 }), attr.u8(1, 1)]
    const error = await socket.request({ type: GENL_ID_CTRL }, request).catch(e => e)
    expect(error).toMatchObject({
      // kernels differ in the error for a u16 of one byte
      code: expect.stringMatching(/^(EINVAL|ERANGE)$/),
      answer: {
        isCapped: false,
        extendedAck: { message: expect.any(String), offset: 20, policy: { type: 'U16', maximum: 65535n } },
      },
    })
    expect(error.message).toBe(`${error.code}: ${error.answer.extendedAck.message}, attribute at offset 20`)
  })

  it('many requests in flight, told apart by sequence number', async () => {
    using socket = Socket.open(NETLINK_GENERIC)
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, i) =>
        socket.request({ type: GENL_ID_CTRL }, getFamily(i % 2 === 0 ? 'nlctrl' : 'nosuch')),
      ),
    )
    expect(results.map(r => r.status)).toEqual(
      results.map((_, i) => (i % 2 === 0 ? 'fulfilled' : 'rejected')),
    )
  })

  it('does not make V8 collect garbage at the first answer, whose buffers are large', async () => {
    const program = `
      const { Socket } = await import(${JSON.stringify(new URL('../index.ts', import.meta.url).href)})
      const socket = Socket.open(${NETLINK_ROUTE})
      await socket.request({ type: ${NLMSG_NOOP}, flags: ${NLM_F_ACK} }, [])
      await socket.receive({ timeout: 1 }).catch(() => {})
      socket.close()`
    const flags = ['--trace-incremental-marking', '--no-warnings', '--input-type=module']
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [...flags, '--eval', program])
    expect(`${stdout}${stderr}`).not.toContain('external memory pressure')
  })

  it('a message larger than a slab comes whole', async () => {
    using socket = Socket.open(NETLINK_ROUTE, { extendedAck: false })
    // all of the request comes back in the error, and rtnetlink has no type 65535
    const payload = Buffer.alloc(200_000, 0xa5)
    socket.send(encodeMessage({ type: 65535, flags: NLM_F_REQUEST, sequence: 9 }, payload))
    const datagram = await socket.receive()
    expect([datagram.length, datagram.isTruncated]).toEqual([200_000 + 36, false])
    const [message] = datagram.messages()
    if (message === undefined) throw new Error('no message')
    expect(parseAnswer(message).request.subarray(16).equals(payload)).toBe(true)
  })

  it('datagrams stay as they are while others come', async () => {
    using socket = Socket.open(NETLINK_ROUTE)
    const kept: Buffer[] = []
    for (let sequence = 1; sequence <= 5000; sequence++) {
      socket.send(encodeMessage({ type: NLMSG_NOOP, flags: NLM_F_REQUEST | NLM_F_ACK, sequence }))
      kept.push((await socket.receive()).bytes)
    }
    expect(kept.map(bytes => bytes.readUInt32LE(8))).toEqual(kept.map((_, i) => i + 1))
  })
})

describe('waiting', () => {
  it('ends with a TimeoutError at the deadline, the socket’s or the call’s', async () => {
    using socket = Socket.open(NETLINK_ROUTE, { timeout: 20 })
    await expect(socket.receive()).rejects.toThrow(expect.objectContaining({ timeout: 20 }))
    await expect(socket.receive({ timeout: 1 })).rejects.toThrow('no datagram within 1 ms')
    await expect(socket.receive({ timeout: 0 })).rejects.toThrow(TimeoutError)
  })

  it('a request that is never answered: as to a socket of another process that does not', async () => {
    using socket = Socket.open(NETLINK_USERSOCK, { timeout: 20 })
    // nobody acknowledges on this protocol: it only carries messages between processes
    await expect(socket.request({ type: 16 })).rejects.toThrow(/ECONNREFUSED|no answer to the request/)
  })

  it('ends with the signal’s reason', async () => {
    using socket = Socket.open(NETLINK_ROUTE)
    const controller = new AbortController()
    const waiting = socket.receive({ signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await expect(socket.receive({ signal: controller.signal })).rejects.toThrow('enough')
    await expect(socket.request({ type: 1 }, [], { signal: controller.signal })).rejects.toThrow('enough')
  })

  it('ends with a ClosedError when the socket is closed, for all who wait', async () => {
    const socket = Socket.open(NETLINK_ROUTE)
    const waiting = [socket.receive(), socket.receive()]
    socket.close()
    for (const wait of waiting) await expect(wait).rejects.toThrow(ClosedError)
  })

  it('is served in the order of the calls, and goes on after a deadline', async () => {
    using a = Socket.open(NETLINK_USERSOCK)
    using b = Socket.open(NETLINK_USERSOCK)
    const first = b.receive()
    const late = b.receive({ timeout: 1 })
    const third = b.receive()
    await expect(late).rejects.toThrow(TimeoutError)
    for (const text of ['one', 'two']) a.send(Buffer.from(text), { portId: b.portId })
    expect((await first).bytes.toString()).toBe('one')
    expect((await third).bytes.toString()).toBe('two')
  })
})

describe('user to user', () => {
  it('by port id, with the sender’s address', async () => {
    using a = Socket.open(NETLINK_USERSOCK)
    using b = Socket.open(NETLINK_USERSOCK)
    const waiting = b.receive()
    a.send(Buffer.from('hello'), { portId: b.portId })
    const datagram = await waiting
    expect([datagram.portId, datagram.groups, datagram.bytes.toString()]).toEqual([a.portId, 0, 'hello'])
  })

  it('an observer is told of a wait in vain, and what failed calls were about', async () => {
    const told: unknown[] = []
    const nothing = () => {}
    observeSockets({
      ...{ opened: nothing, bound: nothing, joined: nothing, left: nothing, sent: nothing },
      ...{ received: nothing, closed: nothing },
      waited: ({ portId }, limit) => void told.push([portId, limit]),
      failed: (_socket, call, code, _bytes, about) => void told.push([call, code, about]),
    })
    onTestFinished(() => observeSockets(undefined))
    using a = Socket.open(NETLINK_USERSOCK)
    await expect(a.receive({ timeout: 20 })).rejects.toThrow(TimeoutError)
    // It does not wait.
    await expect(a.receive({ timeout: 0 })).rejects.toThrow(TimeoutError)
    expect(() => a.send(Buffer.alloc(16), { groups: 0b100, portId: 0x7fffffff })).toThrow('ECONNREFUSED')
    expect(() => a.join(999)).toThrow('EINVAL')
    expect(told).toEqual([
      [a.portId, 20],
      ['sendto', 'ECONNREFUSED', 'to port 2147483647, group 3'],
      ['setsockopt', 'EINVAL', 'NETLINK_ADD_MEMBERSHIP, group 999'],
    ])
  })

  it('ECONNREFUSED where nobody is', () => {
    using a = Socket.open(NETLINK_USERSOCK)
    expect(() => a.send(Buffer.alloc(16), { portId: 0x7fffffff })).toThrow(
      'sendto: ECONNREFUSED (to port 2147483647)',
    )
  })

  it('never blocks: EAGAIN when the receiver’s buffer is full', () => {
    using a = Socket.open(NETLINK_USERSOCK)
    using b = Socket.open(NETLINK_USERSOCK, { receiveBuffer: 4096 })
    expect(() => {
      for (let i = 0; i < 1000; i++) a.send(Buffer.alloc(512), { portId: b.portId })
    }).toThrow('sendto: EAGAIN')
  })

  it.runIf(isRoot)('by group, joined by mask and by membership; left again', async () => {
    using a = Socket.open(NETLINK_USERSOCK)
    using mask = Socket.open(NETLINK_USERSOCK, { groups: 1 << 2 })
    using member = Socket.open(NETLINK_USERSOCK, { memberships: [3] })
    a.send(Buffer.from('all'), { groups: 1 << 2, portId: a.portId })
    for (const socket of [mask, member]) {
      const datagram = await socket.receive()
      expect([datagram.portId, datagram.groups, datagram.bytes.toString()]).toEqual([a.portId, 4, 'all'])
    }
    member.leave(3)
    mask.bind({ groups: 0 })
    a.send(Buffer.from('nobody'), { groups: 1 << 2, portId: a.portId })
    for (const socket of [mask, member]) expect(socket.receiveNow()).toBeUndefined()
  })

  it.runIf(isRoot)('an overflow is an error of its own, and the socket goes on', async () => {
    using a = Socket.open(NETLINK_USERSOCK)
    using b = Socket.open(NETLINK_USERSOCK, { memberships: [1], receiveBuffer: 4096 })
    for (let i = 0; i < 100; i++) a.send(Buffer.alloc(512, i), { groups: 1, portId: a.portId })
    await expect(b.receive()).rejects.toThrow(OverflowError)
    let count = 0
    while (b.receiveNow()) count++
    expect(count).toBeGreaterThan(0)
    expect(count).toBeLessThan(100)
    const waiting = b.receive()
    a.send(Buffer.from('after'), { groups: 1, portId: a.portId })
    expect((await waiting).bytes.toString()).toBe('after')
  })

  it.runIf(isRoot)('an overflow has the place where it was read, below helpers too', async () => {
    using a = Socket.open(NETLINK_USERSOCK)
    using b = Socket.open(NETLINK_USERSOCK, { memberships: [1], receiveBuffer: 4096 })
    for (let i = 0; i < 100; i++) a.send(Buffer.alloc(512, i), { groups: 1, portId: a.portId })
    const below = async (depth: number): Promise<unknown> =>
      depth === 0 ? await b.receive() : await below(depth - 1)
    const inTest = async () => await below(4)
    const { stack = '' } = (await inTest().catch((error: unknown) => error)) as Error
    expect(stack).toMatch(/^OverflowError: .*\n(.*\n)*? +at (async )?inTest /)
  })

  it.runIf(isRoot)('an overflow reaches who waits already', async () => {
    using a = Socket.open(NETLINK_USERSOCK)
    using b = Socket.open(NETLINK_USERSOCK, { memberships: [1], receiveBuffer: 4096 })
    const waiting = b.receive()
    for (let i = 0; i < 100; i++) a.send(Buffer.alloc(512, i), { groups: 1, portId: a.portId })
    await expect(waiting).rejects.toThrow(OverflowError)
    expect((await b.receive()).bytes[0]).toBe(0)
  })

  it.runIf(isRoot)('with NETLINK_NO_ENOBUFS it is silent', async () => {
    using a = Socket.open(NETLINK_USERSOCK)
    using b = Socket.open(NETLINK_USERSOCK, { memberships: [1], receiveBuffer: 4096, noEnobufs: true })
    for (let i = 0; i < 100; i++) a.send(Buffer.alloc(512, i), { groups: 1, portId: a.portId })
    expect((await b.receive()).bytes[0]).toBe(0)
  })
})

describe('requests and what else comes', () => {
  it.runIf(isRoot)('notifications that come meanwhile are kept for receive, in their order', async () => {
    using subscriber = Socket.open(NETLINK_GENERIC)
    using other = Socket.open(NETLINK_GENERIC)
    other.send(Buffer.from('before'), { portId: subscriber.portId })
    const [reply] = await subscriber.request({ type: GENL_ID_CTRL }, getFamily('nlctrl'))
    expect(reply?.type).toBe(GENL_ID_CTRL)
    other.send(Buffer.from('after'), { portId: subscriber.portId })
    expect((await subscriber.receive()).bytes.toString()).toBe('before')
    expect((await subscriber.receive()).bytes.toString()).toBe('after')
  })
})

describe('the process', () => {
  const entry = new URL('../index.ts', import.meta.url).href

  it('ends when nobody waits, though sockets are open', async () => {
    const { execFile } = await import('node:child_process')
    const script = `
      const { Socket, NETLINK_ROUTE } = await import('${entry}')
      const socket = Socket.open(NETLINK_ROUTE)
      await socket.receive({ timeout: 5 }).catch(error => console.log(error.name))`
    const output = await new Promise<string>((resolve, reject) =>
      execFile(
        process.execPath,
        ['--input-type=module', '-e', script],
        { timeout: 20_000 },
        (error, stdout) => (error ? reject(error) : resolve(stdout)),
      ),
    )
    expect(output).toBe('TimeoutError\n')
  })

  it('a worker thread can be ended while it waits', async () => {
    const worker = new Worker(
      `import('${entry}').then(({ Socket, NETLINK_ROUTE }) => {
        const socket = Socket.open(NETLINK_ROUTE)
        socket.receive({ timeout: Infinity })
        require('node:worker_threads').parentPort.postMessage('waits')
      })`,
      { eval: true },
    )
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    expect(await worker.terminate()).toBe(1)
  })
})
