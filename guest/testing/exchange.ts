// SPDX-License-Identifier: MIT
import {
  type Datagram,
  encodeMessage,
  NLM_F_ACK,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_HDRLEN,
  NLMSG_NOOP,
  OverflowError,
  Socket,
  TimeoutError,
} from '../netlink/index.ts'
import { requireBuiltIns } from './built-ins.ts'
import { readBy } from './expectation.ts'
import { firstMarker } from './markers.ts'
import { acknowledgementBytes, received, type WireDatagram } from './wire.ts'

/** Kept from before any test. */
const { stringify } = JSON

let marker = firstMarker

/**
 * All that earlier requests have brought to a socket: sends a control message that the kernel only
 * acknowledges (NLMSG_NOOP), and takes everything up to that acknowledgement. The kernel handles requests
 * within send, so what they caused is in the receive buffer before it. So *silence* is proved without
 * sleeping: `expect(await heard(socket)).toEqual([])`. A dump that has begun is taken to its end.
 *
 * For protocols whose kernel side uses netlink_rcv_skb(), as nearly all do.
 */
export async function heard(socket: Socket): Promise<WireDatagram[]> {
  requireBuiltIns()
  return await heardUntilAcknowledged(socket)
}

async function heardUntilAcknowledged(socket: Socket): Promise<WireDatagram[]> {
  const all: WireDatagram[] = []
  const begun = new Set<number>()
  for (let rounds = 0; rounds < MOST_ROUNDS; rounds++) {
    const more = await cameFor(socket)
    all.push(...more.map(received))
    noteDumps(more, begun)
    // Each datagram that is taken, a marker's acknowledgement among them, brings the next one of a dump.
    if (begun.size === 0 || (more.length === 0 && rounds > 0)) return readBy(socket, all)
  }
  throw new Error(`a dump does not end: ${all.length} datagrams have come`)
}

/** Markers that a dump is read by; one that has not ended by then does not end. */
const MOST_ROUNDS = 1000

/** @param begun sequence numbers of messages of several parts that the kernel has begun, and not ended */
function noteDumps(datagrams: readonly Datagram[], begun: Set<number>): void {
  for (const { bytes, portId, groups } of datagrams) {
    if (portId !== 0 || groups !== 0) continue
    for (let at = 0; at + NLMSG_HDRLEN <= bytes.length; ) {
      const length = bytes.readUInt32LE(at)
      const [type, flags] = [bytes.readUInt16LE(at + 4), bytes.readUInt16LE(at + 6)]
      const sequence = bytes.readUInt32LE(at + 8)
      if (type === NLMSG_DONE) begun.delete(sequence)
      else if ((flags & NLM_F_MULTI) !== 0) begun.add(sequence)
      if (length < NLMSG_HDRLEN) break
      at += Math.ceil(length / 4) * 4 // NLMSG_ALIGNTO
    }
  }
}

async function cameFor(socket: Socket): Promise<Datagram[]> {
  const request = encodeMessage({
    type: NLMSG_NOOP,
    flags: NLM_F_REQUEST | NLM_F_ACK,
    sequence: marker++,
  })
  const end = acknowledgementBytes(request, socket)
  socket.send(request)
  return await cameUpTo(socket, { portId: 0, bytes: end }, 'a control message was not acknowledged')
}

/**
 * As {@link heard}, for protocols whose kernel side acknowledges nothing: a message of another socket, in the
 * same network namespace, marks the end.
 */
export async function heardUntilMarker(socket: Socket): Promise<WireDatagram[]> {
  requireBuiltIns()
  using neighbour = Socket.open(socket.protocol)
  const end = encodeMessage({ type: NLMSG_NOOP, sequence: marker++ })
  neighbour.send(end, { portId: socket.portId })
  const came = await cameUpTo(socket, { portId: neighbour.portId, bytes: end }, 'the marker did not come')
  return readBy(socket, came.map(received))
}

/**
 * All that comes before this datagram. @throws Error with what came, if the datagram does not come in time
 */
async function cameUpTo(
  socket: Socket,
  end: Pick<Datagram, 'portId' | 'bytes'>,
  missing: string,
): Promise<Datagram[]> {
  const datagrams: Datagram[] = []
  for (;;) {
    let next: Datagram
    try {
      next = await socket.receive()
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error
      throw new Error(`${missing}; until then came ${stringify(datagrams.map(received), null, 2)}`, {
        cause: error,
      })
    }
    if (next.portId === end.portId && next.bytes.equals(end.bytes)) return datagrams
    datagrams.push(next)
  }
}

/**
 * Sends each of `datagrams` to the kernel and returns all that came to the socket for them, in order; of dumps, all
 * up to their end. `expect(await exchange(socket, request)).toEqual([acknowledgement(request, socket)])` asserts that this
 * came and nothing else.
 */
export async function exchange(socket: Socket, ...datagrams: readonly Uint8Array[]): Promise<WireDatagram[]> {
  requireBuiltIns()
  for (const datagram of datagrams) socket.send(datagram)
  return await heardUntilAcknowledged(socket)
}

/**
 * All that is in a socket's receive buffer now, oldest first, with an OverflowError where messages were lost.
 * What a request causes is there when its send has returned.
 */
export function drain(socket: Socket): (Datagram | OverflowError)[] {
  requireBuiltIns()
  const events: (Datagram | OverflowError)[] = []
  for (;;) {
    try {
      const datagrams = socket.receiveReady()
      if (datagrams.length === 0) return readBy(socket, events)
      events.push(...datagrams)
    } catch (error) {
      if (!(error instanceof OverflowError)) throw error
      events.push(error)
    }
  }
}

/**
 * Datagrams as text, a line each: sender, group mask, bytes as hex. Comparing one string is much faster than
 * comparing the values of thousands of datagrams. Expected ones are given as bytes from the kernel.
 */
export function transcript(
  events: readonly (Datagram | OverflowError | Buffer)[],
  { groups = 0 }: { groups?: number } = {},
): string {
  requireBuiltIns()
  const line = (from: number, mask: number, bytes: Buffer) => `${from} ${mask} ${bytes.toString('hex')}`
  return events
    .map(event => {
      if (event instanceof OverflowError) return 'ENOBUFS'
      return Buffer.isBuffer(event) ? line(0, groups, event) : line(event.portId, event.groups, event.bytes)
    })
    .join('\n')
}
