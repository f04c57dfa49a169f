// SPDX-License-Identifier: MIT
/** The control messages by which helpers find out that all has come; diagrams leave them out. */
import { NLMSG_ERROR, NLMSG_HDRLEN, NLMSG_NOOP } from '../netlink/index.ts'

/** Sequence numbers of markers begin here, far from those that tests choose. */
export const firstMarker = 0xfeed0000

/** Whether these bytes are a marker, or the acknowledgement of one. */
export function isMarker(bytes: Uint8Array): boolean {
  if (bytes.length < NLMSG_HDRLEN) return false
  // Each message that is sent is looked at: byte by byte, without a view.
  const sequenceHigh = half(bytes, 10)
  if (sequenceHigh !== firstMarker >>> 16) return false
  const type = half(bytes, 4)
  return type === NLMSG_NOOP || type === NLMSG_ERROR
}

/** 16 bits in little-endian order, as guests have. */
function half(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
}
