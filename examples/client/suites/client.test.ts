// SPDX-License-Identifier: MIT
import {
  attributes,
  encodeMessage,
  NLM_F_REQUEST,
  payload,
  Socket,
  string,
  struct,
} from 'netlink-vmtest/netlink'
import {
  exchange,
  loadModule,
  moduleReferences,
  nobody,
  runProgram,
  unloadModule,
  wire,
} from 'netlink-vmtest/testing'
import { afterEach, expect, test } from 'vitest'

// The numbers of answers.c.
const PROTOCOL = 28
const TEXT = 16
const content = payload(struct({}), attributes({ text: [1, string] }))

afterEach(() => {
  if (moduleReferences('answers') !== undefined) unloadModule('answers')
})

test('the client prints the answer of the module', async () => {
  loadModule('answers')
  expect(await runProgram(['ask', 'hello'])).toEqual({ status: 0, stdout: 'HELLO\n', stderr: '' })
  const longest = 'x'.repeat(64)
  expect(await runProgram(['ask', longest])).toMatchObject({ stdout: `${longest.toUpperCase()}\n` })
})

test('everybody may ask', async () => {
  loadModule('answers')
  expect(await runProgram(['ask', 'hello'], { user: nobody })).toMatchObject({ status: 0, stdout: 'HELLO\n' })
})

test('the client says why there is no answer', async () => {
  expect(await runProgram(['ask', 'hello'])).toEqual({
    status: 1,
    stdout: '',
    stderr: 'ask: there is no socket: Protocol not supported\n',
  })
  expect(await runProgram(['ask'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('usage: ask TEXT'),
  })
})

test('what the client gets is what the module sends, byte for byte', async () => {
  loadModule('answers')
  using socket = Socket.open(PROTOCOL)
  const parts = (text: string) => content.encode({ attributes: { text } })
  const request = encodeMessage({ type: TEXT, flags: NLM_F_REQUEST, sequence: 1 }, ...parts('abc'))
  const answer = encodeMessage({ type: TEXT, sequence: 1, portId: socket.portId }, ...parts('ABC'))
  expect(await exchange(socket, request)).toEqual([wire(answer)])
})
