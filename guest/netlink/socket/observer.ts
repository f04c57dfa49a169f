// SPDX-License-Identifier: MIT
/** What all sockets of this thread do, for somebody who watches: a recorder of conversations. */
import type { RequestSchema } from '../codec/attribute-path.ts'
import type { Datagram } from './datagram.ts'
import type { Destination } from './options.ts'

/** A socket as an observer sees it. */
export interface ObservedSocket {
  /** Unique in this process: the socket's `identity`. */
  readonly identity: number
  /** NETLINK_ROUTE, NETLINK_GENERIC ... */
  readonly protocol: number
  /** 0 before it is bound. */
  readonly portId: number
}

/**
 * Called for each socket and all that passes through it. Must not throw. Bytes that were sent may be changed
 * after the call: copy them to keep them; those that came are not written to again.
 */
export interface SocketObserver {
  /** @param namespace where it was opened: a path or a descriptor; undefined for the thread's own */
  opened(socket: ObservedSocket, namespace: string | number | undefined): void
  /** @param groups the mask of bind(2) */
  bound(socket: ObservedSocket, groups: number): void
  /** It has joined a group by its number. */
  joined(socket: ObservedSocket, group: number): void
  /** It has left a group. */
  left(socket: ObservedSocket, group: number): void
  /** It is about to send: the call may not return, if the kernel does not survive it. */
  sending?(socket: ObservedSocket, bytes: Uint8Array, to: Destination | null | undefined): void
  /** @param schema of the payload, where the caller gave one */
  sent(
    socket: ObservedSocket,
    bytes: Uint8Array,
    to: Destination | null | undefined,
    schema: RequestSchema | undefined,
  ): void
  /** It has taken a datagram from its receive buffer. */
  received(socket: ObservedSocket, datagram: Datagram): void
  /**
   * A system call failed; ENOBUFS of recvmsg: messages were lost.
   * @param bytes what was to be sent
   * @param about {@link SystemCallError.about}
   */
  failed(socket: ObservedSocket, call: string, code: string, bytes?: Uint8Array, about?: string): void
  /** Nothing came for a call within its limit, in milliseconds. */
  waited?(socket: ObservedSocket, limit: number): void
  /** It is closed. */
  closed(socket: ObservedSocket): void
}

/** The observer of this thread's sockets. */
export let observer: SocketObserver | undefined

/** Sets the observer of all sockets of this thread, those that are open too; undefined ends it. */
export function observeSockets(next: SocketObserver | undefined): void {
  observer = next
}
