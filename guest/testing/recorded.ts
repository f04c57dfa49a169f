// SPDX-License-Identifier: MIT
/** What a recording has. */
import type { Datagram, Destination, ObservedSocket, RequestSchema } from '../netlink/index.ts'

/** A socket in a recording. */
export interface RecordedSocket extends ObservedSocket {
  /** A path or descriptor of the namespace that it was opened in; undefined: the test's own. */
  readonly namespace: string | number | undefined
  /** The thread that it belongs to; undefined: the test's own. */
  readonly thread: number | undefined
  /** The groups that it has joined, by now. */
  readonly groups: ReadonlySet<number>
}

export type RecordedEvent = {
  readonly socket: RecordedSocket
  /** Milliseconds, as performance.now(). */
  readonly time: number
  /** Events before it that were not told; undefined: none. */
  readonly missed?: number
} & (
  | {
      readonly kind: 'sent'
      readonly bytes: Uint8Array
      readonly to: Destination | null | undefined
      readonly schema: RequestSchema | undefined
    }
  | { readonly kind: 'received'; readonly datagram: Datagram }
  | {
      readonly kind: 'failed'
      readonly call: string
      readonly code: string
      readonly bytes?: Uint8Array
      /** What the call was about: SystemCallError's. */
      readonly about: string
    }
  /** In vain, so many milliseconds. */
  | { readonly kind: 'waited'; readonly limit: number }
  | { readonly kind: 'joined' | 'left'; readonly group: number }
  | { readonly kind: 'opened' | 'closed' }
)

/** The events of a test, the first and the last ones if there are too many. */
export interface Conversation {
  readonly first: readonly RecordedEvent[]
  /** How many came between them, and were dropped. */
  readonly dropped: number
  readonly last: readonly RecordedEvent[]
  /** Threads of which nobody knows what they have said; undefined: none. */
  readonly unheard?: readonly number[]
  /** All sockets that were open in its time, in the order of opening. */
  readonly sockets: readonly RecordedSocket[]
}
