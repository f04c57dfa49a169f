// SPDX-License-Identifier: MIT
import {
  attributes,
  encodeMessage,
  GenericFamilies,
  genlmsghdr,
  KernelError,
  NETLINK_GENERIC,
  NLM_F_ACK,
  NLM_F_ECHO,
  NLM_F_REQUEST,
  payload,
  Socket,
  string,
  u32,
} from 'netlink-vmtest/netlink'
import {
  acknowledgement,
  asUser,
  exchange,
  heard,
  loadModule,
  nobody,
  refusal,
  unloadModule,
  wire,
} from 'netlink-vmtest/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'

// The numbers of store.h.
const [SET, GET, DELETE, ADD] = [1, 2, 3, 4]
const store = payload(genlmsghdr, attributes({ name: [1, string], value: [2, u32] }))
type Entry = { name?: string; value?: number }

let family: number
let changes: number
let socket: Socket
beforeEach(async () => {
  loadModule('store')
  using families = GenericFamilies.open()
  family = (await families.resolve('store')).id
  changes = await families.group('store', 'changes')
  socket = Socket.open(NETLINK_GENERIC)
})
afterEach(() => {
  socket.close()
  unloadModule('store')
})

const parts = (command: number, entry: Entry) =>
  store.encode({ header: { command, version: 1 }, attributes: entry })

/** Sends a request, and returns the answers. */
async function ask(command: number, entry: Entry) {
  const answers = await socket.request({ type: family }, parts(command, entry), { schema: store })
  return answers.map(message => store.decode(message).attributes)
}

test('a value that was set is the answer', async () => {
  await ask(SET, { name: 'speed', value: 42 })
  expect(await ask(GET, { name: 'speed' })).toEqual([{ name: 'speed', value: 42 }])
})

test('a dump has all entries, also if they need several datagrams', async () => {
  const entries = Array.from({ length: 1000 }, (_, value) => ({ name: `name-${value}`, value }))
  for (const entry of entries) await ask(SET, entry)
  const dump = socket.dump({ type: family }, parts(GET, {}), { schema: store })
  expect((await dump.collect()).map(message => store.decode(message).attributes)).toEqual(entries)
  expect(dump.isInterrupted).toBe(false)
})

/** A request as bytes, and what the kernel sends because of it. */
const request = (command: number, entry: Entry, flags = 0) =>
  encodeMessage(
    { type: family, flags: NLM_F_REQUEST | NLM_F_ACK | flags, sequence: 5 },
    ...parts(command, entry),
  )
const sent = (command: number, entry: Entry, to: Socket) =>
  encodeMessage({ type: family, sequence: 5, portId: to.portId }, ...parts(command, entry))

test('the group hears of each change, and of nothing else', async () => {
  using subscriber = Socket.open(NETLINK_GENERIC, { memberships: [changes] })
  const entry = { name: 'speed', value: 1 }
  await exchange(socket, request(SET, entry), request(GET, { name: 'speed' }))
  await exchange(socket, request(DELETE, { name: 'speed' }))
  expect(await heard(subscriber)).toEqual([
    wire(sent(SET, entry, socket), { group: changes }),
    wire(sent(DELETE, entry, socket), { group: changes }),
  ])
})

test('ECHO: the requester hears of its own change, and then of its success', async () => {
  const entry = { name: 'speed', value: 7 }
  const set = request(SET, entry, NLM_F_ECHO)
  expect(await exchange(socket, set)).toEqual([
    // It is the group's notification, although the requester is no member.
    wire(sent(SET, entry, socket), { group: changes }),
    acknowledgement(set, socket),
  ])
})

test('errors name what is wrong', async () => {
  const error = await ask(GET, { name: 'nosuch' }).catch(reason => reason)
  expect(error).toBeInstanceOf(KernelError)
  expect(error).toMatchObject({ code: 'ENOENT', paths: { attribute: 'name' } })
  expect(error.answer.extendedAck.message).toBe('no such name')
  await expect(ask(SET, { name: 'speed' })).rejects.toThrow('a value is missing')
  await expect(ask(SET, { name: 'x'.repeat(16), value: 1 })).rejects.toMatchObject({ code: 'EINVAL' })
})

test('a refused change changes nothing', async () => {
  await ask(SET, { name: 'speed', value: 1 })
  await expect(ask(ADD, { name: 'speed', value: 2 })).rejects.toMatchObject({ code: 'EEXIST' })
  expect(await ask(GET, { name: 'speed' })).toEqual([{ name: 'speed', value: 1 }])
})

test('only an administrator may set', async () => {
  const set = request(SET, { name: 'speed', value: 2 })
  asUser(nobody, () => socket.send(set))
  expect(await heard(socket)).toEqual([refusal(set, socket, 'EPERM')])
  await expect(ask(GET, { name: 'speed' })).rejects.toMatchObject({ code: 'ENOENT' })
})
