import {
  encodeMessage,
  NLM_F_ACK,
  NLM_F_REQUEST,
  NLMSG_NOOP,
  Socket,
  TimeoutError,
} from '../netlink/index.ts'
import { acknowledgement, type WireDatagram, wire } from './wire.ts'

/** Sequence numbers of markers, out of the way of those that tests choose. */
let marker = 0xfeed0000

/**
 * All that has come to a socket, and nothing more to come: it sends a control message that the kernel acknowledges and
 * does nothing about (NLMSG_NOOP), and takes everything up to that acknowledgement. The kernel handles requests
 * within send, so what earlier requests caused was in the receive buffer before it. So *silence* is proved
 * without sleeping: `expect(await heard(socket)).toEqual([])`.
 *
 * For protocols whose kernel side goes through netlink_rcv_skb(), as nearly all do.
 */
export async function heard(socket: Socket): Promise<WireDatagram[]> {
  const request = encodeMessage({
    type: NLMSG_NOOP,
    flags: NLM_F_REQUEST | NLM_F_ACK,
    sequence: marker++,
  })
  const end = JSON.stringify(acknowledgement(request, socket))
  socket.send(request)
  const datagrams: WireDatagram[] = []
  for (;;) {
    let next: WireDatagram
    try {
      next = wire(await socket.receive())
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error
      throw new Error(
        `a control message was not acknowledged; until then came ${JSON.stringify(datagrams, null, 2)}`,
        { cause: error },
      )
    }
    if (JSON.stringify(next) === end) return datagrams
    datagrams.push(next)
  }
}

/**
 * As {@link heard}, for protocols whose kernel side acknowledges nothing: the end is marked by a message of another
 * socket of ours, which has to be in the same network namespace.
 */
export async function heardUntilMarker(socket: Socket): Promise<WireDatagram[]> {
  using neighbour = Socket.open(socket.protocol)
  const end = encodeMessage({ type: NLMSG_NOOP, sequence: marker++ })
  neighbour.send(end, { portId: socket.portId })
  const datagrams: WireDatagram[] = []
  for (;;) {
    const next = await socket.receive()
    if (next.portId === neighbour.portId && next.bytes.equals(end)) return datagrams
    datagrams.push(wire(next))
  }
}

/**
 * Sends each of `datagrams` to the kernel and returns all that came to the socket for them, in order:
 * `expect(await exchange(socket, request)).toEqual([acknowledgement(request, socket)])` says that this came and nothing else.
 */
export async function exchange(socket: Socket, ...datagrams: readonly Uint8Array[]): Promise<WireDatagram[]> {
  for (const datagram of datagrams) socket.send(datagram)
  return await heard(socket)
}
