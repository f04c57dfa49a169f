// SPDX-License-Identifier: MIT
/** Loading and unloading genlexample. Every test leaves it unloaded. */
import { NLM_F_ACK } from 'netlink-vmtest/netlink'
import {
  acknowledgement,
  exchange,
  loadModule,
  moduleReferences,
  openGeneric,
  refusal,
  resolveFamily,
  unloadModule,
} from 'netlink-vmtest/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { GenericExample, NLEX_FAMILY_NAME } from '../support/genlexample.ts'

afterEach(() => {
  for (const name of ['genlexample', 'nlexample', 'nlcustom'])
    if (moduleReferences(name) !== undefined) unloadModule(name)
})

describe('rmmod with a socket open', () => {
  it.each(['byMembership', 'byMask'] as const)(
    'succeeds, subscribed %s; the socket then gets ENOENT',
    async how => {
      loadModule('genlexample')
      const nlex = await GenericExample.resolve()
      using socket = openGeneric(nlex[how])
      const request = nlex.update(1, { flags: NLM_F_ACK, sequence: 1 })
      expect(await exchange(socket, request)).toEqual([
        nlex.notification(1, socket, 1),
        acknowledgement(request, socket),
      ])
      unloadModule('genlexample')
      expect(moduleReferences('genlexample')).toBeUndefined()
      const get = nlex.get({ sequence: 2 })
      expect(await exchange(socket, request, get)).toEqual([
        refusal(request, socket, 'ENOENT'),
        refusal(get, socket, 'ENOENT'),
      ])
    },
  )

  it('and loaded again: the same socket goes on, under the new number', async () => {
    loadModule('genlexample')
    using socket = openGeneric()
    socket.send((await GenericExample.resolve()).update(2))
    unloadModule('genlexample')
    loadModule('genlexample')
    const nlex = await GenericExample.resolve()
    expect(await exchange(socket, nlex.get({ sequence: 3 }))).toEqual([nlex.reply(0, socket, 3)])
  })
})

describe('load twice', () => {
  it('EEXIST, and the first stays as it is', async () => {
    loadModule('genlexample')
    const nlex = await GenericExample.resolve()
    using a = openGeneric()
    a.send(nlex.update(0x01020304))
    expect(() => loadModule('genlexample')).toThrow(expect.objectContaining({ code: 'EEXIST' }))
    expect(await exchange(a, nlex.get())).toEqual([nlex.reply(0x01020304, a)])
  })
})

describe('beside the others', () => {
  it('all three work at the same time, and each is unloaded by itself', async () => {
    for (const name of ['nlexample', 'genlexample', 'nlcustom']) loadModule(name)
    const nlex = await GenericExample.resolve()
    using a = openGeneric()
    a.send(nlex.update(3))
    unloadModule('nlexample')
    unloadModule('nlcustom')
    expect(await exchange(a, nlex.get())).toEqual([nlex.reply(3, a)])
  })
})

describe('load and unload 20 times', () => {
  it('works; the value is 0 again; nothing is left of it', async () => {
    using a = openGeneric()
    for (let i = 1; i <= 20; i++) {
      loadModule('genlexample')
      const nlex = await GenericExample.resolve()
      {
        using subscriber = openGeneric(nlex.byMembership)
        expect(await exchange(a, nlex.get({ sequence: i }))).toEqual([nlex.reply(0, a, i)])
        expect(await exchange(subscriber, nlex.update(i, { sequence: i }))).toEqual([
          nlex.notification(i, subscriber, i),
        ])
      }
      expect(moduleReferences('genlexample')).toBe(0)
      unloadModule('genlexample')
      await expect(resolveFamily(a, NLEX_FAMILY_NAME)).rejects.toMatchObject({ code: 'ENOENT' })
    }
  })
})
