// SPDX-License-Identifier: MIT
/** The measurements: each does with the client what loop.c does under the name `work`. */
import koffi from 'koffi'
import {
  attr,
  encodeMessage,
  findAttribute,
  NETLINK_ROUTE,
  NETLINK_USERSOCK,
  NLMSG_NOOP,
  rtnetlink,
  Socket,
} from '../index.ts'
import { sendto } from '../socket/libc.ts'

/** Nanoseconds of wall time, and of this thread's CPU time, which other work on the machine disturbs less. */
export interface Times {
  readonly wall: number
  readonly cpu: number
}

/** A measurement, ready to be run. */
interface Run {
  /** Does all of it, and returns the times. */
  readonly once: (count: number) => Promise<Times>
  readonly close: () => void
}

export interface Measurement {
  readonly name: string
  /** The unit that the times are given for. */
  readonly unit: string
  /** The argument of loop.c. */
  readonly work: string
  readonly count: number
  /** Units in each of `count`: links in a dump. */
  readonly unitsEach?: number
  /** The least ratio to libmnl. */
  readonly target?: number
  readonly prepare: () => Run | Promise<Run>
}

const BATCH = 64
/** As many as fit into a receive buffer. */
const ROUND = 128
const LINKS = 1000

const CLOCK_MONOTONIC = 1
const CLOCK_THREAD_CPUTIME_ID = 3
const clockGettime = koffi.load(null).func('int clock_gettime(int, void *)') as (
  clock: number,
  time: BigInt64Array,
) => number
const timespec = new BigInt64Array(2)

/** As in loop.c: getrusage(), and so node's threadCpuUsage, only has the resolution of the kernel's tick. */
function readClock(clock: number): number {
  clockGettime(clock, timespec)
  return Number(timespec[0]) * 1e9 + Number(timespec[1])
}

async function timed(work: () => Promise<void>): Promise<Times> {
  const wall = readClock(CLOCK_MONOTONIC)
  const cpu = readClock(CLOCK_THREAD_CPUTIME_ID)
  await work()
  return { wall: readClock(CLOCK_MONOTONIC) - wall, cpu: readClock(CLOCK_THREAD_CPUTIME_ID) - cpu }
}

const ifinfomsg = rtnetlink.link.encode({ header: { index: 1 } })

function roundTrips(): Run {
  const socket = Socket.open(NETLINK_ROUTE)
  return {
    once: count =>
      timed(async () => {
        for (let i = 0; i < count; i++) await socket.request({ type: rtnetlink.RTM_GETLINK }, ifinfomsg)
      }),
    close: () => socket.close(),
  }
}

function batches(): Run {
  const socket = Socket.open(NETLINK_ROUTE)
  const batch = Array.from({ length: BATCH }, () => ({ type: NLMSG_NOOP }))
  return {
    once: count =>
      timed(async () => {
        for (let i = 0; i < count; i += BATCH)
          for (const { status } of await socket.batch(batch))
            if (status !== 'fulfilled') throw new Error('a request of the batch failed')
      }),
    close: () => socket.close(),
  }
}

function notifications(): Run {
  const sender = Socket.open(NETLINK_USERSOCK)
  const socket = Socket.open(NETLINK_USERSOCK)
  socket.setReceiveBuffer(1 << 20, { force: true })
  const subscription = socket.subscribe({ groups: [1] })
  const message = encodeMessage({ type: 16 }, attr.u32(1, 7))
  /** struct sockaddr_nl: AF_NETLINK, group 1. */
  const group = Buffer.from([16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])
  return {
    once: async count => {
      const total = { wall: 0, cpu: 0 }
      let sum = 0
      for (; count > 0; count -= ROUND) {
        // not by sender.send(): the copy to the kernel's own address is refused, and collecting the errors
        // would be measured too
        for (let i = 0; i < ROUND; i++) sendto(sender.fd, message, message.length, 0, group, group.length)
        const times = await timed(async () => {
          for (let i = 0; i < ROUND; i++) {
            const { value } = await subscription.next()
            if (value?.kind !== 'message') throw new Error('no message')
            sum += findAttribute(value.message.attributes(), 1)?.u32() ?? 0
          }
        })
        total.wall += times.wall
        total.cpu += times.cpu
      }
      if (sum === 0) throw new Error('nothing came')
      return total
    },
    close: () => {
      socket.close()
      sender.close()
    },
  }
}

let hasLinks = false
/** A namespace with a thousand links: pairs of veth, and the loopback device. */
async function makeLinks(socket: Socket): Promise<void> {
  if (hasLinks) return
  hasLinks = true
  for (let i = 0; i < LINKS / 2; i++)
    await rtnetlink.createLink(socket, {
      ifname: `a${i}`,
      linkinfo: { kind: 'veth', data: { peer: { attributes: { ifname: `b${i}` } } } },
    })
}

/** All values of all attributes. */
async function dumpDecoded(): Promise<Run> {
  const socket = Socket.open(NETLINK_ROUTE)
  await makeLinks(socket)
  return {
    once: count =>
      timed(async () => {
        for (let i = 0; i < count; i++) {
          const links = await rtnetlink.getLinks(socket)
          if (links.length !== LINKS + 1) throw new Error(`${links.length} links`)
        }
      }),
    close: () => socket.close(),
  }
}

/** As loop.c: a table of the attributes of each link, of which three are read. */
async function dumpAsViews(): Promise<Run> {
  const socket = Socket.open(NETLINK_ROUTE)
  await makeLinks(socket)
  return {
    once: count =>
      timed(async () => {
        let sum = 0
        for (let i = 0; i < count; i++) {
          const dump = socket.dump({ type: rtnetlink.RTM_GETLINK }, rtnetlink.link.encode())
          for (const message of await dump.collect()) {
            const { header, attributes } = rtnetlink.link.view(message)
            sum += header.index + header.flags
            sum += attributes.get('ifname')?.length ?? 0
            sum += attributes.get('mtu') ?? 0
            sum += attributes.get('operstate') === 'UP' ? 1 : 0
          }
        }
        if (sum === 0) throw new Error('nothing came')
      }),
    close: () => socket.close(),
  }
}

export const measurements: readonly Measurement[] = [
  {
    name: 'round trips of GET with ack, one at a time',
    unit: 'request',
    work: 'round-trips',
    count: 5000,
    target: 0.4,
    prepare: roundTrips,
  },
  {
    name: `requests with ack, ${BATCH} in a datagram`,
    unit: 'request',
    work: 'batches',
    count: 200 * BATCH,
    target: 0.6,
    prepare: batches,
  },
  {
    name: 'receiving notifications at full rate',
    unit: 'message',
    work: 'notifications',
    count: 100 * ROUND,
    target: 0.4,
    prepare: notifications,
  },
  {
    name: `a dump of ${LINKS} links, every value decoded, beside C that reads three of each`,
    unit: 'link',
    work: 'dump',
    count: 5,
    unitsEach: LINKS,
    target: 0.3,
    prepare: dumpDecoded,
  },
  {
    name: `a dump of ${LINKS} links, every value decoded, by both`,
    unit: 'link',
    work: 'decode',
    count: 5,
    unitsEach: LINKS,
    target: 0.3,
    prepare: dumpDecoded,
  },
  {
    name: `a dump of ${LINKS} links, three attributes of each read, by both`,
    unit: 'link',
    work: 'dump',
    count: 5,
    unitsEach: LINKS,
    target: 0.3,
    prepare: dumpAsViews,
  },
]
