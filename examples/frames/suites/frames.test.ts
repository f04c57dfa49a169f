// SPDX-License-Identifier: MIT
import { readFileSync, writeFileSync } from 'node:fs'
import {
  attributes,
  binary,
  GenericFamilies,
  genlmsghdr,
  NETLINK_GENERIC,
  payload,
  Socket,
  u16,
  u32,
} from 'netlink-vmtest/netlink'
import { loadModule, moduleReferences, runProgram, unloadModule } from 'netlink-vmtest/testing'
import { afterEach, expect, test } from 'vitest'

// The numbers of frames.c.
const SUM = 1
const frames = payload(genlmsghdr, attributes({ bytes: [1, binary], sum: [2, u16], count: [3, u32] }))

afterEach(() => {
  for (const module of ['frames', 'tally']) if (moduleReferences(module) !== undefined) unloadModule(module)
})

async function sum(bytes: Buffer) {
  using families = GenericFamilies.open()
  const { id } = await families.resolve('frames')
  using socket = Socket.open(NETLINK_GENERIC)
  const request = frames.encode({ header: { command: SUM, version: 1 }, attributes: { bytes } })
  const [reply] = await socket.request({ type: id }, request, { schema: frames })
  return reply && frames.decode(reply).attributes
}

/** CRC-16 of ITU-T V.41, bit by bit. */
function crc(bytes: Buffer, seed: number): number {
  let value = seed
  for (const byte of bytes) {
    value ^= byte << 8
    for (let bit = 0; bit < 8; bit++) value = value & 0x8000 ? (value << 1) ^ 0x1021 : value << 1
  }
  return value & 0xffff
}

test('what it needs is loaded with it: its sibling, and a module of the kernel', () => {
  loadModule('frames')
  expect(moduleReferences('tally')).toBe(1)
  expect(readFileSync('/proc/modules', 'utf8')).toMatch(/^crc_itu_t \d+ 1 frames,/m)
  expect(() => unloadModule('tally')).toThrow('EAGAIN')
})

test('modprobe loads it, too', async () => {
  expect(await runProgram(['modprobe', 'frames'])).toMatchObject({ status: 0 })
  expect(moduleReferences('frames')).toBe(0)
})

test('checksums begin with the parameter seed, and are counted', async () => {
  loadModule('frames', 'seed=0x1d0f')
  const bytes = Buffer.from('123456789')
  expect(await sum(bytes)).toEqual({ sum: crc(bytes, 0x1d0f), count: 1 })
  expect(await sum(bytes)).toEqual({ sum: 0xe5cc, count: 2 })
})

test('the parameter limit is that of each frame, and may change at any time', async () => {
  loadModule('frames', 'limit=4')
  await expect(sum(Buffer.alloc(5))).rejects.toMatchObject({
    code: 'EMSGSIZE',
    paths: { attribute: 'bytes' },
  })
  writeFileSync('/sys/module/frames/parameters/limit', '5')
  expect(await sum(Buffer.alloc(5))).toMatchObject({ count: 1 })
})

test.each([
  ['limit=0', 'EINVAL', 'frames: a limit of 0 leaves no frame'],
  ['seed=65536', 'ERANGE', ''],
])('it refuses %s', (parameters, code, log) => {
  expect(() => loadModule('frames', parameters)).toThrow(code)
  expect(() => loadModule('frames', parameters)).toThrow(log)
})
