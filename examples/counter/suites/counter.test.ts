// SPDX-License-Identifier: MIT
import {
  attributes,
  encodeMessage,
  NETLINK_ROUTE,
  NLM_F_ACK,
  NLM_F_REQUEST,
  payload,
  rtnetlink,
  Socket,
  struct,
  u32,
} from 'netlink-vmtest/netlink'
import {
  acknowledgement,
  exchange,
  loadModule,
  NetworkNamespace,
  refusal,
  unloadModule,
  wire,
} from 'netlink-vmtest/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'

// The numbers of counter.c.
const PROTOCOL = 29
const [ADD, GET] = [16, 17]
const content = payload(struct({ number: u32 }), attributes({}))

beforeEach(() => loadModule('counter'))
afterEach(() => unloadModule('counter'))

const parts = (number: number) => content.encode({ header: { number } })
async function ask(socket: Socket, type: number, ...bytes: Uint8Array[]): Promise<number | undefined> {
  const [answer] = await socket.request({ type }, bytes)
  return answer && content.decode(answer).header.number
}

test('what is added is the answer, and stays', async () => {
  using socket = Socket.open(PROTOCOL)
  expect(await ask(socket, ADD, ...parts(5))).toBe(5)
  expect(await ask(socket, ADD, ...parts(0xffffffff))).toBe(4)
  expect(await ask(socket, GET)).toBe(4)
})

test('each network namespace has its own number, whatever links lead from one to another', async () => {
  using elsewhere = new NetworkNamespace()
  using links = Socket.open(NETLINK_ROUTE)
  const peer = { attributes: { ifname: 'there0', netNsFd: elsewhere.fd } }
  await rtnetlink.createLink(links, { ifname: 'here0', linkinfo: { kind: 'veth', data: { peer } } })
  using here = Socket.open(PROTOCOL)
  using there = Socket.open(PROTOCOL, { namespace: elsewhere.fd })
  await ask(here, ADD, ...parts(1))
  await ask(there, ADD, ...parts(20))
  expect([await ask(here, GET), await ask(there, GET)]).toEqual([1, 20])
  await rtnetlink.deleteLink(links, 'here0')
})

test('an answer and an acknowledgement, byte for byte, and nothing else', async () => {
  using socket = Socket.open(PROTOCOL)
  const header = { type: ADD, flags: NLM_F_REQUEST | NLM_F_ACK, sequence: 3 }
  const request = encodeMessage(header, ...parts(7))
  const answer = encodeMessage({ type: GET, sequence: 3, portId: socket.portId }, ...parts(7))
  expect(await exchange(socket, request)).toEqual([wire(answer), acknowledgement(request, socket)])
})

test.each([
  ['a number that is too short', ADD, Buffer.alloc(3), 'EINVAL', 'the number to add has four bytes'],
  ['a type that it does not know', 99, Buffer.alloc(4), 'EOPNOTSUPP', undefined],
])('it refuses %s', async (_what, type, bytes, code, message) => {
  using socket = Socket.open(PROTOCOL)
  const request = encodeMessage({ type, flags: NLM_F_REQUEST | NLM_F_ACK, sequence: 1 }, bytes)
  const reason = message === undefined ? {} : { reason: { message } }
  expect(await exchange(socket, request)).toEqual([refusal(request, socket, code, reason)])
  expect(await ask(socket, GET)).toBe(0)
})
