// SPDX-License-Identifier: MIT
/** Loading and unloading. Every test leaves the module unloaded. */
import { readFileSync } from 'node:fs'
import { NLM_F_ACK, SystemCallError } from 'netlink-vmtest/netlink'
import { acknowledgement, exchange, loadModule, moduleReferences, unloadModule } from 'netlink-vmtest/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { get, NETLINK_EXAMPLE, notification, openExample, reply, update } from '../support/nlexample.ts'

afterEach(() => {
  for (const name of ['nlexample', 'nlhello']) if (moduleReferences(name) !== undefined) unloadModule(name)
})

/** The protocol's sockets as the kernel lists them, with its own. */
function listedSockets(): string[] {
  const lines = readFileSync('/proc/net/netlink', 'utf8').trimEnd().split('\n').slice(1)
  return lines.filter(line => Number(line.trim().split(/\s+/)[1]) === NETLINK_EXAMPLE)
}

describe('before the module is loaded and after rmmod', () => {
  it('socket(): EPROTONOSUPPORT', () => {
    expect(() => openExample()).toThrow('socket: EPROTONOSUPPORT')
    loadModule('nlexample')
    openExample().close()
    expect(listedSockets()).toHaveLength(1)
    unloadModule('nlexample')
    expect(() => openExample()).toThrow(SystemCallError)
    expect(() => openExample()).toThrow('socket: EPROTONOSUPPORT')
    expect(listedSockets()).toEqual([])
  })
})

describe('rmmod with a socket open', () => {
  it.each([
    ['a plain one', {}],
    ['a subscriber by ADD_MEMBERSHIP', { memberships: [1] }],
    ['a subscriber by bind mask', { groups: 1 }],
  ])('EAGAIN: %s; it goes on working, and once closed rmmod succeeds', async (_name, options) => {
    loadModule('nlexample')
    const socket = openExample(options)
    expect(() => unloadModule('nlexample')).toThrow(expect.objectContaining({ code: 'EAGAIN' }))
    expect(() => unloadModule('nlexample')).toThrow('nlexample: delete_module: EAGAIN: it is in use')
    const request = update(1, { flags: NLM_F_ACK, sequence: 1 })
    const expected = [acknowledgement(request, socket)]
    if ('groups' in options || 'memberships' in options) expected.unshift(notification(1, socket, 1))
    expect(await exchange(socket, request)).toEqual(expected)
    socket.close()
    expect(moduleReferences('nlexample')).toBe(0)
    unloadModule('nlexample')
    expect(moduleReferences('nlexample')).toBeUndefined()
  })
})

describe('load twice', () => {
  it('EEXIST, and the first stays as it is', async () => {
    loadModule('nlexample')
    {
      using a = openExample()
      a.send(update(0x01020304))
      expect(() => loadModule('nlexample')).toThrow(expect.objectContaining({ code: 'EEXIST' }))
      expect(() => loadModule('nlexample')).toThrow(/^nlexample: finit_module: EEXIST: it is loaded already/)
      expect(await exchange(a, get())).toEqual([reply(0x01020304, a)])
    }
    unloadModule('nlexample')
  })
})

describe('bus taken by the other module', () => {
  it.each([
    ['nlexample', 'nlhello'],
    ['nlhello', 'nlexample'],
  ])('%s first: %s fails with ENOMEM and "Can\'t create netlink"', (first, second) => {
    loadModule(first)
    expect(() => loadModule(second)).toThrow(
      expect.objectContaining({
        code: 'ENOMEM',
        log: expect.arrayContaining([expect.stringContaining("Can't create netlink")]),
      }),
    )
    expect(moduleReferences(second)).toBeUndefined()
    unloadModule(first)
    // then the protocol is free
    loadModule(second)
    unloadModule(second)
  })
})

describe('a module that is not there', () => {
  it('is named, with those that are', () => {
    expect(() => loadModule('nlexampel')).toThrow(
      /^nlexampel: there is no such module under test, but .*\bnlexample\b/,
    )
    expect(() => unloadModule('nlexampel')).toThrow('nlexampel: delete_module: ENOENT: it is not loaded')
  })
})

describe('load and unload 20 times', () => {
  it('works; the value is 0 again; nothing leaks', async () => {
    for (let i = 1; i <= 20; i++) {
      loadModule('nlexample')
      {
        using a = openExample()
        using subscriber = openExample({ memberships: [1] })
        expect(await exchange(a, get({ sequence: i }))).toEqual([reply(0, a, i)])
        expect(await exchange(subscriber, update(i, { sequence: i }))).toEqual([
          notification(i, subscriber, i),
        ])
      }
      expect(moduleReferences('nlexample')).toBe(0)
      unloadModule('nlexample')
      expect(listedSockets()).toEqual([])
    }
  })
})
