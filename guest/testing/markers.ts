// SPDX-License-Identifier: MIT
/** The control messages by which helpers find out that all has come; diagrams leave them out. */
import { NLMSG_ERROR, NLMSG_HDRLEN, NLMSG_NOOP } from '../netlink/index.ts'

/** Sequence numbers of markers begin here, far from those that tests choose. */
export const firstMarker = 0xfeed0000

/** Whether these bytes are a marker, or the acknowledgement of one. */
export function isMarker(bytes: Uint8Array): boolean {
  if (!isOfMarker(bytes)) return false
  const type = half(bytes, 4)
  return type === NLMSG_NOOP || type === NLMSG_ERROR
}

/** Whether these bytes are a marker, or what a module of its own says to one. */
export function isOfMarker(bytes: Uint8Array): boolean {
  return bytes.length >= NLMSG_HDRLEN && half(bytes, 10) === firstMarker >>> 16
}

/** 16 bits in little-endian order, as guests have. Each sent message is looked at, so without a view. */
function half(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
}
