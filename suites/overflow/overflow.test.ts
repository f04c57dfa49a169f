/** Receive buffers that are full: who is told, what is lost, and that it goes on. */
import { NLM_F_ACK, OverflowError, type Socket } from 'netlink-vmtest/netlink'
import {
  acknowledgement,
  exchange,
  get,
  heard,
  loadModule,
  notification,
  openExample,
  reply,
  unloadModule,
  update,
  type WireDatagram,
  wire,
} from 'netlink-vmtest/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'

const count = 400
const receiveBuffer = 4096

let a: Socket
beforeAll(() => loadModule('nlexample'))
afterAll(() => unloadModule('nlexample'))
beforeEach(() => {
  a = openExample()
})
afterEach(() => a.close())

/** All that is there now: 'ENOBUFS' where the kernel says so. */
function drain(socket: Socket): (WireDatagram | 'ENOBUFS')[] {
  const events: (WireDatagram | 'ENOBUFS')[] = []
  for (;;) {
    try {
      const datagram = socket.receiveNow()
      if (datagram === undefined) return events
      events.push(wire(datagram))
    } catch (error) {
      if (!(error instanceof OverflowError)) throw error
      events.push('ENOBUFS')
    }
  }
}

/** Sends the updates, and sees each acknowledged. */
function updateAll(): void {
  for (let i = 0; i < count; i++) {
    const request = update(i, { flags: NLM_F_ACK, sequence: i })
    a.send(request)
    expect(drain(a)).toEqual([acknowledgement(request, a)])
  }
}

const notifications = (howMany: number) => Array.from({ length: howMany }, (_, i) => notification(i, a, i))

describe.each([
  ['ADD_MEMBERSHIP', { memberships: [1] }],
  ['bind mask', { groups: 1 }],
])('subscriber by %s with SO_RCVBUF 4096, 400 UPDs', (_name, subscription) => {
  it('the sender gets 400 acks; the subscriber one ENOBUFS, 9-10 messages, then hears new ones again', async () => {
    using subscriber = openExample({ ...subscription, receiveBuffer })
    updateAll()
    const [first, ...rest] = drain(subscriber)
    expect(first).toBe('ENOBUFS')
    expect([9, 10]).toContain(rest.length)
    expect(rest).toEqual(notifications(rest.length))

    a.send(update(0xffffffff, { sequence: 1 }))
    expect(await heard(subscriber)).toEqual([notification(0xffffffff, a, 1)])
  })

  it('with NETLINK_NO_ENOBUFS no error, still lost', async () => {
    using subscriber = openExample({ ...subscription, receiveBuffer, noEnobufs: true })
    updateAll()
    const messages = drain(subscriber)
    expect([9, 10]).toContain(messages.length)
    expect(messages).toEqual(notifications(messages.length))

    a.send(update(1, { sequence: 2 }))
    expect(await heard(subscriber)).toEqual([notification(1, a, 2)])
  })

  it('others lose nothing', async () => {
    using slow = openExample({ ...subscription, receiveBuffer })
    using other = openExample({ memberships: [1], receiveBuffer: 1 << 20 })
    other.setReceiveBuffer(4 << 20, { force: true })
    updateAll()
    expect(await heard(other)).toEqual(notifications(count))
    expect(drain(slow)[0]).toBe('ENOBUFS')
  })
})

describe('requester with SO_RCVBUF 4096, 400 GETs unread', () => {
  it('every sendto succeeds and none blocks; one ENOBUFS on recv, 9-10 replies', async () => {
    using requester = openExample({ receiveBuffer })
    a.send(update(0x01020304))
    for (let i = 0; i < count; i++) requester.send(get({ sequence: i }))
    const [first, ...rest] = drain(requester)
    expect(first).toBe('ENOBUFS')
    expect([9, 10]).toContain(rest.length)
    expect(rest).toEqual(rest.map((_, i) => reply(0x01020304, requester, i)))

    expect(await exchange(requester, get({ sequence: 1 }))).toEqual([reply(0x01020304, requester, 1)])
  })
})
