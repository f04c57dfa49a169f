// SPDX-License-Identifier: MIT
/** Loading and unloading nlhello and nlcustom. Every test leaves them unloaded. */
import { readFileSync } from 'node:fs'
import { Socket } from 'netlink-vmtest/netlink'
import {
  heardUntilMarker,
  KernelLog,
  loadModule,
  moduleReferences,
  unloadModule,
} from 'netlink-vmtest/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { customAnswer, NETLINK_CUSTOMFAMILY } from '../support/nlcustom.ts'
import { NETLINK_EXAMPLE } from '../support/nlexample.ts'

const modules = [
  ['nlhello', NETLINK_EXAMPLE, 'Hello world', []],
  ['nlcustom', NETLINK_CUSTOMFAMILY, 'Entering: custom_nl_receive_message', [customAnswer]],
] as const

afterEach(() => {
  for (const [name] of modules) if (moduleReferences(name) !== undefined) unloadModule(name)
})

/** The protocol's sockets as the kernel lists them, with its own. */
function listedSockets(protocol: number): string[] {
  const lines = readFileSync('/proc/net/netlink', 'utf8').trimEnd().split('\n').slice(1)
  return lines.filter(line => Number(line.trim().split(/\s+/)[1]) === protocol)
}

describe.each(modules)('%s', (name, protocol, line, answers) => {
  const open = () => Socket.open(protocol)
  const greeting = Buffer.from('10000000000000000000000000000000', 'hex')

  /** It logs a datagram, and answers as specified. */
  async function works(socket: Socket): Promise<void> {
    using log = KernelLog.fromNow()
    socket.send(greeting)
    expect(log.read()[0]).toEqual({ level: 6, text: line })
    expect(await heardUntilMarker(socket)).toEqual(answers)
  }

  it('before it is loaded and after rmmod: socket(): EPROTONOSUPPORT', () => {
    expect(open).toThrow('socket: EPROTONOSUPPORT')
    loadModule(name)
    open().close()
    expect(listedSockets(protocol)).toHaveLength(1)
    unloadModule(name)
    expect(open).toThrow('socket: EPROTONOSUPPORT')
    expect(listedSockets(protocol)).toEqual([])
  })

  it('rmmod with a socket open: EAGAIN; it goes on working, and once closed rmmod succeeds', async () => {
    loadModule(name)
    const socket = open()
    expect(() => unloadModule(name)).toThrow(expect.objectContaining({ code: 'EAGAIN' }))
    await works(socket)
    socket.close()
    expect(moduleReferences(name)).toBe(0)
    unloadModule(name)
    expect(moduleReferences(name)).toBeUndefined()
  })

  it('load twice: EEXIST, and the first stays as it is', async () => {
    loadModule(name)
    expect(() => loadModule(name)).toThrow(expect.objectContaining({ code: 'EEXIST' }))
    using socket = open()
    await works(socket)
  })

  it('load and unload 20 times: works, nothing is left of it', async () => {
    for (let i = 0; i < 20; i++) {
      loadModule(name)
      {
        using socket = open()
        await works(socket)
      }
      expect(moduleReferences(name)).toBe(0)
      unloadModule(name)
      expect(listedSockets(protocol)).toEqual([])
    }
  })
})
