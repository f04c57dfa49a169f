// SPDX-License-Identifier: MIT
/** The helpers on the host's kernel, with NETLINK_ROUTE in place of a module's protocol. */
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  attr,
  Datagram,
  encodeMessage,
  NETLINK_ROUTE,
  NETLINK_USERSOCK,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_DONE,
  observeSockets,
  rtnetlink,
  Socket,
} from '../netlink/index.ts'
import * as testing from './index.ts'
import {
  acknowledgement,
  asUser,
  CAP_NET_ADMIN,
  exchange,
  hasUserNamespaces,
  heard,
  KernelLog,
  kernel,
  loadModule,
  ModuleError,
  NetworkNamespace,
  nobody,
  refusal,
  sendFromUserNamespace,
  type WireDatagram,
  wire,
  withoutCapability,
} from './index.ts'
import { Recording } from './recording.ts'
import { discardReceived } from './system-call.ts'

const isRoot = process.geteuid?.() === 0
const noop = encodeMessage({ type: 1, flags: NLM_F_REQUEST | NLM_F_ACK, sequence: 7 })
/** rtnetlink: an unknown type. */
const unknown = encodeMessage({ type: 65535, flags: NLM_F_REQUEST, sequence: 8 }, attr.u8(1, 1))
/** An empty RTM_NEWLINK, for which rtnetlink requires CAP_NET_ADMIN. */
const newLink = encodeMessage({ type: 16, flags: NLM_F_REQUEST, sequence: 9 }, Buffer.alloc(16))
const failureOf = (call: () => void): Error => {
  try {
    call()
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('it did not fail')
}
const openRoute = () => Socket.open(NETLINK_ROUTE, { extendedAck: false })

describe('what suites import', () => {
  it('is for any module: nothing in it belongs to an example', () => {
    const ofExamples = /example|nle|custom|myvar|variable|^(get|update|reply|notification)$/i
    expect(Object.keys(testing)).toContain('exchange')
    expect(Object.keys(testing).filter(name => ofExamples.test(name))).toEqual([])
  })
})

describe('heard and exchange', () => {
  it('give all that came, and no more than that', async () => {
    using socket = openRoute()
    expect(await heard(socket)).toEqual([])
    expect(await exchange(socket, noop, unknown, noop)).toEqual([
      acknowledgement(noop, socket),
      refusal(unknown, socket, 'EOPNOTSUPP'),
      acknowledgement(noop, socket),
    ])
    expect(await heard(socket)).toEqual([])
  })

  it('say what came when there is no end to it', async () => {
    using a = Socket.open(NETLINK_USERSOCK, { timeout: 5 })
    await expect(heard(a)).rejects.toThrow(/ECONNREFUSED|was not acknowledged/)
  })
})

describe('a dump', () => {
  /** RTM_GETLINK: of a dump the kernel sends the first datagram, and each further one when one is taken. */
  const links = encodeMessage({ type: 18, flags: NLM_F_REQUEST | NLM_F_DUMP, sequence: 10 }, Buffer.alloc(16))
  const types = (datagrams: readonly WireDatagram[]) =>
    datagrams.flatMap(({ messages }) => messages.map(({ type }) => type))

  it('is read to its end, and no answer is left for the next request', async () => {
    using socket = openRoute()
    for (let times = 0; times < 3; times++) {
      const all = types(await exchange(socket, links, noop))
      expect(all.filter(type => type === NLMSG_DONE)).toHaveLength(1)
      expect(await exchange(socket, noop)).toEqual([acknowledgement(noop, socket)])
    }
    socket.send(links)
    expect(types(await heard(socket)).at(-1)).toBe(NLMSG_DONE)
    expect(await heard(socket)).toEqual([])
  })

  it('that does not end fails; a part that nothing follows is no dump', async () => {
    const part = new Datagram(encodeMessage({ type: 18, flags: NLM_F_MULTI, sequence: 3 }), 0, 0, 16)
    /** A socket to which so many parts come, one before each acknowledgement. */
    const opened = (parts: number) => {
      const socket = openRoute()
      const receive = socket.receive.bind(socket)
      let calls = 0
      vi.spyOn(socket, 'receive').mockImplementation(async () =>
        calls++ % 2 === 0 && calls < 2 * parts ? part : await receive(),
      )
      return socket
    }
    using one = opened(1)
    expect(await exchange(one, noop)).toHaveLength(2)
    using many = opened(Number.POSITIVE_INFINITY)
    await expect(heard(many)).rejects.toThrow('a dump does not end: 1000 datagrams have come')
  })
})

describe('wire', () => {
  it('shows header, payload and what an error says', () => {
    expect(wire(encodeMessage({ type: 16, flags: 5, sequence: 1, portId: 2 }, attr.u32(1, 3)))).toEqual({
      from: 0,
      groups: 0,
      size: 24,
      messages: [
        { length: 24, type: 16, flags: '0x5', sequence: 1, portId: 2, payload: '08000100 03000000' },
      ],
    })
    const reason = {
      message: 'no',
      offset: 16,
      policy: { type: 4, minimum: 0n, maximum: 9n },
    }
    expect(refusal(noop, { portId: 3 }, 'EINVAL', { capped: true, reason }).messages[0]).toMatchObject({
      length: 36 + 8 + 8 + 36,
      flags: '0x300',
      error: 'EINVAL, no, offset 16, policy U32 0..9',
    })
  })

  it('differs wherever the bytes do', () => {
    const good = encodeMessage({ type: 3 }, Buffer.from([1]))
    for (let i = 0; i < good.length; i++) {
      const other = Buffer.from(good)
      other[i] = (other[i] ?? 0) ^ 0x40
      expect(wire(other)).not.toEqual(wire(good))
    }
    expect(wire(good.subarray(0, 17))).not.toEqual(wire(good))
    expect(wire(good, { groups: 1 })).not.toEqual(wire(good))
    expect(wire(good, { group: 32 })).toEqual(wire(good, { groups: 0x80000000 }))
    expect(wire(good, { group: 33 })).toEqual(wire(good))
    expect(wire(Buffer.alloc(3))).toMatchObject({ size: 3, messages: [], bytes: '000000' })
  })

  it('differs by where it came from, and by what was cut off', () => {
    const bytes = encodeMessage({ type: 3 })
    const all = [
      wire(bytes),
      wire(bytes, { from: 1 }),
      wire(bytes, { groups: 1 }),
      wire(new Datagram(bytes, 0, 0, 17)),
    ]
    expect(all.map(({ from, groups, size }) => [from, groups, size])).toEqual([
      [0, 0, 16],
      [1, 0, 16],
      [0, 1, 16],
      [0, 0, 17],
    ])
  })

  it('cannot be changed: the next one of the same bytes may be the same object', () => {
    for (const bytes of [encodeMessage({ type: 3 }), encodeMessage({ type: 2 }), Buffer.alloc(3)]) {
      const { messages, ...rest } = wire(bytes)
      expect(wire(Buffer.from(bytes))).toEqual({ messages, ...rest })
      for (const part of [wire(bytes), messages, ...messages]) expect(part).toSatisfy(Object.isFrozen)
    }
  })
})

describe('kernel.since', () => {
  it('compares versions as numbers', () => {
    const [major = 0, minor = 0] = kernel.release.split('.').map(Number.parseFloat)
    expect(kernel.since(`${major}.${minor}`)).toBe(true)
    expect(kernel.since(`${major}.${minor + 1}`)).toBe(false)
    expect(kernel.since(`${major - 1}.99`)).toBe(true)
    expect(kernel.since(`${major + 1}.0`)).toBe(false)
    expect(() => kernel.since('six')).toThrow(RangeError)
  })
})

describe('loadModule', () => {
  it('says where it can be used', () => {
    expect(process.env.NETLINK_VMTEST_MODULES).toBeUndefined()
    expect(() => loadModule('nlexample')).toThrow('NETLINK_VMTEST_MODULES is not set')
  })

  it.runIf(isRoot)('takes a name as its source file has it, or as the kernel does', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'modules-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    vi.stubEnv('NETLINK_VMTEST_MODULES', folder)
    onTestFinished(() => void vi.unstubAllEnvs())
    writeFileSync(path.join(folder, 'no_module.ko'), 'nothing that a kernel would load')
    for (const name of ['no-module', 'no_module']) expect(() => loadModule(name)).toThrow(ModuleError)
  })

  it('names the modules that there are when there is none of that name', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'modules-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    vi.stubEnv('NETLINK_VMTEST_MODULES', folder)
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(() => loadModule('typo')).toThrow('typo: there is no such module under test, but none at all')
    for (const file of ['two.ko', 'one.ko', 'one.txt']) writeFileSync(path.join(folder, file), '')
    const failure = failureOf(() => loadModule('typo'))
    expect(failure).toBeInstanceOf(ModuleError)
    expect(failure).toMatchObject({ code: 'ENOENT', log: [] })
    expect(failure.message).toBe(
      'typo: there is no such module under test, but one, two; nor has the kernel one in this guest, which image.modules in the configuration adds',
    )
  })
})

describe.runIf(isRoot)('asUser', () => {
  it('takes privileges away and gives them back, also when the action throws', async () => {
    using socket = openRoute()
    asUser(nobody, () => {
      expect([process.geteuid?.(), process.getegid?.()]).toEqual([nobody, nobody])
      socket.send(newLink)
    })
    expect(await heard(socket)).toEqual([refusal(newLink, socket, 'EPERM')])
    expect(() =>
      asUser(nobody, () => {
        throw new Error('no')
      }),
    ).toThrow('no')
    expect([process.geteuid?.(), process.getegid?.()]).toEqual([0, 0])
    expect(await exchange(socket, newLink)).not.toEqual([refusal(newLink, socket, 'EPERM')])
  })

  it('leaves the capabilities that are asked for', async () => {
    using socket = openRoute()
    asUser(nobody, () => socket.send(newLink), { capabilities: [CAP_NET_ADMIN] })
    expect(await heard(socket)).not.toEqual([refusal(newLink, socket, 'EPERM')])
  })

  it('refuses what would go on as root', () => {
    expect(() => asUser(nobody, async () => {})).toThrow(TypeError)
    expect(() => withoutCapability(CAP_NET_ADMIN, async () => {})).toThrow(TypeError)
  })
})

describe.runIf(isRoot)('withoutCapability', () => {
  it('takes one away and gives it back', async () => {
    using socket = openRoute()
    withoutCapability(CAP_NET_ADMIN, () => socket.send(newLink))
    expect(await heard(socket)).toEqual([refusal(newLink, socket, 'EPERM')])
    expect(await exchange(socket, newLink)).not.toEqual([refusal(newLink, socket, 'EPERM')])
  })
})

describe.runIf(isRoot)('NetworkNamespace', () => {
  it('is another one, in which sockets stay, and is left again', async () => {
    const own = () => readlinkSync('/proc/thread-self/ns/net')
    const home = own()
    using elsewhere = new NetworkNamespace()
    expect(own()).toBe(home)
    expect(elsewhere.run(own)).not.toBe(home)
    expect(own()).toBe(home)
    // the same port id in both namespaces
    using here = Socket.open(NETLINK_USERSOCK, { portId: 0x7b000001 })
    using there = elsewhere.run(() => Socket.open(NETLINK_USERSOCK, { portId: 0x7b000001 }))
    expect(here.portId).toBe(there.portId)
    expect(() => elsewhere.run(async () => {})).toThrow(TypeError)
  })

  it('has a descriptor by which links are moved there, and a path for programs', async () => {
    using here = new NetworkNamespace()
    using there = new NetworkNamespace()
    using socket = Socket.open(NETLINK_ROUTE, { namespace: here.fd })
    using other = Socket.open(NETLINK_ROUTE, { namespace: there.path })
    await rtnetlink.createLink(socket, {
      ifname: 'a',
      linkinfo: { kind: 'veth', data: { peer: { attributes: { ifname: 'b' } } } },
    })
    await rtnetlink.changeLink(socket, 'b', { netNsFd: there.fd })
    const names = async (of: Socket) => (await rtnetlink.getLinks(of)).map(link => link.attributes.ifname)
    expect(await names(socket)).toEqual(['lo', 'a'])
    expect(await names(other)).toEqual(['lo', 'b'])
  })

  it('is nothing any more once it was disposed of, and can be so twice', () => {
    const elsewhere = new NetworkNamespace()
    elsewhere[Symbol.dispose]()
    elsewhere[Symbol.dispose]()
    const disposed = 'this network namespace was disposed of'
    expect(() => elsewhere.fd).toThrow(disposed)
    expect(() => elsewhere.path).toThrow(disposed)
    expect(() => elsewhere.run(() => {})).toThrow(disposed)
  })
})

describe.runIf(isRoot && hasUserNamespaces)('sendFromUserNamespace', () => {
  it('sends with capabilities that count there only', async () => {
    using socket = openRoute()
    sendFromUserNamespace(socket, newLink)
    expect(await heard(socket)).toEqual([refusal(newLink, socket, 'EPERM')])
  })

  it('is recorded as a request of the socket, so that its answer is no other request’s', () => {
    const recording = new Recording()
    observeSockets(recording)
    onTestFinished(() => observeSockets(undefined))
    using socket = openRoute()
    recording.begin()
    sendFromUserNamespace(socket, newLink)
    const sent = recording.conversation.first.filter(event => event.kind === 'sent')
    expect(sent.map(({ bytes }) => Buffer.from(bytes))).toEqual([newLink])
  })
})

describe.runIf(isRoot)('KernelLog', () => {
  it('gives what the kernel logs from then on, and not what others write into it', async () => {
    using log = KernelLog.fromNow()
    writeFileSync('/dev/kmsg', '<14>from user space\n')
    expect(log.read().filter(record => record.text.includes('from user space'))).toEqual([])
  })

  it('does not read from what has the descriptor of an earlier one by now', () => {
    KernelLog.fromNow()[Symbol.dispose]()
    const folder = mkdtempSync(path.join(tmpdir(), 'kernel-log-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const other = path.join(folder, 'other')
    writeFileSync(other, '6,1,1,-;no record of the kernel\n')
    const kept = readdirSync('/proc/self/fd').filter(
      fd => existsSync(`/proc/self/fd/${fd}`) && readlinkSync(`/proc/self/fd/${fd}`) === '/dev/kmsg',
    )
    expect(kept.length).toBeGreaterThan(0)
    for (const fd of kept) closeSync(Number(fd))
    const others = kept.map(() => openSync(other, 'r+'))
    onTestFinished(() => others.forEach(fd => void closeSync(fd)))
    using log = KernelLog.fromNow()
    expect(log.read()).toEqual([])
    writeFileSync(other, '6,1,1,-;no record of the kernel\n')
    expect(log.read()).toEqual([])
  })
})

describe('discardReceived', () => {
  it('takes all that there is, and says how much', async () => {
    using socket = openRoute()
    for (let i = 0; i < 3; i++) socket.send(Buffer.concat(Array.from({ length: 50 }, () => noop)))
    expect(discardReceived(socket.fd)).toBe(150)
    expect(discardReceived(socket.fd)).toBe(0)
    expect(await exchange(socket, noop)).toEqual([acknowledgement(noop, socket)])
  })

  it('says what was lost', () => {
    using socket = openRoute()
    socket.setReceiveBuffer(0)
    socket.send(Buffer.concat(Array.from({ length: 50 }, () => noop)))
    expect(() => discardReceived(socket.fd)).toThrow(/recvmmsg.*ENOBUFS/)
  })
})
