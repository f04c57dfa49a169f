// SPDX-License-Identifier: MIT
/**
 * The contract of the nlexample module in numbers and messages: a variable of 32 bits on a netlink protocol
 * ("bus") of its own, as in Neira Ayuso's listing 2.
 */
import {
  attr,
  encodeMessage,
  type MessageHeader,
  NLM_F_REQUEST,
  Socket,
  type SocketOptions,
} from 'netlink-vmtest/netlink'
import { type WireDatagram, wire } from 'netlink-vmtest/testing'
import {
  NETLINK_EXAMPLE,
  NLE_MYVAR,
  NLEX_GRP_MYVAR,
  NLEX_MSG_GET,
  NLEX_MSG_UPD,
} from '../../guest/programs/nlexample.ts'

export { NETLINK_EXAMPLE, NLE_MYVAR, NLEX_GRP_MYVAR, NLEX_MSG_GET, NLEX_MSG_UPD }

/** The fields of a request's header; NLM_F_REQUEST is always set. */
export type RequestFields = Omit<MessageHeader, 'type'>

/**
 * A socket on the module's protocol. Extended acknowledgements are off, the kernel's default, unless given.
 */
export function openExample(options: SocketOptions = {}): Socket {
  return Socket.open(NETLINK_EXAMPLE, { extendedAck: false, ...options })
}

/** A request to set the variable: the attribute with that value, or any bytes in its place. */
export function update(value: number | Uint8Array, fields: RequestFields = {}): Buffer {
  const payload = typeof value === 'number' ? attr.u32(NLE_MYVAR, value) : value
  return encodeMessage({ ...fields, type: NLEX_MSG_UPD, flags: (fields.flags ?? 0) | NLM_F_REQUEST }, payload)
}

/** A request for the variable. */
export function get(fields: RequestFields = {}, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  return encodeMessage({ ...fields, type: NLEX_MSG_GET, flags: (fields.flags ?? 0) | NLM_F_REQUEST }, payload)
}

/** The reply to a GET of `to` with that sequence number (0 if not given). */
export function reply(value: number, to: { portId: number }, sequence = 0): WireDatagram {
  return wire(variableBytes(value, to, sequence))
}

/** The notification of an update by `by` with that sequence number (0 if not given). */
export function notification(value: number, by: { portId: number }, sequence = 0): WireDatagram {
  return wire(variableBytes(value, by, sequence), { groups: 1 << (NLEX_GRP_MYVAR - 1) })
}

/** The bytes of {@link reply} and {@link notification}. */
export function variableBytes(value: number, { portId }: { portId: number }, sequence: number): Buffer {
  return encodeMessage({ type: NLEX_MSG_UPD, sequence, portId }, attr.u32(NLE_MYVAR, value))
}
