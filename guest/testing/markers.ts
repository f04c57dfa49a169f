// SPDX-License-Identifier: MIT
/** The control messages by which helpers find out that all has come; diagrams leave them out. */
import { NLMSG_ERROR, NLMSG_HDRLEN, NLMSG_NOOP } from '../netlink/index.ts'

/** Sequence numbers of markers begin here, far from those that tests choose. */
export const firstMarker = 0xfeed0000

/** Whether these bytes are a marker, or the acknowledgement of one. */
export function isMarker(bytes: Uint8Array): boolean {
  if (!isOfMarker(bytes)) return false
  const type = new DataView(bytes.buffer, bytes.byteOffset).getUint16(4, true)
  return type === NLMSG_NOOP || type === NLMSG_ERROR
}

/** Whether these bytes are a marker, or what a module of its own says to one. */
export function isOfMarker(bytes: Uint8Array): boolean {
  if (bytes.length < NLMSG_HDRLEN) return false
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true) >>> 16 === firstMarker >>> 16
}
