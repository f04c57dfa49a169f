// SPDX-License-Identifier: MIT
/**
 * What a guest runs, after the template's warm-up, before it is stopped to be forked: what suites commonly do,
 * so that QEMU has translated its code. It leaves the guest as it was (forks.vm.test.ts). Its results are
 * dropped, for kernels differ in what they have. It runs in the guest; nothing imports it.
 */
import { Buffer } from 'node:buffer'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

type Netlink = typeof import('../../../guest/netlink/index.ts')
type Testing = typeof import('../../../guest/testing/index.ts')

/** This project's own package, as the guest has it. */
const own = (name: string) =>
  import(/* @vite-ignore */ `file://${process.env.NETLINK_VMTEST_PACKAGE}/${name}.mjs`)
const { attr, encodeMessage, NLM_F_ACK, NLM_F_REQUEST, Socket, rtnetlink, SystemCallError } = (await own(
  'netlink',
)) as Netlink
const {
  acknowledgement,
  asUser,
  exchange,
  heard,
  loadModule,
  NetworkNamespace,
  nobody,
  refusal,
  runProgram,
  slabGrowth,
  unloadModule,
  wire,
} = (await own('testing')) as Testing

const NETLINK_ROUTE = 0
const NETLINK_GENERIC = 16
/** nlctrl's id, its command GETFAMILY, and its attributes for a family's id and name. */
const [NLCTRL, GETFAMILY, FAMILY_ID, FAMILY_NAME] = [16, 3, 1, 2]
const RTNLGRP_LINK = 1

const getFamily = (payload: Uint8Array, flags = 0, sequence = 0) =>
  encodeMessage(
    { type: NLCTRL, flags: NLM_F_REQUEST | flags, sequence },
    Buffer.concat([Buffer.from([GETFAMILY, 2, 0, 0]), payload]),
  )

let socket: ReturnType<Netlink['Socket']['open']>
let explained: ReturnType<Netlink['Socket']['open']>
beforeAll(() => {})
afterAll(() => {})
beforeEach(() => {
  socket = Socket.open(NETLINK_GENERIC, { extendedAck: false })
  explained = Socket.open(NETLINK_GENERIC, { extendedAck: true, capAck: true })
})
afterEach(() => {
  socket.close()
  explained.close()
})

describe('requests', () => {
  test('refused ones', async () => {
    for (const flags of [0, NLM_F_ACK]) {
      const request = getFamily(attr.u16(FAMILY_ID, 0xfff0), flags)
      expect(await exchange(socket, request)).toEqual([refusal(request, socket, 'ENOENT')])
      await exchange(explained, request)
      await exchange(explained, getFamily(Buffer.from([3, 0, 9])))
    }
  })

  test.each([1, 2, 3])('answered ones, %i', async sequence => {
    const request = getFamily(attr.string(FAMILY_NAME, 'nlctrl'), NLM_F_ACK, sequence)
    socket.send(request)
    const { bytes, portId, groups } = await socket.receive()
    expect([portId, groups]).toEqual([0, 0])
    expect(bytes.toString('hex')).toMatch(/^[\da-f]+$/)
    expect(await heard(socket)).toEqual([acknowledgement(request, socket)])
    expect(wire(bytes)).toEqual(wire(bytes))
    expect(wire(bytes)).not.toEqual(acknowledgement(request, socket))
  })

  test('several in a datagram, and broken ones', async () => {
    const requests = [1, 2, 3].map(sequence => getFamily(attr.u16(FAMILY_ID, NLCTRL), NLM_F_ACK, sequence))
    await exchange(socket, Buffer.concat(requests))
    await exchange(
      socket,
      Buffer.alloc(16),
      Buffer.from([200, 0, 0, 0]),
      Buffer.concat([...requests, Buffer.alloc(4)]),
    )
    expect(() => Socket.open(31)).toThrow(SystemCallError)
  })

  test('subscribers', async () => {
    using one = Socket.open(NETLINK_ROUTE, { memberships: [RTNLGRP_LINK] })
    using other = Socket.open(NETLINK_ROUTE, { groups: 1 << (RTNLGRP_LINK - 1) })
    expect(await heard(one)).toEqual([])
    expect(await heard(other)).toEqual([])
    socket.send(getFamily(attr.u16(FAMILY_ID, NLCTRL)))
    const waiting = socket.receive()
    await waiting
    await expect(one.receive({ timeout: 5 })).rejects.toThrow()
  })

  test('dumps', async () => {
    using route = Socket.open(NETLINK_ROUTE)
    const links = await rtnetlink.getLinks(route)
    expect(links.length).toBeGreaterThan(0)
  })
})

test('namespaces and users', async () => {
  using elsewhere = new NetworkNamespace()
  using there = elsewhere.run(() => Socket.open(NETLINK_GENERIC))
  await exchange(there, getFamily(attr.u16(FAMILY_ID, NLCTRL)))
  const request = getFamily(attr.u16(FAMILY_ID, NLCTRL))
  asUser(nobody, () => socket.send(request))
  await heard(socket)
})

test.each([
  ['sh', '-c', 'echo words; exit 0'],
  ['ip', 'link'],
  [process.execPath, '-e', '0'],
])('programs: %s', async (...command) => {
  const { stdout } = await runProgram(command)
  expect(stdout).toEqual(expect.any(String))
})

test('files', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'warm-'))
  writeFileSync(path.join(folder, 'file'), 'text')
  expect(readFileSync(path.join(folder, 'file'), 'utf8')).toBe('text')
  rmSync(folder, { recursive: true })
})

test('memory', async () => {
  await slabGrowth(() => socket.send(getFamily(attr.u16(FAMILY_ID, NLCTRL))), 2)
})

/** A module of the kernel's own, which makes no interface, registers a kind of link, and taints nothing. */
test('modules', () => {
  const folder = path.join('/lib/modules', release())
  const [file] = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name =>
    /\bnlmon\.ko$/.test(name),
  )
  if (file === undefined) return
  const before = process.env.NETLINK_VMTEST_MODULES
  process.env.NETLINK_VMTEST_MODULES = path.dirname(path.join(folder, file))
  try {
    for (let round = 0; round < 2; round++) {
      loadModule('nlmon')
      unloadModule('nlmon')
    }
  } finally {
    if (before === undefined) delete process.env.NETLINK_VMTEST_MODULES
    else process.env.NETLINK_VMTEST_MODULES = before
  }
})

describe('failures', () => {
  test('fails with values that differ', async () => {
    const request = getFamily(attr.u16(FAMILY_ID, 0xfff0))
    expect(await exchange(socket, request)).toEqual([acknowledgement(request, socket)])
  })
  test('fails with text', () => {
    expect('one\ntwo\nthree').toBe('one\n2\nthree')
  })
  test('fails by an error', () => {
    throw new SystemCallError('sendto', 111)
  })
})
